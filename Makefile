# Every target sets itself up: a virtual environment in .venv, at the versions in constraints.txt.
# Overridable: make PYTHON=/path/to/python3 test; make VENV=/elsewhere demo; make WORKERS=8 test
PYTHON ?= python3.11 python3 python3.12 python3.13
VENV ?= .venv
WORKERS ?= 2

BIN := $(VENV)/bin
CONFIG := pyproject.toml setup.cfg constraints.txt
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-slow style bench

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/core.stamp  ## Build, check and draw a small dataset from the sample scans
	$(BIN)/spatialmosaic demo

test: $(VENV)/dev.stamp  ## Run the fast tests
	$(BIN)/pytest -m "not slow" -n $(WORKERS) --dist worksteal

test-slow: $(VENV)/dev.stamp  ## Run the tests that take minutes, or need a system tool
	$(BIN)/pytest -m slow || [ $$? -eq 5 ]  # 5: no slow test exists

style: $(VENV)/dev.stamp  ## Lint, check the format and the types
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy builder eval hub_cards spatialmosaic_vlm

bench: $(VENV)/dev.stamp  ## Run the benchmarks
	@set -e; for script in $(sort $(wildcard benchmarks/*.py)); do echo "$$script"; $(BIN)/python "$$script"; done

$(BIN)/python:
	@for python in $(PYTHON); do \
	    if $$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        exec $$python -m venv --clear $(VENV); fi; done; \
	echo "Python 3.11 or newer with venv is needed; none of these is one: $(PYTHON)." \
	    "Install it (Debian: python3 and python3-venv) or name another: make PYTHON=/path/to/python3" >&2; exit 1

$(VENV)/core.stamp: $(CONFIG) | $(BIN)/python
	@echo "Installing SpatialMosaic into $(VENV)"
	$(PIP_INSTALL) -e .
	@touch $@

$(VENV)/dev.stamp: $(CONFIG) | $(BIN)/python
	@echo "Installing SpatialMosaic and its development tools into $(VENV)"
	$(PIP_INSTALL) -e ".[dev]"
	@touch $(VENV)/core.stamp $@
