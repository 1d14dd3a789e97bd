# Every target builds the environment that it needs in .venv; a second call installs nothing.
# PYTHON=python3.12 make test   another interpreter        TEST_WORKERS=8 make test   more test processes

PYTHON ?= python3
TEST_WORKERS ?= 2

VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt

# No window is ever opened, not even where there is a screen.
export MPLBACKEND ?= Agg

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint format docs bench clean
.DELETE_ON_ERROR:

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.stamp-core ## Fit, search and plot on a small data set: the tour of the library
	@$(BIN)/python examples/demo.py

test: $(VENV)/.stamp-dev ## Run the quick tests and the docstrings' examples
	@$(BIN)/python -m pytest -q --numprocesses $(TEST_WORKERS)

test-all: $(VENV)/.stamp-dev ## Run all tests, the slow ones too
	@$(BIN)/python -m pytest -q --numprocesses $(TEST_WORKERS) -m ""

lint: $(VENV)/.stamp-dev ## Check style, types and the layers of the package
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(VENV)/.stamp-dev ## Format the code and repair what can be repaired
	@$(BIN)/ruff check --fix --quiet
	@$(BIN)/ruff format --quiet

docs: $(VENV)/.stamp-docs ## Build the documentation; a warning is an error
	@rm -rf docs/_build docs/generated # pages of names that are gone would be warnings
	@$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

bench: $(VENV)/.stamp-core ## Measure, and write docs/benchmarks.md
	@$(BIN)/python -m benchmarks

clean: ## Remove the environment, caches and built files
	@rm -rf $(VENV) build dist docs/_build docs/generated .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

# --- Environments ------------------------------------------------------------------------------------------------------

$(VENV)/.stamp-python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else \
	  "sknets needs Python 3.11 or newer, this is %d.%d. Name another one: make PYTHON=python3.12 ..." % v[:2])'
	@$(PYTHON) -m venv $(VENV)
	@touch $@

# torch first, alone and pinned: its build is settled before pip looks at the packages that need it. A newer one could
# bring gigabytes of GPU libraries along.
$(VENV)/.stamp-core: $(VENV)/.stamp-python pyproject.toml constraints.txt
	@echo "Installing sknets into $(VENV) (a few minutes the first time) ..."
	@$(PIP_INSTALL) torch
	@$(PIP_INSTALL) --editable .
	@touch $@

$(VENV)/.stamp-dev: $(VENV)/.stamp-core
	@echo "Installing the tools for tests and checks ..."
	@$(PIP_INSTALL) --editable '.[dev]'
	@touch $@

$(VENV)/.stamp-docs: $(VENV)/.stamp-core
	@echo "Installing the tools for the documentation ..."
	@$(PIP_INSTALL) --editable '.[docs]'
	@touch $@
