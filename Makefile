# The commands of smsadmin. PORT, SANDBOX_PORT and DATA_DIR move an instance, so that copies run side by side:
# make run PORT=8010 SANDBOX_PORT=8011 DATA_DIR=/tmp/second

PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
export PYTHON
MAKEFLAGS += --no-print-directory

.PHONY: help run test lint messages bench chaos runtime tools

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "make %-7s %s\n", $$1, $$2 }'

run: runtime ## Everything on this machine: web, worker, scheduler and sandbox, until Ctrl-C
	@exec $(BIN)/python -m smsadmin.supervisor

test: tools ## The tests for real servers on PostgreSQL and Valkey, then every test on SQLite (ARGS="-k words")
	@CHAOS_KILLS=3 $(BIN)/python -m tests.services -- $(BIN)/python -m pytest -n 2 -m services $(ARGS)
	@$(BIN)/python -m pytest -n 2 --ignore tests/e2e --ignore tests/tooling $(ARGS)
	@$(BIN)/python -m pytest -n 2 --dist loadfile tests/e2e tests/tooling $(ARGS)

lint: tools ## Style, types and templates
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/djlint --lint --quiet templates
	@$(BIN)/python manage.py makemigrations --check --dry-run

messages: ## Collect new texts for the translators and compile the catalogue (needs gettext)
	@$(BIN)/python manage.py makemessages -v0 -l de --no-location --no-wrap --no-obsolete $(addprefix -i ,.venv tests data static docs scripts)
	@sed -i.bak '/^"POT-Creation-Date/d' locale/de/LC_MESSAGES/django.po && rm locale/de/LC_MESSAGES/django.po.bak
	@msgfmt -o locale/de/LC_MESSAGES/django.mo locale/de/LC_MESSAGES/django.po

bench: tools ## What a burst, counting in quotas and the pages over a long log cost (ARGS=sending, quotas or log: one of them)
	@$(BIN)/python -m tests.bench $(ARGS)

chaos: tools ## Kill workers at the worst moments and count what was sent
	@CHAOS_KILLS=20 $(BIN)/python -m tests.services -- $(BIN)/python -m pytest -m "processes and services" $(ARGS)
	@PARALLEL_NUMBERS=500 $(BIN)/python -m tests.services -- $(BIN)/python -m pytest tests/quotas/test_parallel.py $(ARGS)
	@TWILIO_MESSAGES=1000 $(BIN)/python -m pytest tests/e2e/test_twilio_faults.py $(ARGS)
	@CHAOS_KILLS=20 STACK_EXECUTIONS=5000 $(BIN)/python -m pytest -m processes $(ARGS)

runtime:
	@scripts/install.sh requirements.txt

tools:
	@scripts/install.sh requirements-dev.txt
