# Python 3.11+ and make are all this needs. Everything is installed into .venv, from requirements.lock.
PYTHON ?= python3
BIN := .venv/bin
NODE_PACKAGES := tests/node/node_modules/.package-lock.json
# Most tests wait for processes that they start. The files with few tests are the long ones: in the order of folders they are not the last.
WORKERS ?= 3
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.PHONY: help setup demo sandbox test test-all wait-figures bench search-figures kill-matrix lint types lock clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

setup: .venv/.installed  ## make .venv with the pinned dependencies

.venv/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "nango-agent needs Python 3.11 or later; $(PYTHON) is older. Try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || \
	  { echo "Could not make .venv. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Installing the pinned dependencies into .venv (a minute or two, once) ..."
	@$(BIN)/pip install --quiet --no-deps --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

demo: setup  ## a chat in this terminal, against a small Nango on this machine
	@$(BIN)/nango-agent demo

sandbox: setup  ## only the small Nango
	@$(BIN)/nango-sandbox

test: setup  ## what needs Python only
	$(BIN)/pytest -m "not system"

test-all: setup $(NODE_PACKAGES)  ## also what needs Postgres, Node or Chromium; fails where one is missing
	$(BIN)/pytest --require-system -n $(WORKERS) --dist loadfile --no-loadscope-reorder

$(NODE_PACKAGES): tests/node/package-lock.json tests/node/package.json
	@npm ci --prefix tests/node --no-audit --no-fund --ignore-scripts --loglevel=error
	@touch $@

wait-figures: setup  ## what becomes of waits for an authorization, as tables (some minutes)
	@$(BIN)/python benchmarks/waits.py

bench: setup  ## turns beside create_agent and a plain loop; the catalogue beside plain get_tools() (half an hour)
	@$(BIN)/python benchmarks/engine
	@$(BIN)/python benchmarks/catalogue.py

kill-matrix: setup  ## SIGKILL at hundreds of points, on SQLite and Postgres; a second start goes on
	@$(BIN)/python benchmarks/kill_matrix.py kill-matrix

search-figures: setup  ## how well tools are found, and how long the prompts are (some minutes)
	@$(BIN)/python benchmarks/search_quality.py
	@$(BIN)/python benchmarks/prompt_tokens.py

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: setup
	$(BIN)/mypy

lock:  ## resolve the pins again (needs uv)
	uv pip compile pyproject.toml --extra postgres --group dev --universal --generate-hashes \
	  --python-version 3.11 --no-header --quiet --upgrade -o requirements.lock

clean:
	rm -rf .venv dist tests/node/node_modules .langgraph_api .pytest_cache .mypy_cache .ruff_cache
