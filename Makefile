# Every command of the project. `make help` lists them; works with GNU make 3.81 and later.
#
#   PYTHON=python3.13 make run     another Python (3.11 or later is wanted)
#   make test FAST=1               without scenarios and fault runs
#   make test JOBS=8               more test processes
#   make faults FULL=1             the whole fault programme instead of its short form

VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 2
SECONDS_EACH ?= 60
UV ?= uv
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
CODE := src tools tests fuzz $(patsubst %/,%,$(dir $(firstword $(wildcard bench/*.py))))
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(ARGS)
COMPILE := $(UV) pip compile -q --universal --generate-hashes --no-emit-index-url --no-header \
	--python-version 3.11 pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help setup run test test-fast scenarios faults check format rfcs reference bench fuzz lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

# -- set-up: stamps in .venv say what is done, so that a second time costs nothing ------------

# Stands alone so that it is asked only when there is no environment yet.
$(VENV)/.created:
	@PYTHON="$(PYTHON)" sh tools/venv.sh $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.created requirements.lock requirements-build.lock
	@echo "installing the locked dependencies into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements.lock -r requirements-build.lock
	@touch $@

$(VENV)/.package: $(VENV)/.run pyproject.toml
	@$(PIP) install --no-build-isolation --no-deps -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.package $(VENV)/.web requirements-dev.lock
	@echo "installing the locked development tools into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

# Without Node.js the server works, and says in place of its pages how to build them. Not
# `npm ci`: it wants the packages of every platform in the lock file, this one's are enough.
$(VENV)/.web: $(VENV)/.created web/package-lock.json $(shell find web -path web/node_modules -prune -o -type f -print 2>/dev/null)
	@if command -v npm >/dev/null && node -e 'process.exit(Number(parseInt(process.versions.node) < 20))'; then \
	  echo "building the web front end ..."; \
	  cd web && npm install --silent --no-save --no-audit --no-fund --loglevel=error && npm run --silent build -- --logLevel warn; \
	else echo "Node.js 20 or later is missing: the web front end is not built"; fi
	@touch $@

setup: $(VENV)/.package $(VENV)/.web ## the set-up alone: .venv with everything `merpati` needs

# -- what people run ---------------------------------------------------------------------------

run: $(VENV)/.package $(VENV)/.web ## a demo server in var/demo on unprivileged ports; Ctrl-C stops it
	@exec $(BIN)/merpati demo

# -- what developers run -----------------------------------------------------------------------

test: $(VENV)/.dev ## every test; FAST=1 leaves out scenarios and fault runs
	@$(PYTEST) $(if $(FAST),-m "not scenario and not fault")

test-fast: $(VENV)/.dev ## the tests that start no servers: under 3 minutes
	@$(PYTEST) -m "not scenario and not fault"

scenarios: $(VENV)/.dev ## whole servers and real clients
	@$(PYTEST) -m scenario

faults: $(VENV)/.dev ## kills, power cuts, failing and full disks; FULL=1 for the long programme
	@$(if $(FULL),MERPATI_FAULTS=full) $(PYTEST) -m fault $(if $(FULL),--timeout 3600)

check: $(VENV)/.dev ## format, lint, types, floors, sizes, RFC index, reference, links
	@$(BIN)/ruff format --check --quiet . || { echo "some files are not formatted: make format"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@MYPYPATH=src:. $(BIN)/mypy --namespace-packages --explicit-package-bases $(CODE)
	@$(BIN)/python tools/floors.py
	@$(BIN)/python tools/names.py
	@$(BIN)/python tools/sizes.py --quiet
	@$(BIN)/python tools/rfcs.py --check
	@$(BIN)/python tools/reference.py --check
	@$(BIN)/python tools/links.py
	@$(BIN)/python -m tools.web_sieve --check
	@if [ -d web/node_modules ]; then cd web && npm run --silent check && npm run --silent test -- --silent; fi

format: $(VENV)/.dev ## formats the sources and mends what the linter can
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format .

rfcs: $(VENV)/.dev ## makes docs/rfc/README.md from docs/rfc/index.tsv
	@$(BIN)/python tools/rfcs.py

reference: $(VENV)/.dev ## makes the pages of docs/reference from the sources
	@$(BIN)/python tools/reference.py

bench: $(VENV)/.dev ## benchmarks, side by side with the peers that are installed
	@$(BIN)/python -m bench.run $(ARGS)

fuzz: $(VENV)/.dev ## SECONDS_EACH=60 for every target, or TARGET=name for one
	@$(BIN)/python -m fuzz.run --seconds $(SECONDS_EACH) $(TARGET)

# The build lock takes its versions from the development lock, so that the two agree.
lock: ## renews the lock files from pyproject.toml (wants uv)
	@command -v $(UV) >/dev/null || { echo "uv is missing; pip install uv"; exit 1; }
	$(COMPILE) --upgrade --extra postgresql --extra s3 --group build --group test --group lint -o requirements-dev.lock
	$(COMPILE) --upgrade --extra postgresql --extra s3 -c requirements-dev.lock -o requirements.lock
	$(UV) pip compile -q --universal --generate-hashes --no-emit-index-url --no-header \
		--python-version 3.11 --group build -c requirements-dev.lock -o requirements-build.lock

clean: ## removes the environment and everything built; keeps var/
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -f tests/faults/tools/faultio.so
	find src tests tools fuzz bench -name __pycache__ -type d -prune -exec rm -rf {} +
