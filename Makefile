# What one types here; `make help` lists it. Everything happens in .venv, which is made on first use from requirements.lock.
# PYTHON=/path/to/python3 names another interpreter, PYTEST="-k name" narrows `make test`, "-n 0" makes it one process.
.PHONY: help run psql test check types rules demo bench soak crash life pictures lock audit fuzz
.DELETE_ON_ERROR:

PYTHON ?= python3.11 python3
BIN := .venv/bin

help: ## What there is to type
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' Makefile

run: .venv/installed ## The whole stack on this machine, until Ctrl-C
	@$(BIN)/python -m deploy.local

psql: ## A PostgreSQL shell on the database of the stack that runs
	@env=$${HOOKLAKE_DATA_DIR:-.hooklake}/env; test -e "$$env" || { echo "There is no $$env: start the stack with make run."; exit 1; }; \
	  . "$$(cd "$$(dirname "$$env")" && pwd)/env" && \
	  { psql -qc "" "$$HOOKLAKE_DATABASE_URL" 2>/dev/null || { echo "PostgreSQL does not answer: start the stack with make run."; exit 1; }; } && \
	  exec psql "$$HOOKLAKE_DATABASE_URL" $(ARGS)

demo: .venv/installed ## The main job end to end on real input, in under a minute
	@$(BIN)/python -m deploy.demo

# PART=singles,slow for some of it (tests/bench/parts.py), RUNS=1 for a quick look, OUT=folder for bench.json and bench.svg.
bench: .venv/installed ## How fast, as ratios to a bare loop: eight minutes, or PART=singles,slow of it
	@$(BIN)/python -m tests.bench

# Ten minutes of steady load, and whether any process grows meanwhile; SECONDS=60 for less.
soak: .venv/installed ## Ten minutes of load; fails where memory grows
	@$(BIN)/python -m tests.bench.soak

# Four minutes of killing things, then PostgreSQL and Redis away for three minutes each; SECONDS=60 for less (three quarters
# of it for each of these), SEED=7 for the faults of another run again.
crash: .venv/installed ## Kills, stops and outages under load, counted by the receiver: a good ten minutes
	@$(BIN)/python -m tests.crash $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))

# Deliveries' lives in all orders of things, for SECONDS, from SEED; what breaks a promise is told by its steps.
life: .venv/installed ## Deliveries' lives in all orders of things
	@$(BIN)/python -m tests.delivery.life $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))

# README's pictures from ten minutes of real traffic; SECONDS=900 for more, DATA=folder to go on with the same stack another time.
pictures: .venv/installed ## Takes README's pictures of the dashboard anew
	@$(BIN)/python -m tests.flows.pictures $(if $(SECONDS),--seconds $(SECONDS)) $(if $(DATA),--data $(DATA))

# Tests start hundreds of processes of ours: each would compile all our modules, where the environment forbids to keep them compiled.
test: check ## make check, then every test
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 4 --no-loadscope-reorder --ignore tests/architecture $(PYTEST)

# The types take as long as all the others, and one core.
check: .venv/installed ## Format, lint, types, import contracts, architecture: under a minute
	@$(MAKE) --no-print-directory --jobs=2 types rules

types:
	@$(BIN)/mypy

rules:
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m pytest tests/architecture

# Known vulnerabilities of what is locked: 1 where there are any, 2 where that could not be asked.
audit: .venv/installed ## Known vulnerabilities of what is locked
	@$(BIN)/python -m deploy.audit

# Looks for inputs that break a parser, for SECONDS, from SEED; what it finds stays in tests/fuzz/corpus.
fuzz: .venv/installed ## Inputs that break a parser
	@$(BIN)/python -m tests.fuzz $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))

# Newer releases within the bounds of pyproject.toml, one lock for every platform and Python, with hashes.
lock: .venv/installed ## Newer releases into requirements.lock
	@echo "# Made by \`make lock\` from pyproject.toml." > requirements.lock.new
	@$(BIN)/uv pip compile --universal --all-extras --generate-hashes --upgrade \
	  --no-emit-index-url --no-header --quiet pyproject.toml >> requirements.lock.new
	@mv requirements.lock.new requirements.lock

.venv/installed: requirements.lock pyproject.toml | .venv/bin/python
	@echo "Installing the packages of requirements.lock into .venv (once; a minute or two) ..."
	@$(BIN)/python deploy/install.py requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

.venv/bin/python:
	@for python in $(PYTHON); do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	  "$$python" -m venv .venv && exit 0; \
	  rm -rf .venv; exit 1; \
	done; \
	echo "Hooklake needs Python 3.11 or newer, and '$(PYTHON)' is not: install it, or say make PYTHON=/path/to/python3"; exit 1
