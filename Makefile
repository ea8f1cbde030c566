# make run: the dashboard. make test: every test and gate. Nothing else needs to be installed first but Python 3.11+.
# make reproduce: the paper's tables, ours beside them (many hours on a CPU).
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PORT ?= 8501
REPRODUCE ?=
# Processes that test at the same time: one more than two cores, since often one of them waits.
TESTERS ?= 3

.PHONY: run test check lint imports types-here types-win32 types-darwin format reproduce guide docs audit clean

run: $(VENV)/run.stamp
	$(BIN)/streamlit run app.py --server.port $(PORT)

test: check
	$(BIN)/python tools/browser.py
	$(BIN)/pytest -n $(TESTERS) --dist loadfile --no-loadscope-reorder
	@if nvidia-smi -L >/dev/null 2>&1; then UNCONFOUND_TEST_GPU=1 $(BIN)/pytest -n 2 --dist loadfile tests/gpu; fi

# Two at a time: each of them has one core busy.
check: $(VENV)/test.stamp
	@$(MAKE) --no-print-directory -j 2 types-here types-win32 types-darwin imports lint

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

imports:
	$(BIN)/lint-imports

types-here:
	$(BIN)/mypy

types-win32 types-darwin: types-%:
	$(BIN)/mypy --platform $* --cache-dir .mypy_cache/$*

format: $(VENV)/test.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Options for all three: make reproduce REPRODUCE="--seeds 3 --search". What is done is not repeated;
# a table that lacks a run (exit code 1) does not keep the next from being made.
reproduce: $(VENV)/run.stamp
	for table in textlen msgs access-rate; do \
		$(BIN)/python -m benchmarks.reproduce $$table --save benchmarks/results/reproduce-$$table.json $(REPRODUCE) \
		|| [ $$? -eq 1 ] || exit $$?; \
	done

# Asks an advisory service on the internet; in an environment of its own, so that its needs do not mix with ours.
audit:
	$(PYTHON) -m venv .audit-venv
	.audit-venv/bin/pip install --quiet pip-audit==2.10.1
	.audit-venv/bin/pip-audit --strict --disable-pip --no-deps -r requirements.txt -r requirements-ray.txt -r requirements-s3.txt

# The pictures of docs/guide.md, taken from the real dashboard (trains and treats a small model on the way).
guide: $(VENV)/test.stamp
	$(BIN)/python tools/browser.py
	$(BIN)/python -m docs.make_guide

# What docs/ has from the code: the command line, the settings, the picture of the layers.
docs: $(VENV)/run.stamp
	$(BIN)/python -m docs.make_commands
	$(BIN)/python -m docs.make_settings
	$(BIN)/python -m docs.make_architecture

$(VENV)/run.stamp: requirements.txt requirements-web.txt tools/install.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python tools/install.py requirements.txt
	touch $@

$(VENV)/test.stamp: requirements.txt requirements-web.txt requirements-dev.txt tools/install.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python tools/install.py requirements-dev.txt
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
