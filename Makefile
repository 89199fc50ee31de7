# What a fresh clone needs: Python 3.11, pip and make. `make` alone lists the targets.
#
# Everything lands in .venv (and .venv-mlserver, .venv-label-studio: see requirements/*.in). Each layer of it is
# a stamp file: it is installed again only when its pinned list changes.

PYTHON ?= python3.11
VENV ?= .venv
MLSERVER_VENV ?= .venv-mlserver
FASTTRACKML_VENV ?= .venv-fasttrackml
LABEL_STUDIO_VENV ?= .venv-label-studio
JOBS ?= 2
ARGS ?=
CODE := src tests tools benchmarks examples

BIN := $(VENV)/bin
UV := $(BIN)/uv
STAMP := $(VENV)/.stamp-
INSTALL := $(UV) pip install --quiet --python $(BIN)/python
COMPILE := $(UV) pip compile --quiet --no-header --no-annotate --no-emit-index-url \
	--no-emit-find-links --python-version 3.11

export UV_HTTP_TIMEOUT ?= 180
# Servers and tests start many processes; without kept bytecode each would compile what it imports.
unexport PYTHONDONTWRITEBYTECODE
export MLSERVER_VENV FASTTRACKML_VENV LABEL_STUDIO_VENV

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo test lint elements format bench docs reference lock clean

help:
	@echo 'make install            everything below into $(VENV), once'
	@echo 'make demo               the circle on a real year of flights; options: ARGS="--help"'
	@echo 'make test               all tests that this machine can run; options: ARGS="-k name"'
	@echo 'make lint               style, types, imports, spelling, and that generated files are current'
	@echo 'make elements           types of the custom elements, where Node and TypeScript are present'
	@echo 'make format             rewrite the code in its one format'
	@echo 'make bench              ours beside its peers in one run; one piece: ARGS="tracking"'
	@echo 'make docs               the site into site/, any broken link fails'
	@echo 'make reference          rewrite docs/reference from the code'
	@echo 'make lock               resolve requirements/*.txt again; newest: ARGS="--upgrade"'
	@echo 'make clean              remove what these made, and the demo state'

# --- environments ---------------------------------------------------------------------------------

# An old pip is good enough for this one download; uv does the rest.
define check_python
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
	  echo 'make: $(PYTHON) is not installed. Dovetail needs Python 3.11: install it, or name it with make PYTHON=/path/to/python3.11' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
	  echo 'make: $(PYTHON) is '"$$($(PYTHON) -V 2>&1)"', and requirements/ is resolved for 3.11. Name a 3.11 with make PYTHON=/path/to/python3.11' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo 'make: $(PYTHON) cannot make virtual environments. On Debian: apt-get install python3.11-venv' >&2; exit 1; }
endef

$(STAMP)uv: requirements/uv.txt
	$(check_python)
	@echo 'Making $(VENV) ...'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/uv.txt
	@touch $@

$(STAMP)all: requirements/all.txt pyproject.toml $(STAMP)uv
	@echo 'Installing Dovetail and every extra into $(VENV) ...'
	@$(INSTALL) -r requirements/all.txt
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(STAMP)test: requirements/test.txt $(STAMP)all
	@echo 'Installing what the tests need, MLflow and Feast among it ...'
	@$(INSTALL) -r requirements/test.txt
	@touch $@

$(STAMP)lint: requirements/lint.txt $(STAMP)all
	@$(INSTALL) -r requirements/lint.txt
	@touch $@

$(STAMP)docs: requirements/docs.txt $(STAMP)all
	@$(INSTALL) -r requirements/docs.txt
	@touch $@

$(MLSERVER_VENV)/.stamp: requirements/mlserver.txt $(STAMP)uv
	@echo 'Installing MLServer, to test beside it, into $(MLSERVER_VENV) ...'
	@$(UV) venv --quiet --allow-existing --python $(BIN)/python $(MLSERVER_VENV)
	@$(UV) pip install --quiet --no-deps --python $(MLSERVER_VENV)/bin/python -r requirements/mlserver.txt
	@touch $@

