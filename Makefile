# The same checks as `python3 bootstrap.py check`, in an environment that is there already.
PYTHON ?= .venv/bin/python

.PHONY: check lint types test lock samples

check: lint types test

lint:
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

types:
	$(PYTHON) -m mypy

test:
	$(PYTHON) -m pytest -q

# Renew the lock files after a change in pyproject.toml (needs uv).
LOCK = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes pyproject.toml
lock:
	$(LOCK) -o requirements.lock
	$(LOCK) --extra dev -o requirements-dev.lock
