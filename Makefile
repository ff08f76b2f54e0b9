# Countinghouse: everything is a target here. PORT=, RUN_DIR= and ARGS= go to the commands.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
WORKERS ?= 2
LOCKS := config/requirements
CATALOGUES := $(wildcard config/locale/*/LC_MESSAGES/django.po)
BIN := .venv/bin
MANAGE := $(BIN)/python manage.py
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

.DEFAULT_GOAL := help
.PHONY: help install up down status demo demo-outage test browser check messages format bench chaos lock

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/installed .venv/languages ## Install everything into .venv, by the locks and their hashes

# uv installs the lock in seconds; where it finds no index that only pip is told of, pip installs the same lock.
.venv/installed: $(LOCKS)/installer.txt $(LOCKS)/dev.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCKS)/installer.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r $(LOCKS)/dev.txt \
	  || $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCKS)/dev.txt
	@touch $@

.venv/languages: .venv/installed $(CATALOGUES) # translations, in the form that gettext reads
	$(MANAGE) messages --compile
	@touch $@

up: install ## Run everything in this terminal: PostgreSQL, Valkey, simulator, web, worker
	@exec $(MANAGE) stack up

down: install ## Stop what `make up` started
	@$(MANAGE) stack down

status: install ## Show what runs
	@$(MANAGE) stack status

demo: install ## Fill a fresh platform with payments and walk through one; EXIT=1 to end afterwards
	@exec $(MANAGE) demo

demo-outage: install ## Let a provider fail, live, and see it found, avoided and over; ARGS=--help, EXIT=1 to end
	@exec $(BIN)/python -m config.demo.outage $(ARGS)

test: install browser ## Run the tests on servers of their own; ARGS= goes to pytest
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

browser: # of the distribution, for the tests of pages; who is not root installs it by hand, or skips them
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || [ "$$(id -u)" != 0 ] \
	  || ! command -v apt-get >/dev/null || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; }

check: install ## Lint, types, import contracts, migrations and generated documents
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	$(MANAGE) docs --check
	$(MANAGE) messages --check

messages: install ## Bring the catalogues of translations up to date with what the back office says
	$(MANAGE) messages

format: install ## Bring the code into the house's form
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: install ## Measure what a payment costs; writes bench/results.json
	$(BIN)/python -m tests.load $(ARGS)

chaos: install ## Break things on purpose and check that no money is lost; SEED= repeats a run
	$(BIN)/python -m tests.chaos $(ARGS)

lock: install ## Bring the locks up to date with their .in files; ARGS=--upgrade for newer versions
	cd $(LOCKS) && for lock in installer runtime; do ../../$(COMPILE) $(ARGS) $$lock.in -o $$lock.txt || exit 1; done
	cd $(LOCKS) && ../../$(COMPILE) $(ARGS) -c runtime.txt dev.in -o dev.txt
