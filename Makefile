# Foyer: `make run` runs it, `make test` tests it. Needs Python 3.11 and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
export PORT

.PHONY: run demo test lint lock messages clean

run: $(VENV)/run.stamp
	@exec $(BIN)/python -m config.serve --end-with-parent

demo: $(VENV)/run.stamp
	@exec $(BIN)/python -m config.serve --end-with-parent --demo

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: requirements.lock | $(BIN)/python
	@echo "Installing what Foyer needs into $(VENV)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(VENV)/dev.stamp: requirements-dev.lock | $(BIN)/python
	@echo "Installing what Foyer's tests need into $(VENV)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@ $(VENV)/run.stamp

# Root on Debian gets the browsers and the programs that others wrote to sign people in; others are
# told which tests are left out.
tools:
	@[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || exit 0; missing=""; \
	command -v chromium >/dev/null 2>&1 || missing="$$missing chromium"; \
	command -v firefox-esr >/dev/null 2>&1 || missing="$$missing firefox-esr"; \
	command -v npm >/dev/null 2>&1 || missing="$$missing nodejs npm"; \
	[ -e /usr/lib/apache2/modules/mod_auth_openidc.so ] || missing="$$missing libapache2-mod-auth-openidc"; \
	[ -z "$$missing" ] || { export DEBIAN_FRONTEND=noninteractive; apt-get update -qq; \
		apt-get install -y -qq $$missing >/dev/null || for each in $$missing; do \
		apt-get install -y -qq $$each >/dev/null; done; } || true

.PHONY: tools
test: $(VENV)/dev.stamp tools
	$(BIN)/python -m pytest -n auto $(ARGS)

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/djlint --lint --quiet templates
	$(BIN)/djade --check --target-version 5.2 $$(find templates -name '*.html' -not -path 'templates/mail/*')
	DJANGO_SETTINGS_MODULE=config.settings.test $(BIN)/python manage.py makemigrations --check --dry-run
	env SECRET_KEY="$$(head -c 64 /dev/urandom | od -An -vtx1 | tr -d ' \n')" \
		FOYER_TICKET_KEY="$$(head -c 64 /dev/urandom | od -An -vtx1 | tr -d ' \n')" \
		FOYER_ORIGIN=https://foyer.example FOYER_PROXY_COUNT=1 DATABASE_URL=postgresql://foyer@localhost/foyer \
		REDIS_URL=redis://localhost:6379/0 EMAIL_URL=smtp+tls://localhost:587 \
		DJANGO_SETTINGS_MODULE=config.settings.production $(BIN)/python manage.py check --deploy --fail-level WARNING
	$(BIN)/bandit -q -c pyproject.toml -r config tenants invitations consent
	@if command -v msgfmt >/dev/null 2>&1; then for po in $$(find . -name '*.po' -not -path './.venv/*'); do \
		said=$$(LC_ALL=C msgfmt --check --statistics -o /dev/null "$$po" 2>&1) || { echo "$$said"; exit 1; }; \
		case "$$said" in *fuzzy*|*untranslated*) echo "$$po: $$said"; exit 1;; esac; done; fi

# The locks carry hashes and no addresses; needs the network and installs uv into the environment.
lock: $(BIN)/python
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml $(LOCK) -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --group dev $(LOCK) -o requirements-dev.lock
LOCK := --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links

messages:
	DJANGO_SETTINGS_MODULE=config.settings.test $(BIN)/python manage.py makemessages -l nl --no-location --no-wrap --ignore .venv
	DJANGO_SETTINGS_MODULE=config.settings.test $(BIN)/python manage.py compilemessages --ignore .venv

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
