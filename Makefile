# One verb, one line each. `make run` and `make test` need Python 3.11 or newer and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Each suite's workers share the machine with real databases; more workers than cores only queue.
WORKERS ?= 2

.PHONY: run test check setup bench docs clean

run: $(VENV)/.run  ## run the server: everything in one process, SQLite, http://127.0.0.1:8008
	$(BIN)/hs run

test: $(VENV)/.dev  ## run the tests (they bring their own PostgreSQL and Redis)
	$(BIN)/pytest -n $(WORKERS) $(ARGS)

check: $(VENV)/.dev  ## lint, formatting and types
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

setup: $(VENV)/.dev  ## create the development environment in .venv

docs: $(VENV)/.dev  ## write the generated parts of docs/
	$(BIN)/python -m docs.generate

bench: $(VENV)/.dev  ## measure the protocol library; benchmarks/README.md tells how to measure a server
	$(BIN)/python -m benchmarks.matrix

clean:  ## forget the environment and the caches
	rm -rf $(VENV) .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[testing]' --group dev
	@touch $@ $(VENV)/.run
