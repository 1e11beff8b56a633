# Everything a developer does, each a single word; `make help` lists them.
SHELL := /bin/sh
.DEFAULT_GOAL := help
UV_VERSION := 0.13.8
VENV := .venv/.installed
PEERS := tests/peers/node_modules/.installed
BENCH_PEERS := benchmarks/peers/node_modules/.installed
BIN := .venv/bin

.PHONY: help run test soak check schema client bench lock clean

help: ## List what there is to do
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

run: $(VENV) ## Start CodeLab on this machine and print the link to open
	@scripts/build-frontend || true
	@exec $(BIN)/codelab serve

test: $(VENV) tools $(PEERS) ## Run every test suite on real databases, and measure coverage
	@scripts/build-frontend
	@$(BIN)/python scripts/run_suites.py

soak: $(VENV) tools $(PEERS) ## Run the long versions of the stress, resume, index and attack suites, among others (hours)
	@TESTS_SOAK=1 $(BIN)/python -m pytest -q -s --timeout=7200 tests/stress tests/resume tests/domain/events tests/persistence/qdrant tests/attack tests/graphql_api/transport/test_plain.py

check: $(VENV) ## Check format, lint, types, imports, generated files and locks
	@scripts/check

schema: $(VENV) ## Write schema.graphql from the code
	@$(BIN)/codelab schema --write

client: $(VENV) ## Generate the Python client from schema.graphql and its operations
	@scripts/make-client

bench: $(VENV) $(BENCH_PEERS) ## Measure calls, reads, fan-out, the index of memories, memory and start time beside others
	@$(BIN)/python -m benchmarks

lock: $(VENV) ## Resolve all dependencies anew
	@$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 --group dev \
		--custom-compile-command "make lock" pyproject.toml -o requirements.lock
	@scripts/make-client --lock
	@for peers in tests/peers benchmarks/peers; do (cd $$peers && npm install --package-lock-only --silent) || exit 1; done
	@cd frontend && npm run --silent lock

clean: ## Remove environments, caches and build results (never your data)
	@rm -rf .venv clients/python/.venv tests/peers/node_modules benchmarks/peers/node_modules frontend/node_modules frontend/dist build dist .coverage .coverage.* htmlcov \
		.hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: tools
tools:
	@scripts/install-test-tools

$(VENV): requirements.lock pyproject.toml scripts/make-environment
	@scripts/make-environment $(UV_VERSION)
	@touch $@

$(PEERS): tests/peers/package-lock.json | tools
	@cd tests/peers && npm ci --silent
	@touch $@

$(BENCH_PEERS): benchmarks/peers/package-lock.json | tools
	@cd benchmarks/peers && npm ci --silent
	@touch $@
