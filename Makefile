# Needs: Python 3.11 or 3.12 with venv. Everything else is installed into .venv.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?=
OUT ?= out/openi
PYTEST_ARGS ?=
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: help run test lint setup setup-train clean

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'

# Installs again only when what is wanted has changed.
$(STAMP): pyproject.toml constraints.txt scripts/venv.sh
	@PYTHON="$(PYTHON)" scripts/venv.sh dev
	@touch $@

setup: $(STAMP)  ## make .venv with all that run and test need

setup-train: $(STAMP)  ## add torch and all that training needs (several GB)
	@scripts/venv.sh dev,train

run: $(STAMP)  ## the 3,955 OpenI reports to audited label tables in out/openi
	@$(BIN)/cxrmine run openi --profile openi-mesh --out $(OUT)

test: $(STAMP)  ## the tests
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(PYTEST_ARGS)

lint: $(STAMP)  ## ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

clean:  ## remove .venv, caches of the tools and out/
	rm -rf .venv out build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
