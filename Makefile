# make run: the dashboard. make test: every test and gate. Nothing else needs to be installed first but Python 3.11+.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PORT ?= 8501

.PHONY: run test check format clean

run: $(VENV)/run.stamp
	$(BIN)/streamlit run app.py --server.port $(PORT)

test: check
	$(BIN)/python tools/browser.py
	$(BIN)/pytest -n 2 --dist loadfile

check: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/test.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/run.stamp: requirements.txt tools/install.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python tools/install.py requirements.txt
	touch $@

$(VENV)/test.stamp: requirements.txt requirements-dev.txt tools/install.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python tools/install.py requirements-dev.txt
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
