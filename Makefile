# Every target sets itself up from nothing: Python 3.11 with venv and pip is enough.
.DEFAULT_GOAL := help
.PHONY: help demo check check-fast check-slow check-all check-compiled bench fmt docs lock sbom wheel clean \
  env env-compiled env-align env-oracle env-engines env-peers

BIN := .venv/bin
# What pytest runs; narrow it with  make check TESTS=tests/ledger
TESTS ?= tests
PYTEST := $(BIN)/python -m pytest -rs

help: ## Say what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: env ## One call through everything, from nothing
	@$(BIN)/freehold demo

check: env ## Style, types and every test that takes seconds
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYTEST) -m "not slow" $(TESTS)

check-slow: env ## Only the tests that take minutes, in the environments they need
	scripts/check-slow

check-all: check check-slow ## check, then check-slow

check-compiled: ## The gateway's and the dialects' tests against an install whose data plane is compiled
	scripts/check-compiled

bench: env ## Measure the house; tables go to bench/results/
	$(BIN)/python -m bench.house

fmt: env ## Format and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: env ## Write the generated reference pages
	$(BIN)/python scripts/docs_cli.py
	$(BIN)/python scripts/settings_reference.py
	$(BIN)/python scripts/catalog_reference.py

lock: ## Resolve requirements/*.in again (LOCKS="dev align" for some)
	scripts/lock $(LOCKS)

sbom: env ## Write sbom.json (CycloneDX): what an installed Freehold is made of
	$(BIN)/cyclonedx-py requirements requirements/core.lock --pyproject pyproject.toml --mc-type library --output-reproducible --of JSON -o sbom.json

wheel: env ## Write dist/: a wheel for this interpreter whose data plane is compiled
	FREEHOLD_COMPILE=1 $(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

clean: ## Remove environments, caches and stamps; never .freehold
	rm -rf .venv .venv-compiled .venv-align .venv-oracle .venv-engines .venv-peers .stamps .mypy_cache .ruff_cache .hypothesis dist build sbom.json

env:
	@scripts/env core
env-compiled env-align env-oracle env-engines env-peers: env-%:
	@scripts/env $*
