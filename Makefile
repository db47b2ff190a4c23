# Everything a contributor runs. Each target makes .venv itself; Python 3.11+, make and git are enough.
# Extra arguments go into ARGS: make test ARGS="-k paging"; with ARGS="-n0 --pdb" the tests run in one process.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# A worker for each processor; neighbours stay together as far as that goes, and share what is set up for them.
PARALLEL := -n auto --dist worksteal

.PHONY: help install demo test check bench docs format changes clean
.DEFAULT_GOAL := help

help: ## Say what there is.
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

install: $(STAMP) ## Make the development environment in .venv.

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=...")'
	@echo "Installing everything into $(VENV)" >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(STAMP) ## Walk through a Twilio app on the emulator, step by step.
	@$(BIN)/python -m examples.walk $(ARGS)

test: $(STAMP) ## Run all tests; what is skipped is listed with its reason.
	$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

check: $(STAMP) ## Check style, types, import directions, and the documentation.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q $(PARALLEL) tests/docs tests/typing tests/conformance --ignore=tests/conformance/test_script.py $(ARGS)

bench: $(STAMP) ## Measure rates, CPU, requests and memory, against the official SDK.
	@$(BIN)/python -m benchmarks $(ARGS)

docs: $(STAMP) ## Write the pages that are made from data: docs/compatibility.md, docs/rest-compatibility.md.
	@$(BIN)/python -m tests.conformance.compatibility
	@$(BIN)/python -m tests.conformance.rest_compatibility

format: $(STAMP) ## Put the code into shape.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

changes: $(STAMP) ## Show what the next release's changelog will say.
	$(BIN)/towncrier build --draft $(ARGS)

clean: ## Remove everything that the targets above made.
	rm -rf $(VENV) .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache dist build
