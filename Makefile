# Two commands to begin with: `make demo` and `make test`. PYTHON=… chooses the interpreter.
PYTHON ?=
PORT ?= 8000
BIN := .venv/bin

.PHONY: help demo run install test test-fast lint bench format lock clean

help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: install ## the server with sample data and three simulated devices
	@exec $(BIN)/python manage.py demo --port $(PORT)

run: install ## the server without sample data
	@exec $(BIN)/python manage.py serve --port $(PORT)

install: .venv/installed ## the environment in .venv, from requirements.lock

.venv/installed: requirements.lock
	@PYTHON="$(PYTHON)" deploy/install.sh requirements.lock
	@touch $@

.venv/installed-dev: requirements-dev.lock
	@PYTHON="$(PYTHON)" deploy/install.sh requirements-dev.lock
	@touch .venv/installed $@

test: .venv/installed-dev ## everything: static checks, then the suite on both kinds of database
	@exec $(BIN)/python -m tests.run

test-fast: .venv/installed-dev ## static checks and the tests that need no database
	@exec $(BIN)/python -m tests.run --fast

lint: .venv/installed-dev ## ruff, mypy and the import contracts
	@exec $(BIN)/python -m tests.run --lint

bench: .venv/installed-dev ## measurements beside what the machine can do; on an idle machine
	@$(BIN)/python -m benchmarks.scep
	@$(BIN)/python -m benchmarks.scep_rows
	@$(BIN)/python -m benchmarks.mdm
	@$(BIN)/python -m benchmarks.push
	@$(BIN)/python -m benchmarks.enroll
	@$(BIN)/python -m benchmarks.enrollments
	@$(BIN)/python -m benchmarks.policies
	@$(BIN)/python -m benchmarks.console
	@$(BIN)/python -m benchmarks.peer_mdm
	@$(BIN)/python -m benchmarks.peer_scep

format: .venv/installed-dev ## bring the code into its one format
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

lock: .venv/installed-dev ## write the lock files anew from pyproject.toml
	@$(BIN)/uv pip compile -q pyproject.toml --generate-hashes --universal --python-version 3.11 -o requirements.lock
	@$(BIN)/uv pip compile -q pyproject.toml --group dev --generate-hashes --universal --python-version 3.11 -o requirements-dev.lock

clean: ## remove the environment and what was built; data/ stays
	@rm -rf .venv build
