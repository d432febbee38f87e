# Recipes run in the virtual environment .venv, which the first of them makes and fills.

VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable
NATIVE := hatch_build.py $(wildcard gatelab/scan/native/*.py gatelab/scan/native/source/* gatelab/scan/native/source/cells/*)
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help venv install demo up test faults load check lint types imports format lock clean

help: ## show this list
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 18

venv: $(BIN)/python ## make the virtual environment

install: $(VENV)/installed-server ## install what running needs

demo: install ## train a small model on real text, show what it writes
	@gatelab demo $(ARGS)

up: install ## start the service, a worker and a broker, to stay
	@gatelab up $(ARGS)

test: check ## all checks, then all tests, side by side (ARGS="-k gru" picks some)
	@pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile $(ARGS)

faults: $(VENV)/installed-dev ## hurt an installation 400 times and count what is lost (ARGS="--faults-table FILE")
	@pytest tests/faults -m '' $(ARGS)

load: $(VENV)/installed-dev ## many clients at once on PostgreSQL and Redis (ARGS="--seconds 20")
	@python -m benchmarks.load $(ARGS)

check: lint types imports ## style, types and the direction of imports

lint types imports: $(VENV)/installed-dev
	@scripts/check $@

format: $(VENV)/installed-dev ## let ruff put the code in order
	@ruff check --fix-only --quiet .
	@ruff format --quiet .

lock: ## pin the dependencies anew in constraints.txt (ARGS=--upgrade takes newer releases)
	@scripts/lock $(ARGS)

clean: ## remove the virtual environment and every cache; data stay
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@scripts/venv $(VENV)

$(VENV)/installed-server: pyproject.toml constraints.txt $(NATIVE) | $(BIN)/python
	@scripts/compiler
	@echo "Installing Gatelab (the first time, PyTorch makes it a minute or more) ..."
	@$(INSTALL) '.[server]'
	@$(BIN)/python -m gatelab.scan.native
	@touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt $(NATIVE) | $(BIN)/python
	@scripts/compiler
	@echo "Installing Gatelab and what its tests need ..."
	@$(INSTALL) '.[server,dev]'
	@$(BIN)/python -m gatelab.scan.native
	@touch $@ $(VENV)/installed-server
