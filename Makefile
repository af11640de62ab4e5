# Needs: Python 3.11 or 3.12 with venv. Everything else is installed into .venv.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?=
OUT ?= out/openi
PYTEST_ARGS ?=
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: help run demo test test-all fuzz soak lint audit rules freeze-parses setup clean

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'

# Installs again only when what is wanted has changed.
$(STAMP): pyproject.toml constraints.txt scripts/venv.sh
	@PYTHON="$(PYTHON)" scripts/venv.sh dev,train,stanza,dask,deid,language
	@touch $@

setup: $(STAMP)  ## make .venv with everything (several GB: torch and its libraries)

run: $(STAMP)  ## the 3,955 OpenI reports to audited label tables in out/openi; then the demo
	@$(BIN)/cxrmine run openi --profile openi-mesh --out $(OUT)
	@$(MAKE) --no-print-directory demo

DEMO ?= out/demo
# Small enough for two cores; half precision only where the processor computes in it.
DEMO_SETTINGS ?= backbone=alexnet image_size=128 grid=7 r=2 steps=400 batch=32 learning_rate=0.001 \
	augment=false patience=0 validations=3 checkpoints=1 \
	$(shell grep -qs amx_bf16 /proc/cpuinfo && echo precision=bf16)
demo: $(STAMP)  ## made-up images and reports → mined labels → network → boxes → gallery, in two minutes of two cores
	@[ -d $(DEMO)/phantoms ] || $(BIN)/cxrmine phantoms --out $(DEMO)/phantoms --count 900
	@$(BIN)/cxrmine run $(DEMO)/phantoms/reports.jsonl --findings chestxray8 --images $(DEMO)/phantoms \
		--truth $(DEMO)/phantoms/boxes.parquet --preset modern $(DEMO_SETTINGS:%=--set %) --out $(DEMO)

test: $(STAMP)  ## the tests, but for those that take long
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow" $(PYTEST_ARGS)

# What needs a program that is not there is skipped, and the reason says how to get it.
test-all: $(STAMP)  ## all tests, with much more fuzzing, and every skipped one with its reason
	@CXRMINE_FUZZ_EXAMPLES=$${CXRMINE_FUZZ_EXAMPLES:-1000} CXRMINE_FUZZ_SECONDS=$${CXRMINE_FUZZ_SECONDS:-60} \
	$(BIN)/python -m pytest -n 2 --dist loadfile -rs $(PYTEST_ARGS)

FUZZ_SECONDS ?= 300
fuzz: $(STAMP)  ## fuzzing guided by coverage (needs: .venv/bin/pip install atheris), FUZZ_SECONDS each
	@$(BIN)/python -m tests.fuzz.guided readers -max_total_time=$(FUZZ_SECONDS)
	@$(BIN)/python -m tests.fuzz.guided text -max_total_time=$(FUZZ_SECONDS)

NIGHTS ?= 200
soak: $(STAMP)  ## nights of runs with kills at random moments: is what is left always whole?
	@$(BIN)/python -m benchmarks.soak --nights $(NIGHTS) --markdown docs/results/soak.md

audit: $(STAMP)  ## the labels of OpenI beside keyword search, negspacy and medspaCy; cross-validation
	@$(BIN)/python -m benchmarks.audit_openi --markdown docs/results/openi_audit.md
	@$(BIN)/python -m benchmarks.cross_validation --markdown docs/results/openi_cross_validation.md
	@$(BIN)/python -m benchmarks.openi_errors --markdown docs/results/openi_errors.md
	@$(BIN)/python -m benchmarks.negation

BENCH_REPORTS ?= 10000 100000
bench: $(STAMP)  ## speed beside negspacy and medspaCy, and runs by size of corpus (BENCH_REPORTS=1000000)
	$(BIN)/python -m benchmarks.speed
	$(BIN)/python -m benchmarks.parts
	$(BIN)/python -m benchmarks.scale --reports $(BENCH_REPORTS)

rules: $(STAMP)  ## every rule over OpenI: how often it fires, decides, and is right
	@$(BIN)/cxrmine rules check openi

freeze-parses: $(STAMP)  ## the frozen parses of all example sentences, after a change of rules or weights
	@$(BIN)/python -m mining.parsing.frozen freeze

lint: $(STAMP)  ## ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

clean:  ## remove .venv, caches of the tools and out/
	rm -rf .venv out build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
