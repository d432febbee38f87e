# Recipes run in the virtual environment .venv. The first recipe creates it and installs Gatelab into it.

VENV := .venv
BIN := $(VENV)/bin
NATIVE := hatch_build.py $(wildcard gatelab/scan/native/*.py gatelab/scan/native/source/* gatelab/scan/native/source/equations/* \
          gatelab/equations/*.py gatelab/equations/cpp/*.py gatelab/cells/zoo/lstm.cell)
LOCKS := $(wildcard locks/*.txt)
WEB := service/web
PAGE := $(WEB)/dist/index.html
GUIDE := $(WEB)/guide/index.html
export PATH := $(CURDIR)/$(BIN):$(PATH)
# If this were set, each of many processes would compile PyTorch, SQLAlchemy and the rest from source again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help venv install page docs reference openapi demo up test test-all long faults fuzz load hostile check coverage format lock clean

help: ## show this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 18

venv: $(BIN)/python ## create the virtual environment

install: $(VENV)/installed-server ## install Gatelab with everything that service and worker need

page: $(PAGE) ## build the page, with Node from the virtual environment

docs: $(GUIDE) ## build the guide, which the service shows at /guide

reference: $(VENV)/installed-dev ## write the generated pages of docs/reference
	@python -m scripts.handbook.reference

openapi: $(VENV)/installed-dev ## write the reference and the API's description, from which the page's types are generated
	@python -m service.schema
	@python -m scripts.handbook.reference

demo: install ## train a small model on real text, and show what it writes
	@$(BUILD_PAGE)
	@gatelab demo $(ARGS)

up: install ## start the service with its page, a worker and a broker, until Ctrl-C
	@$(BUILD_PAGE)
	@gatelab up $(ARGS)

test: check page docs ## run all checks and all tests that guard correctness (ARGS="-k gru" picks some)
	@python -m tests.browser.chromium
	@scripts/test $(ARGS)

test-all: test long ## run `make test`, then the long campaigns

long: $(VENV)/installed-dev page ## run only the long campaigns: faults, sanitizers, browser, fuzzing, load, benchmarks
	@python -m tests.browser.chromium
	@scripts/test -m long $(ARGS)
	@python -m tests.fuzz --seconds 10 & fuzz=$$!; python -m benchmarks.load --seconds 10; load=$$?; wait $$fuzz && exit $$load
	@python -m benchmarks.hostile --seconds 1

faults: $(VENV)/installed-dev ## inject 400 faults into an installation and count what is lost (ARGS="--faults-table FILE")
	@pytest tests/faults -m '' $(ARGS)

load: $(VENV)/installed-dev ## measure many clients at once, on PostgreSQL and Redis (ARGS="--seconds 20")
	@python -m benchmarks.load $(ARGS)

fuzz: $(VENV)/installed-dev ## feed random input to the parsers of specs, checkpoints, states, texts (ARGS="--seconds 600")
	@python -m tests.fuzz $(ARGS)

hostile: $(VENV)/installed-dev ## let one account attack, and time its neighbours (ARGS="--seconds 15 --strict")
	@python -m benchmarks.hostile $(ARGS)

check: $(VENV)/installed-dev $(WEB)/node_modules/.package-lock.json ## check style, types, the direction of imports, the English
	@scripts/check

coverage: $(VENV)/installed-dev page ## measure which lines and branches `make test` executes, in all its processes
	@scripts/coverage $(ARGS)

format: $(VENV)/installed-dev $(WEB)/node_modules/.package-lock.json ## format the code with ruff and prettier
	@ruff check --fix-only --quiet .
	@ruff format --quiet .
	@npm --prefix $(WEB) run --silent format

lock: ## pin the dependencies, with their hashes, in locks/ (ARGS=--upgrade takes newer releases)
	@scripts/lock $(ARGS)

clean: ## remove the virtual environment and every cache; the data directory stays
	rm -rf $(VENV) build dist $(WEB)/dist $(WEB)/guide $(WEB)/node_modules .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@scripts/venv $(VENV)

$(VENV)/installed-server: pyproject.toml $(LOCKS) $(NATIVE) | $(BIN)/python
	@scripts/compiler
	@echo "Installing Gatelab (the first time, PyTorch makes it a minute or more) ..."
	@scripts/install server page
	@$(BIN)/python -m gatelab.scan.native
	@touch $@

$(VENV)/installed-dev: pyproject.toml $(LOCKS) $(NATIVE) | $(BIN)/python
	@scripts/compiler
	@echo "Installing Gatelab and the packages for its tests ..."
	@scripts/install server page docs dev
	@$(BIN)/python -m gatelab.scan.native
	@touch $@ $(VENV)/installed-server $(VENV)/installed-docs

$(VENV)/installed-docs: pyproject.toml $(LOCKS) | $(VENV)/installed-server
	@scripts/install server page docs
	@touch $@

$(GUIDE): mkdocs.yml $(wildcard *.md) benchmarks/README.md $(shell find docs examples -type f) $(wildcard scripts/handbook/*.py) \
		| $(VENV)/installed-docs
	@echo "Building the guide ..."
	@python -m scripts.handbook.site

# The API works without the page, so `make up` and `make demo` continue if the page cannot be built.
BUILD_PAGE = $(MAKE) --silent page || echo "The page is not built. The API works without it; 'make page' tries again." >&2

$(WEB)/node_modules/.package-lock.json: $(WEB)/package-lock.json | $(VENV)/installed-server
	@echo "Downloading the packages that build the page ..."
	@cd $(WEB) && npm ci --silent --no-audit --no-fund
	@touch $@

$(PAGE): $(WEB)/node_modules/.package-lock.json $(WEB)/package.json $(WEB)/openapi.json $(WEB)/index.html \
		$(wildcard $(WEB)/*.ts $(WEB)/*.js $(WEB)/public/* examples/*.yaml) $(shell find $(WEB)/src -type f ! -name schema.d.ts)
	@echo "Building the page ..."
	@cd $(WEB) && npm run --silent build
