# Everything runs in .venv, made on first use; PYTHON chooses the interpreter (3.10 or newer) it is made with.
# BENCH and SITE choose the Frappe bench and the site of the site tests, chaos and bench.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
CHANNEL ?= custom
E2E_SHOP ?= vendure
E2E_ERP ?= sandbox

.PHONY: help demo test test-unit test-site test-site-if-found test-browser shop chaos walk bench e2e lint format clean

help:
	@echo "make demo       200 orders through a simulated storefront and an embedded ERP (CHANNEL=custom, shopify or woocommerce, SERVE=1)"
	@echo "make test       pytest and the site tests, if a bench is found (BENCH=/path SITE=name); -j2: side by side"
	@echo "make test-unit  pytest only"
	@echo "make test-site  site tests of this checkout on a bench"
	@echo "make test-browser  the Desk in Chromium on a site, with axe-core; skipped where something is missing (SCREENSHOTS=1)"
	@echo "make shop       a simulated storefront with a page, to try a site with (docs/getting-started.md)"
	@echo "make chaos      500 orders over HTTP on a site while its processes are killed"
	@echo "make walk       1,000 random stock documents on a site, a storefront that fails, every listing checked"
	@echo "make bench      the budget table, on a site if a bench is found"
	@echo "make e2e        orders, stock, prices and shipments between a Vendure shop and an ERP (Node 20; E2E_ERP=site)"
	@echo "                E2E_SHOP=shopify or woocommerce: a simulated shop in its place (no Node); woocommerce with"
	@echo "                COMMERCE_BRIDGE_WOOCOMMERCE_URL, _KEY and _SECRET: a real one"
	@echo "make lint       ruff, import contracts, DocTypes, hooks, packages"
	@echo "make format     ruff format and safe fixes"
	@echo "make clean      removes .venv and caches"

# the stamp makes the second run start at once
$(VENV)/.stamp: pyproject.toml scripts/environment.py
	@$(PYTHON) scripts/environment.py $(VENV)

demo: $(VENV)/.stamp
	@CHANNEL="$(CHANNEL)" SERVE="$(SERVE)" $(RUN) -m sandbox.demo

test: test-unit test-site-if-found

test-site-if-found: $(VENV)/.stamp
	@$(RUN) scripts/site_run.py test --if-found

test-unit: $(VENV)/.stamp
	@$(RUN) -m pytest $(ARGS)

test-site: $(VENV)/.stamp
	@$(RUN) scripts/site_run.py test $(ARGS)

test-browser: $(VENV)/.stamp
	@PYTHONPATH=. $(RUN) scripts/browser.py $(ARGS)

shop: $(VENV)/.stamp
	@$(RUN) -m sandbox.shop

chaos: $(VENV)/.stamp
	@$(RUN) scripts/site_run.py chaos $(ARGS)

walk: $(VENV)/.stamp
	@$(RUN) scripts/site_run.py walk $(ARGS)

bench: $(VENV)/.stamp
	@$(RUN) scripts/site_run.py bench $(ARGS)

e2e: $(VENV)/.stamp
	@PYTHONPATH=. E2E_SHOP="$(E2E_SHOP)" E2E_ERP="$(E2E_ERP)" $(RUN) scripts/e2e.py

lint: $(VENV)/.stamp
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(VENV)/bin/lint-imports --no-cache
	@$(RUN) scripts/check_project.py

format: $(VENV)/.stamp
	@$(RUN) -m ruff check --fix .
	@$(RUN) -m ruff format .

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist *.egg-info
