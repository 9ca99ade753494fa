# Everything that a developer or CI does here. `make help` lists it; each target makes what it needs.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
CLUSTER := tests/cluster/cluster
# Parallel test processes: unit tests use the CPU, integration tests mostly wait for the cluster.
UNIT_JOBS ?= 2
INTEGRATION_JOBS ?= 4
# More arguments for pytest: make unit PYTEST_ARGS="-k inject"
PYTEST_ARGS ?=
UV_VERSION := 0.13.9

.PHONY: help venv bundle lint format unit integration cluster cluster-down test demo bench soak wheel docs-check lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(VENV)/.made ## Make .venv from the lock file

$(VENV)/.locked: requirements/dev.txt
	@command -v $(PYTHON) >/dev/null || {
		echo "There is no $(PYTHON). Debian: apt-get install python3 python3-venv; or name one: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || {
		echo "$(PYTHON) is older than Python 3.10: name another, as in make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || {
		echo "$(PYTHON) cannot make virtual environments. Debian: apt-get install python3-venv" >&2; exit 1; }
	echo "Making $(VENV) from requirements/dev.txt"
	$(PYTHON) -m venv --clear $(VENV)
	$(PIP) install --require-hashes --requirement requirements/dev.txt
	touch $@

$(VENV)/.made: $(VENV)/.locked pyproject.toml
	@$(PIP) install --no-deps --no-build-isolation --editable .
	touch $@

bundle: venv ## Make the bundle (debugpy and our guest code); at once if nothing has changed
	@$(BIN)/python -m kubectl_pydebug.bundle.build

lint: venv ## Lint, formatting and types
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: venv ## Format the code and mend what the linter can mend by itself
	@$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

unit: venv bundle ## Tests that need no cluster
	@$(BIN)/python -m pytest -n $(UNIT_JOBS) --dist loadgroup -m "not integration and not editor" $(PYTEST_ARGS) </dev/null

cluster: ## Raise the kind cluster and keep it
	@$(CLUSTER) up </dev/null

cluster-down: ## Remove the kind cluster
	@$(CLUSTER) down </dev/null

# For the recipes that need a cluster: `cluster_up` raises it, and at the end it is taken down if it was not up before.
# Tests and demo get the cluster's own kubeconfig, never the developer's.
define USE_CLUSTER
cluster_env() { eval "$$($(CLUSTER) env)"; }
cluster_is_up() { (cluster_env; kubectl --request-timeout=5s get --raw=/readyz) >/dev/null 2>&1 </dev/null; }
cluster_raised=no
cluster_up() { cluster_is_up || cluster_raised=yes; $(CLUSTER) up </dev/null; }
cluster_leave() { if [ $$cluster_raised = yes ]; then $(CLUSTER) down </dev/null; fi; }
trap 'exit 130' INT
trap 'exit 143' TERM
trap cluster_leave EXIT
endef

integration: venv bundle ## Tests on the kind cluster
	@$(USE_CLUSTER)
	cluster_up
	cluster_env
	$(BIN)/python -m pytest -n $(INTEGRATION_JOBS) --dist loadgroup -m "integration and not editor" $(PYTEST_ARGS) </dev/null

test: venv bundle ## Everything: lint, unit tests, integration tests on kind (what CI runs)
	@$(USE_CLUSTER)
	durations=
	part() {
		local name=$$1 begin=$$SECONDS failed=0
		shift
		echo "== $$name"
		"$$@" || failed=$$?
		durations+=$$(printf '%-12s %5d s' "$$name" $$((SECONDS - begin)))$$'\n'
		return $$failed
	}
	# Also of a run that failed.
	trap 'printf "\n== durations\n%s" "$$durations"; cluster_leave' EXIT
	part lint $(MAKE) lint
	part unit $(MAKE) unit
	part cluster cluster_up
	part integration $(MAKE) integration

demo: venv bundle ## Show the main job on a real workload on kind
	@$(USE_CLUSTER)
	cluster_up
	cluster_env
	PATH="$(CURDIR)/$(BIN):$$PATH" bash examples/demo.sh

bench: venv bundle ## Measure: time to the first breakpoint, round trips, start-up
	@$(USE_CLUSTER)
	cluster_up
	cluster_env
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m benchmarks </dev/null

soak: venv bundle ## Many sessions in a row; checks that nothing is left behind
	@$(USE_CLUSTER)
	cluster_up
	cluster_env
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m benchmarks.soak </dev/null

wheel: venv bundle ## Build the wheel into dist/
	@$(PIP) wheel --no-deps --no-build-isolation --wheel-dir dist .
	ls -l dist/*.whl

docs-check: venv bundle ## Check that the documentation is complete and fits the program
	@$(BIN)/python -m pytest tests/docs $(PYTEST_ARGS) </dev/null

lock: venv ## Pin the dependencies anew, for all Pythons and platforms, in requirements/
	@$(PYTHON) -m venv build/uv
	build/uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	lock() { build/uv/bin/uv pip compile --quiet --universal --python-version 3.10 --python $(BIN)/python --generate-hashes --no-annotate --custom-compile-command "make lock" "$$@"; }
	lock pyproject.toml --output-file requirements/runtime.txt
	lock pyproject.toml --group dev --constraint requirements/runtime.txt --output-file requirements/dev.txt

clean: ## Remove what was built here (not the cluster)
	@rm -rf $(VENV) build dist kubectl_pydebug/bundle/data .mypy_cache .pytest_cache .ruff_cache
