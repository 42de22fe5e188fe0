# Everything runs in .venv, made by `make setup` from pyproject.toml and constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help setup demo docs hud page browser test lint format bench clean

help: ## Show the targets.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(STAMP) ## Make .venv and install everything into it.

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; choose one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

DEMO_DAY := --dt 2026-01-06 --symbol ESH6
DEMO_PICTURE := demo/heatmap-ESH6-2026-01-06.png

demo: setup ## From nothing to tables and a picture: ten minutes of a sample market.
	$(BIN)/spymaster sample --out demo
	$(BIN)/spymaster ingest demo --root ES
	$(BIN)/spymaster build $(DEMO_DAY) --var session_start=09:28 --var session_end=09:38
	$(BIN)/spymaster picture $(DEMO_DAY) --out $(DEMO_PICTURE)
	@printf '\nThe heatmap is in %s. Next, try:\n' $(DEMO_PICTURE)
	@printf '  %s\n' \
		'.venv/bin/duckdb -c "from read_parquet('"'lake/silver/**/table=wall_surface_1s/dt=*/part-*.parquet'"') order by depth_qty_end desc limit 10"' \
		'.venv/bin/spymaster build $(DEMO_DAY) --var session_start=09:28 --var session_end=09:38 --var hud_max_ticks=600' \
		'.venv/bin/spymaster ingest --help'

docs: setup ## The documentation site: every table, column and the lineage, on this machine.
	$(BIN)/spymaster docs

HUD_LAKE := demo/hud-lake
HUD_DAY := $(HUD_LAKE)/silver/product_type=future_mbo/symbol=ESH6/table=physics_bands_1s/dt=2026-01-06/_SUCCESS

hud: $(HUD_DAY) ## The HUD in the browser: a sample day with options, built and served.
	$(BIN)/spymaster serve --lake $(HUD_LAKE)

$(HUD_DAY): | setup
	$(BIN)/spymaster sample --out demo/hud --options
	$(BIN)/spymaster ingest demo/hud --root ES --lake $(HUD_LAKE) --overwrite
	$(BIN)/spymaster build $(DEMO_DAY) --lake $(HUD_LAKE) --var session_start=09:28 --var session_end=09:38

page: ## Build the HUD's page from its sources (Node and npm).
	cd spymaster/hud/page_src && npm install --no-package-lock --no-audit --no-fund && npx tsc --noEmit && node build.mjs

# Browser tests are skipped, with a word, where there is none and it cannot be installed.
browser:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
		&& apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } \
		|| echo "no chromium and no way to install it (apt-get as root): browser tests are skipped"

test: setup browser lint ## Lint, types, contracts, tests.
	$(BIN)/pytest

lint: setup ## Ruff, mypy, sqlfluff; generated files up to date.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/spymaster contracts generate --check
	$(BIN)/sqlfluff lint dbt_project/models
	$(BIN)/sqlfluff lint --templater raw spymaster/checks

format: setup ## Format Python and SQL.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/sqlfluff fix dbt_project/models

bench: setup ## Messages a second of sample, ingest and engine (several minutes).
	$(BIN)/python -m bench

clean: ## Remove what tools left; the lake stays.
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dbt_project/target dbt_project/logs
