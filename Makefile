# Everything a person or a machine does with this repository. `make help` lists it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# A T-SQL server for test, faults, chaos and soak: `make test TEST_MSSQL_URL='mssql+pyodbc://…'`.
export TEST_MSSQL_URL
# Where this is set, each process compiles all 1,200 modules that it imports: two thirds of a start's time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help:  ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml uv.lock
	@test -x $(BIN)/uv || ($(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.13")
	@$(BIN)/uv sync --quiet --frozen
	@touch $@

.PHONY: install
install: $(STAMP)  ## put everything the project needs into .venv, from PyPI alone

.PHONY: format
format: install  ## rewrite the code in ruff's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: lint
lint: install  ## ruff, mypy --strict, import-linter, lock file up to date
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/uv lock --check --quiet

STRIPE_CLI := .cache/stripe-cli/package-lock.json

# The real Stripe CLI, for the tests that point it at our fake Stripe. Without npm those tests are skipped, and say so.
$(STRIPE_CLI): tests/stripe_cli/package.json tests/stripe_cli/package-lock.json
	@if command -v npm >/dev/null; then mkdir -p $(@D) && cp $^ $(@D)/ \
	  && npm ci --prefix $(@D) --no-audit --no-fund --ignore-scripts --silent && touch $@; fi

# OpenTelemetry for the tests that trace, apart from .venv: where its SDK is, redis-py imports it, and every process starts
# a tenth of a second later.
OTEL := .cache/otel/.installed

$(OTEL): uv.lock $(STAMP)
	@mkdir -p $(@D) && $(BIN)/uv export --quiet --frozen --only-group otel --output-file $(@D)/requirements.txt >/dev/null \
	  && $(BIN)/uv pip install --quiet --target $(@D) -r $(@D)/requirements.txt && touch $@

# What tests need beyond PyPI. Where it cannot be installed (no root, no Debian), those tests are skipped, and say so.
SYSTEM := chromium-headless-shell fonts-dejavu-core
# What pyodbc, Microsoft's driver from PyPI and FreeTDS need to speak to the server of TEST_MSSQL_URL.
ODBC := $(if $(TEST_MSSQL_URL),unixodbc libltdl7 libgssapi-krb5-2 tdsodbc)
APT := DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes apt-get -qq -o DPkg::Lock::Timeout=300

.PHONY: system
system:  ## put the Debian packages that tests need on this machine, where root may
	@missing=$$(for one in $(SYSTEM) $(ODBC); do dpkg -s $$one >/dev/null 2>&1 || echo $$one; done); \
	  if [ -z "$$missing" ] || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then exit 0; fi; \
	  { $(APT) update && $(APT) install --yes --no-install-recommends $$missing; } >/dev/null \
	  || echo "could not install" $$missing "- tests that need them are skipped"

# Of Debian's Prometheus only the tool that judges its rules: nothing is installed and no service started.
PROMTOOL := .cache/prometheus/usr/bin/promtool

$(PROMTOOL):
	@mkdir -p .cache/prometheus; cd .cache/prometheus; \
	  if command -v apt-get dpkg-deb >/dev/null && { apt-get -qq download prometheus || { $(APT) update && apt-get -qq download prometheus; }; } >/dev/null 2>&1; \
	  then dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool && rm prometheus_*.deb; \
	  else echo "could not fetch promtool - tests that need it are skipped"; fi

.PHONY: run
run: install  ## the whole service on embedded parts, with one customer's story; ARGS=--once ends after it
	@$(BIN)/python -m tests.run $(ARGS)

.PHONY: test
test: install system $(OTEL) $(STRIPE_CLI) $(PROMTOOL) lint  ## lint, then every test on real parts; ARGS goes to pytest
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder --cov --cov-report=term $(ARGS)

.PHONY: faults
faults: install $(if $(ODBC),system)  ## kill -9 the worker KILLS times and Redis RESTARTS times under load
	KILLS=$${KILLS:-30} RESTARTS=$${RESTARTS:-20} $(BIN)/pytest -s tests/system $(ARGS)

.PHONY: chaos
chaos: install $(if $(ODBC),system)  ## strike the whole service with every fault once, or with N at random; SEED repeats, FAULTS='kill.*' selects
	$(BIN)/python -m tests.chaos --count $(or $(N),0) --faults '$(or $(FAULTS),*)' $(if $(SEED),--seed $(SEED)) $(ARGS)

.PHONY: soak
soak: install $(if $(ODBC),system)  ## draw histories and deliver them at their worst for SECONDS (60); SEED repeats one
	$(BIN)/python -m tests.convergence --seconds $(or $(SECONDS),60) $(if $(SEED),--seed $(SEED))

.PHONY: fuzz
fuzz: install  ## anything at the endpoint, the API and the workers, for SECONDS (60) a target; finds stay in var/fuzz
	@mkdir -p var/fuzz; for target in unsigned signed event shaped; do \
	  $(BIN)/python -m tests.fuzz $$target --seconds $(or $(SECONDS),60) >var/fuzz/$$target.log 2>&1 \
	    || { tail -20 var/fuzz/$$target.log; exit 1; }; echo "$$target: $$(grep ^Done var/fuzz/$$target.log)"; done
	FUZZ_EXAMPLES=$$(( $(or $(SECONDS),60) * 20 )) $(BIN)/pytest -q -o timeout=0 \
	  tests/test_fuzz/test_webhook.py tests/test_fuzz/test_signed_events.py tests/ingest/api/test_document.py

.PHONY: audit
audit: install  ## lock, hashes, licences and known holes of what we are made of; ARGS=--offline where no advisories are to be had
	@$(BIN)/python -m tests.supply_chain $(ARGS)

.PHONY: sbom
sbom: install  ## what production is made of, as CycloneDX, into dist/sbom.cdx.json
	@mkdir -p dist && $(BIN)/uv export --quiet --frozen --no-dev --format cyclonedx1.5 --preview-features sbom-export \
	  --output-file dist/sbom.cdx.json >/dev/null && echo dist/sbom.cdx.json

.PHONY: schema-sql
schema-sql: install  ## render the migrations as T-SQL scripts for a DBA, into migrations/sql/
	$(BIN)/python -m migrations.schema_sql

.PHONY: bench
bench: install  ## measure everything, half an hour, into docs/performance.md; ARGS="accept apply" selects parts
	$(BIN)/python -m tests.bench $(ARGS)

.PHONY: bench-quick
bench-quick: install  ## accept, apply and lag in 2 min, only printed; ARGS="accept" selects parts
	$(BIN)/python -m tests.bench --quick $(ARGS)

.PHONY: screenshots
screenshots: install system  ## take docs/screenshots/ anew, in Chromium
	$(BIN)/python -m tests.browser.screenshots

.PHONY: clean
clean:  ## remove what make run and make test left behind (not .venv)
	rm -rf var .coverage* .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache .schemathesis
