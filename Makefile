# `make` alone lists the targets. Every command below can also be typed by hand.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
BIN := .venv/bin

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# .ci/bootstrap keeps its own stamp, of contents rather than of times: it also notices a moved clone, and it looks for
# the system's packages each time. With nothing to do it takes a tenth of a second.
.PHONY: setup
setup: ## Install what is missing: system packages (apt), .venv, the locked dependencies
	@.ci/bootstrap

.PHONY: demo
demo: setup ## Set up, start the private database, load the sample data, serve
	@exec setpriv --pdeathsig TERM $(BIN)/flashpoint up # ends even when make itself is killed

.PHONY: doctor
doctor: setup ## Look at what the service needs here, and say how to mend what is missing
	@$(BIN)/flashpoint doctor

# Bounded in time, and never fails: what cannot be had is not tested. `make test CLIENTS=no` leaves them out.
.PHONY: clients
clients: ## Install the GIS programs that the tests open the service with, where they can be had
	@[ "$(CLIENTS)" = no ] || .ci/clients

.PHONY: test
test: setup clients ## Run the tests, two at a time, against a throwaway PostGIS
	$(BIN)/pytest -n 2 --dist loadscope --no-loadscope-reorder

.PHONY: check
check: setup ## Lint, check the format, the types, the layers, and that the migrations match the tables
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/postgis.py $(BIN)/alembic check

.PHONY: format
format: setup ## Mend what ruff can mend, and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: plots
plots: setup ## Make the plots of docs/methodology.md and its table of ranges anew
	$(BIN)/python -m bench.plots

.PHONY: lock
lock: ## Make requirements.lock anew from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --group dev --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--quiet -o requirements.lock

.PHONY: clean
clean: ## Remove caches and builds
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -path ./.venv -prune -o -name __pycache__ -type d -exec rm -rf {} +

.PHONY: clean-venv
clean-venv: ## Remove .venv; the next command makes it again
	rm -rf .venv

# Asks before it deletes what may be the only copy of somebody's records.
.PHONY: clean-data
clean-data: ## Remove the private database and its keys, after asking
	@home=$$(realpath -m "$${FLASHPOINT_HOME:-.flashpoint}"); \
	if [ -e "$$home/keeper.lock" ] && ! flock --nonblock "$$home/keeper.lock" true; then \
		echo "A service runs on $$home: stop it first." >&2; exit 1; fi; \
	read -r -p "Delete $$home with all its data and keys? Type yes: " answer && [ "$$answer" = yes ] && \
	rm -rf "$$home"