$(FASTTRACKML_VENV)/.stamp: requirements/fasttrackml.txt $(STAMP)uv
	@echo 'Installing FastTrackML, to measure beside it, into $(FASTTRACKML_VENV) ...'
	@$(UV) venv --quiet --allow-existing --python $(BIN)/python $(FASTTRACKML_VENV)
	@$(UV) pip install --quiet --python $(FASTTRACKML_VENV)/bin/python -r requirements/fasttrackml.txt
	@touch $@

$(LABEL_STUDIO_VENV)/.stamp: requirements/label-studio.txt $(STAMP)uv
	@echo 'Installing the client of Label Studio, to test with it, into $(LABEL_STUDIO_VENV) ...'
	@$(UV) venv --quiet --allow-existing --python $(BIN)/python $(LABEL_STUDIO_VENV)
	@$(UV) pip install --quiet --no-deps --python $(LABEL_STUDIO_VENV)/bin/python -r requirements/label-studio.txt
	@touch $@

install: $(STAMP)all $(STAMP)test $(STAMP)lint $(STAMP)docs $(MLSERVER_VENV)/.stamp $(LABEL_STUDIO_VENV)/.stamp

# --- use ------------------------------------------------------------------------------------------

demo: $(STAMP)all
	@$(BIN)/dovetail demo $(ARGS)

# --- checks ---------------------------------------------------------------------------------------

# One run of pytest, so that one closing line tells everything. Tests of one file share a worker,
# and with it the servers that the file starts.
test: $(STAMP)test $(STAMP)lint $(STAMP)docs $(MLSERVER_VENV)/.stamp $(LABEL_STUDIO_VENV)/.stamp
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --timeout 300 $(ARGS)

lint: $(STAMP)lint
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy src tools benchmarks
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/python tools/vendor.py --check
	@$(MAKE) --no-print-directory elements
	$(BIN)/python tools/docs.py --check

# Node is not needed to install, build or test; where it is, the types of the page elements are checked.
elements:
	@if command -v tsc >/dev/null; then tsc -p jsconfig.json; \
	else echo 'Types of the page elements: not checked, no tsc here (npm install --global typescript)'; fi

format: $(STAMP)lint
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

bench: $(STAMP)test $(MLSERVER_VENV)/.stamp $(FASTTRACKML_VENV)/.stamp
	$(BIN)/python -m benchmarks $(ARGS)

docs: $(STAMP)docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --site-dir site

reference: $(STAMP)all
	$(BIN)/python tools/docs.py

# --- upkeep ---------------------------------------------------------------------------------------

# The tests' list is resolved first and binds the others: one version of everything in .venv.
# MLServer has its own environment, so it has its own resolution.
lock: $(STAMP)uv
	$(COMPILE) $(ARGS) pyproject.toml --extra all requirements/test.in -o requirements/test.txt
	$(COMPILE) $(ARGS) pyproject.toml --extra all requirements/all.in -c requirements/test.txt -o requirements/all.txt
	$(COMPILE) $(ARGS) requirements/lint.in -c requirements/test.txt -o requirements/lint.txt
	$(COMPILE) $(ARGS) requirements/docs.in -c requirements/test.txt -o requirements/docs.txt
	$(COMPILE) $(ARGS) --override requirements/mlserver.overrides requirements/mlserver.in -o requirements/mlserver.txt
	$(COMPILE) $(ARGS) requirements/fasttrackml.in -o requirements/fasttrackml.txt
	$(COMPILE) $(ARGS) --override requirements/label-studio.overrides requirements/label-studio.in -o requirements/label-studio.txt

clean:
	rm -rf $(VENV) $(MLSERVER_VENV) $(FASTTRACKML_VENV) $(LABEL_STUDIO_VENV) .dovetail site build dist test-results
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
