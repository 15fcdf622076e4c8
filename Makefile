# Everything a person or a machine does with this repository. `make help` lists it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help
help:  ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml uv.lock
	@test -x $(BIN)/uv || ($(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.13")
	@$(BIN)/uv sync --quiet --frozen
	@touch $@

.PHONY: install
install: $(STAMP)  ## put everything the project needs into .venv, from PyPI alone

.PHONY: format
format: install  ## rewrite the code in ruff's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: lint
lint: install  ## ruff, mypy --strict, import-linter, lock file up to date
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/uv lock --check --quiet

.PHONY: clean
clean:  ## remove what make run and make test left behind (not .venv)
	rm -rf var .coverage* .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
