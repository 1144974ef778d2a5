# Everything a newcomer needs: `make run`, `make test`. `make` alone lists the rest.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin

# Node, npm and the linters live in the environment; scripts that call them find them on PATH.
export PATH := $(CURDIR)/$(BIN):$(PATH)

PO := $(wildcard locale/*/LC_MESSAGES/*.po)
MO := $(PO:.po=.mo)
FRONTEND := static/vendor/.stamp

# Stops with one line where this machine's Python cannot build the environment.
require_python = $(if $(PYTHON),,$(error gridgov needs Python 3.11 or newer: none was found))$(strip \
	$(eval PROBLEM := $(shell $(PYTHON) deploy/python_check.py 2>&1 || echo "$(PYTHON) does not run"))$(strip \
	$(if $(PROBLEM),$(error $(PROBLEM)))))

.DEFAULT_GOAL := help
.PHONY: help env run test e2e pictures bench chaos lint types check fmt pins openapi messages clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

env: $(VENV)/.runtime $(FRONTEND) $(MO) ## the environment in .venv, front-end files, compiled messages

run: env ## start gridgov (web, worker, beat) with a demo township; Ctrl-C ends it
	@exec $(BIN)/python -m deploy.run

test: env $(VENV)/.dev ## static checks, then the tests on SQLite and, where reachable, PostgreSQL and Redis
	@$(MAKE) --no-print-directory lint types check
	@exec $(BIN)/python -m tests.profiles

e2e: env $(VENV)/.dev ## a fresh clone, make run, and the whole story in a browser
	@exec $(BIN)/pytest -c pytest.ini tests/e2e -q -p no:cacheprovider

pictures: env $(VENV)/.dev ## the README's pictures, of the demo that runs at HOST:PORT
	@exec $(BIN)/python -m tests.e2e.pictures

bench: env $(VENV)/.dev ## ratios to a floor measured in the same run (SCALE=full for the full figures)
	@exec $(BIN)/python -m benchmarks

chaos: env $(VENV)/.dev ## the proofs at their full figures, hours (PROOF=machine, plans, races, storm, clock, kills, repeats or beats for one of them)
	@exec $(BIN)/python -m tests.chaos $(PROOF)

lint: $(VENV)/.dev ## ruff, import contracts, templates
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/lint-imports --no-cache > $(VENV)/lint-imports.log || { cat $(VENV)/lint-imports.log; exit 1; }
	@find templates -name '*.html' -print0 | xargs -0 -r $(BIN)/djade --check

types: $(VENV)/.dev ## mypy, strict where rules live
	@$(BIN)/mypy --no-error-summary

check: env $(VENV)/.dev ## Django's own checks and missing migrations
	@DJANGO_SETTINGS_MODULE=tests.settings $(BIN)/python manage.py check --fail-level WARNING > $(VENV)/check.log || { cat $(VENV)/check.log; exit 1; }
	@DJANGO_SETTINGS_MODULE=tests.settings $(BIN)/python manage.py makemigrations --check --dry-run

fmt: $(VENV)/.dev ## format the code and the templates
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format --quiet .
	@find templates -name '*.html' -print0 | xargs -0 -r $(BIN)/djade || true

pins: $(VENV)/.dev ## compile requirements*.in to hashed pins (UPGRADE=--upgrade takes newer ones)
	$(BIN)/uv pip compile $(PIN_FLAGS) $(UPGRADE) requirements.in -o requirements.txt
	$(BIN)/uv pip compile $(PIN_FLAGS) $(UPGRADE) requirements-dev.in -o requirements-dev.txt

PIN_FLAGS := --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11

openapi: $(VENV)/.dev ## write tests/openapi.yaml anew, after the API changed on purpose
	@DJANGO_SETTINGS_MODULE=tests.settings $(BIN)/python manage.py spectacular --lang en --validate --fail-on-warn \
		--file tests/openapi.yaml

messages: env ## collect the texts into locale/*.po (needs gettext) and compile them
	@$(BIN)/python manage.py makemessages --locale zh_Hans --no-wrap --no-obsolete --add-location file \
		--ignore .venv --ignore node_modules --ignore var --ignore tests --ignore static/vendor
	@$(BIN)/python deploy/messages.py

clean: ## remove what set-up built; the data in var/ stays
	rm -rf $(VENV) node_modules static/vendor .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find locale -name '*.mo' -delete

$(VENV)/bin/python:
	$(require_python)@echo "gridgov: making the Python environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.txt | $(VENV)/bin/python
	@echo "gridgov: installing requirements.txt"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.runtime
	@echo "gridgov: installing requirements-dev.txt"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

$(FRONTEND): package.json package-lock.json deploy/frontend.py $(VENV)/.runtime
	@echo "gridgov: bringing the front-end files"
	@$(BIN)/python deploy/frontend.py
	@touch $@

%.mo: %.po deploy/messages.py $(VENV)/.runtime
	@$(BIN)/python deploy/messages.py $<
