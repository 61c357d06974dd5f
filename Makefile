# Two doors for everyone, `make drill` and `make test`; the rest is for those who work on Sekisho.
# Everything lives in .venv; nothing outside this folder is touched.
PYTHON ?= python3
BIN := .venv/bin
SETUP := .venv/.runtime
SETUP_DEV := .venv/.dev
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install

.PHONY: drill test check fix bench fuzz model lock clean

drill: $(SETUP)
	$(BIN)/sekisho drill dmm-2024 --live --out build/drill

test: check
	$(BIN)/pytest -n 2 --dist loadgroup

check: $(SETUP_DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy src tests bench
	$(BIN)/lint-imports

fix: $(SETUP_DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The environment. Hashes cover every byte; setuptools and wheel come first, because embit is
# published as source only and building it must not fetch anything unhashed.
.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Sekisho needs Python 3.11 or newer")'
	$(PYTHON) -m venv .venv || { echo "On Debian: apt-get install python3-venv"; rm -rf .venv; exit 1; }

$(SETUP): .venv/bin/python requirements-build.txt requirements.txt pyproject.toml
	@echo "Preparing the environment in .venv (once, about half a minute) ..."
	$(PIP) --require-hashes -r requirements-build.txt
	$(PIP) --require-hashes --no-build-isolation -r requirements.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(SETUP_DEV): $(SETUP) requirements-dev.txt
	$(PIP) --require-hashes --no-build-isolation -r requirements-dev.txt
	@touch $@

.venv-peers/.ready: .venv/bin/python requirements-peers.txt
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements-peers.txt
	@touch $@

bench: $(SETUP_DEV) .venv-peers/.ready
	$(BIN)/python -m bench $(if $(ONLY),--only $(ONLY))

# Longer than the second a parser that the tests take: make fuzz SECONDS=600 TARGET=kernel.fields
fuzz: $(SETUP_DEV)
	PYTHONPATH=tests:src $(BIN)/python -m fuzz --seconds $(or $(SECONDS),60) $(if $(TARGET),--target $(TARGET))

# Every interleaving of the protocol's rules, within bounds: docs/model. Needs a C compiler, and spin
# from PATH or, without root, from Debian's own package.
model:
	$(PYTHON) docs/model/check.py

lock: $(SETUP_DEV)
	for name in requirements-build requirements requirements-dev requirements-peers; do \
	  $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --allow-unsafe \
	    --exclude-newer "$$(date -u -d '7 days ago' +%Y-%m-%d)" $$name.in -o $$name.txt || exit 1; done

clean:
	rm -rf .venv .venv-peers build .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
