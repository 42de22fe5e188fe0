# Everything runs in .venv, made by `make setup` from pyproject.toml and constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help setup demo docs hud hud-picture page browser test lint format kills bench clean

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
	$(BIN)/spymaster sample --out demo --options
	$(BIN)/spymaster ingest demo --root ES
	$(BIN)/spymaster build $(DEMO_DAY) --var session_start=09:28 --var session_end=09:38
	$(BIN)/spymaster picture $(DEMO_DAY) --out $(DEMO_PICTURE)
	@printf '\nThe heatmap is in %s. Next, try:\n' $(DEMO_PICTURE)
	@printf '  %s\n' \
		'.venv/bin/spymaster sql "from wall_surface_1s order by depth_qty_end desc limit 10"' \
		'make hud' \
		'.venv/bin/spymaster check data $(DEMO_DAY)'

docs: setup ## The documentation site: every table, column and the lineage, on this machine.
	$(BIN)/spymaster docs

LAKE := $(or $(SPYMASTER_LAKE),lake)

hud: setup ## The HUD in the browser, on the newest complete day of the lake; without one, on the demo's.
	@ls -d $(LAKE)/silver >/dev/null 2>&1 || $(MAKE) --no-print-directory demo
	$(BIN)/spymaster serve

hud-picture: demo browser ## Take README's picture of the HUD anew.
	$(BIN)/python docs/hud_picture.py $(LAKE)

page: ## Build the HUD's page from its sources (Node and npm).
	cd spymaster/hud/page_src && npm install --no-package-lock --no-audit --no-fund && npx tsc --noEmit && node build.mjs

browser: ## Install chromium for the browser tests; where it cannot be, they are skipped with a word.
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

kills: setup ## Builds killed 50 times at random moments while readers look on (ten minutes).
	$(BIN)/python tests/kills.py

bench: setup ## Every benchmark in bench/, one after the other (long).
	$(BIN)/python -m bench

clean: ## Remove what tools left; the lake stays.
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dbt_project/target dbt_project/logs
