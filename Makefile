# People and CI run the same targets. Everything lives in .venv; nothing outside this folder is changed.
SHELL := /bin/bash
.DELETE_ON_ERROR:
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
WORKERS ?= 2
PYTEST := $(BIN)/python -P -m pytest

DIST := ui-api/meshwright/ui_api/web/dist/index.html
# The dashboard is made of its own sources, and of the API's document, which is made of these.
WEB := $(shell find ui-api/web ui-api/meshwright/ui_api/routes schemas/meshwright/schemas -type f -not -path '*/node_modules/*' \
	-not -name '*.pyc' -not -name openapi.json -not -name schema.d.ts)

.PHONY: help install web up down test test-again testbed check schemas proofs bench faults soak heap security fuzz search screenshots lock

help:
	@echo 'make up [FOREGROUND=1] [NATS=url] [MONGODB=url] | down [WIPE=1] | test [KUBECONFIG=file CONTEXT=name] | testbed | check | schemas | proofs | bench | faults [QUICK=1] | soak MINUTES=60 | heap MINUTES=60 | security | fuzz MINUTES=10 | search MINUTES=10 | web | screenshots | install'

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo 'error: $(PYTHON) not found; Meshwright needs Python 3.11 or newer (PYTHON=... names another)'; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'error: $(PYTHON) is older than 3.11 (PYTHON=... names another)'; exit 1; }
	@mkdir -p .venv && exec 9>.venv/.lock && flock 9; \
	if [ $(STAMP) -nt pyproject.toml ] && [ $(STAMP) -nt constraints.txt ]; then exit; fi; \
	echo 'Installing into .venv'; \
	{ test -x $(BIN)/python || $(PYTHON) -m venv .venv; } && \
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[local,dev]' && \
	touch $(STAMP)

web: install $(DIST)

# Everything else works without the dashboard, so a machine without Node and network goes on with a word.
$(DIST): $(STAMP) $(WEB)
	@echo 'Building the dashboard'; ui-api/web/build.sh || \
	echo 'The dashboard was not built, because of what is said above. The API and the command line work without it; make web tries again.'

# Passed by the environment, because a URL may hold a password and command lines are visible to all users.
up: export MESHWRIGHT_LOCAL_NATS := $(NATS)
up: export MESHWRIGHT_LOCAL_MONGODB := $(MONGODB)
up: install web
	@$(BIN)/meshwright-local up $(if $(FOREGROUND),--foreground)

down:
	@test ! -x $(BIN)/meshwright-local || $(BIN)/meshwright-local down $(if $(WIPE),--wipe)

# With KUBECONFIG the tests of Kubernetes use that cluster, in namespaces of their own; never because a shell exports it.
ifeq ($(origin KUBECONFIG),command line)
test: export MESHWRIGHT_TEST_KUBECONFIG := $(KUBECONFIG)
test: export MESHWRIGHT_TEST_CONTEXT := $(CONTEXT)
endif
test: install web
	$(PYTEST) -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# Runs at most three failures of the last run again, one at a time: what passes now had failed for lack of time.
test-again: install
	$(PYTEST) -n 0 -v --last-failed --last-failed-no-failures none --maxfail 3

faults: install
	$(PYTEST) -n 0 tests/faults $(if $(QUICK),--quick)

# Real Kubernetes and istiod for the tests, built from their Go modules once per machine (about ten minutes).
testbed: install
	PYTHONPATH=tests $(BIN)/python -m testbed.building

security: install
	$(PYTEST) -n $(WORKERS) --dist loadfile tests/security

# The same targets as in the tests, for a chosen time and with other inputs each time.
fuzz: MINUTES ?= 10
fuzz: install
	FUZZ_MINUTES=$(MINUTES) $(PYTEST) -n 0 -s --timeout 0 tests/security/fuzz

# The properties with other examples each time: `make test` has the same ones always.
search: MINUTES ?= 10
search: install
	end=$$(( $$(date +%s) + 60 * $(MINUTES) )); while [ $$(date +%s) -lt $$end ]; do \
		MESHWRIGHT_TEST_AT_RANDOM=1 $(PYTEST) -q -n $(WORKERS) -m hypothesis tests/unit tests/contract || exit 1; done

# Every page of the dashboard of the running stack, in both themes at 1440 and 390 px.
screenshots: install
	$(BIN)/python tests/e2e/dashboard/screenshots.py

soak: MINUTES ?= 60
soak: install
	$(BIN)/python tests/soak/soak.py $(MINUTES)

# The dashboard's memory while 200 events arrive in a second; needs Chromium.
heap: MINUTES ?= 60
heap: install web
	PYTHONPATH=tests $(BIN)/python tests/bench/dashboard_heap.py $(MINUTES)

check: install
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -P -m meshwright.schemas.documents.generate --check
	ui-api/web/build.sh check

schemas: install
	$(BIN)/python -P -m meshwright.schemas.documents.generate

# What tests prove of intents on each mesh, written beside the adapters, and the page of all of them.
proofs: install
	$(PYTEST) -n $(WORKERS) --dist loadfile -m proves --write-proofs tests/integration tests/faults
	PYTHONPATH=tests $(BIN)/python -m rig.proving.page

bench: install
	@for one in tests/bench/bench_*.py; do echo "== $$one"; PYTHONPATH=tests $(BIN)/python $$one || exit 1; done

# Writes the installed versions to constraints.txt.
lock:
	$(BIN)/python -m pip freeze --exclude-editable --exclude pip --exclude setuptools > constraints.txt
