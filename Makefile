# Everything runs in .venv, made by `make setup` from pyproject.toml and constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help setup demo test lint check format bench bench-memory kill-test clean

help: ## Show the targets.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(STAMP) ## Make .venv and install everything into it.

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; choose one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

demo: setup ## Build a sample morning from nothing: tables, sizes, a picture.
	@$(BIN)/spymaster demo

test: setup lint ## Lint, types, contracts, tests.
	$(BIN)/pytest

lint: setup ## Ruff, mypy, sqlfluff; generated files up to date.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/spymaster contracts generate --check
	$(BIN)/sqlfluff lint dbt_project/models

format: setup ## Format Python and SQL.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/sqlfluff fix dbt_project/models

bench: setup ## Messages a second of sample, ingest and engine (several minutes).
	$(BIN)/python -m bench

clean: ## Remove what tools left; the lake stays.
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dbt_project/target dbt_project/logs
