# Everything a developer types. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

# Evaluated when a recipe runs, because a recipe may have made it a moment ago.
VENV = $$(tools/venv --path)
LAYERS = $(VENV)/bin/python tools/run_layers.py

TESTS = lint unit sanity network lab molecule

LAB_NAME ?= demo
SCENARIO ?=
MUTATION ?=
RELEASE ?= release
KEY ?=
FUZZ ?= 100000

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: deps ## Raise a bare lab host, turn it into a TLS edge, print how to reach it
	PATH="$(VENV)/bin:$$PATH" LAB_NAME=$(LAB_NAME) lab/demo/run

.PHONY: demo-down
demo-down: deps-checks ## Remove what `make demo` made
	PATH="$(VENV)/bin:$$PATH" lab/lab down --name $(LAB_NAME)

.PHONY: shell
shell: deps ## Raise a lab and start a shell in which Ansible finds it; LAB_NAME=... for another than demo
	PATH="$(VENV)/bin:$$PATH" LAB_NAME=$(LAB_NAME) tools/shell

.PHONY: test
test: deps ## Run every layer of checks, fast ones first; of the matrices only the main path and the worst faults
	$(LAYERS) $(TESTS)

.PHONY: test-all
test-all: deps deps-browser ## Run `make test` with the matrices: all events, faults and kills, a browser, 100,000 inputs to each parser, old and new ansible-core
	$(LAYERS) --matrix $(TESTS) browser fuzz cores

.PHONY: lint
lint: deps-checks ## Read the sources: Ansible, YAML, Python, shell, Go, documentation, changelog, artifact, contracts
	$(LAYERS) lint

.PHONY: unit
unit: deps-checks ## Run the unit tests
	$(LAYERS) unit

.PHONY: sanity
sanity: deps-checks ## Run ansible-test sanity
	$(LAYERS) sanity

.PHONY: browser
browser: deps-checks deps-browser ## Open the page of the report in Chromium: phone and desk, light and dark, for those who cannot see it too
	$(LAYERS) browser

.PHONY: network
network: deps ## Try the host ports in network namespaces; needs root
	$(LAYERS) network

.PHONY: molecule
molecule: deps ## Run the scenarios, whole, on labs of their own; SCENARIO="site reboot" runs these, on one lab
	$(LAYERS) --matrix molecule $(addprefix --scenario=,$(SCENARIO))

.PHONY: cores
cores: deps ## Run unit tests and the main path with the oldest and the newest ansible-core; needs Python 3.12 and 3.13
	$(LAYERS) cores

.PHONY: fuzz
fuzz: deps-checks ## Give 100,000 inputs to each parser of what others wrote (an hour); FUZZ=N for N inputs
	FUZZ=$(FUZZ) $(VENV)/bin/python -m pytest -q -n 2 -o pythonpath=.collections tests/unit/plugins/*/test_foreign_*.py

.PHONY: mutation
mutation: deps-checks ## Count which changes of deciding files the unit tests notice (half an hour); MUTATION="--sample 0 FILE" for all of one file
	$(VENV)/bin/python tools/mutation.py $(MUTATION)

.PHONY: deps
deps: deps-checks ## Install what the lab and the tests need: Debian packages, a Python environment outside the checkout
	tools/system-packages requirements/apt-lab.txt

.PHONY: deps-browser
deps-browser:
	@tools/system-packages requirements/apt-browser.txt

.PHONY: deps-checks
deps-checks:
	@tools/system-packages requirements/apt-checks.txt
	@tools/venv >/dev/null

.PHONY: docs
docs: deps-checks ## Build the docs site, and print where it is
	PATH="$(VENV)/bin:$$PATH" $(VENV)/bin/python tools/docs_site.py

.PHONY: format
format: deps-checks ## Bring Python and Go sources into the form that lint asks for
	$(VENV)/bin/ruff check --fix --exit-zero
	$(VENV)/bin/ruff format
	gofmt -w lab/go

.PHONY: role-docs
role-docs: deps-checks ## Write the variable tables of docs and role READMEs
	$(VENV)/bin/python tools/role_docs.py

.PHONY: changelog
changelog: deps-checks ## Turn the changelog fragments into the release that galaxy.yml names
	PATH="$(VENV)/bin:$$PATH" antsibull-changelog release

.PHONY: artifact
artifact: deps-checks ## Build the collection's archive
	PATH="$(VENV)/bin:$$PATH" ansible-galaxy collection build --force "$$($(VENV)/bin/python tools/checkout.py)"

.PHONY: release
release: deps-checks ## Make a release in RELEASE=FOLDER: artifact, list of components, checksums; KEY=FINGERPRINT signs them
	PATH="$(VENV)/bin:$$PATH" $(VENV)/bin/python tools/release.py "$(RELEASE)" $(if $(KEY),--key $(KEY))

.PHONY: pins
pins: ## Resolve requirements/python.txt anew and pin what it pulls in
	tools/pins

.PHONY: clean
clean: ## Remove what the tools leave in the checkout; the cache outside it stays
	git clean -fdXq -- .ansible .mypy_cache .pytest_cache .ruff_cache .hypothesis tests lab plugins bench tools '*.tar.gz'
