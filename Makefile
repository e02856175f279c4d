# Two commands do everything: `make demo` shows the main job, `make test` proves it. Both set up first.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

unexport PYTHONDONTWRITEBYTECODE # where it is set, each process that tests start would compile our modules anew, 0.9 s of it

# Tests of functions, without servers, kills or the corpus.
FAST := tests/test_architecture.py tests/test_doctests.py $(wildcard tests/test_schemas_*.py tests/test_pack_*.py tests/test_score_*.py) \
  tests/test_check_records.py tests/test_check_merge.py tests/test_check_complete.py tests/test_check_ground.py tests/test_check_salvage.py \
  tests/test_ask_budget.py tests/test_ask_expect.py tests/test_ask_prompts.py tests/test_ask_refusals.py tests/test_ask_stream.py \
  tests/test_flows_usage.py tests/test_flows_tracked.py

.PHONY: demo check test lint style types contracts fast prove lock samples clean

demo: $(READY)
	@rm -rf out/demo
	@$(BIN)/octavo run data/samples --offline --extract invoice receipt contract resume paper letter --summarize --out out/demo || test $$? -eq 2
	@$(BIN)/python -m data.demo out/demo

test: $(READY)
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not prove" # one more than cores: Prefect's servers are waited for

# All parts at once, each shown when it ends; the format is looked at first, since that is what is forgotten.
check: style
	@$(MAKE) --no-print-directory --jobs=3 --output-sync=target types contracts fast

lint: style types contracts

style: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

contracts: $(READY)
	$(BIN)/lint-imports --no-cache

fast: $(READY)
	$(BIN)/pytest -n 2 -m "not prove" $(FAST) --deselect tests/test_architecture.py::test_contracts_hold

prove: $(READY)
	$(BIN)/pytest -m "prove or hypothesis" --hypothesis-profile full # properties with all their examples

# A virtual environment with exactly the versions of the lock, each checked by its hash.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Octavo needs Python 3.11 or newer; name one with PYTHON=..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "Python cannot make virtual environments here: apt-get install python3-venv, then try again."; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# New versions for the lock. Needs uv.
lock:
	uv pip compile pyproject.toml --extra ocr --extra office --extra s3 --extra postgres --extra dask --extra mcp --extra charts --extra eval --extra dev --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --quiet --upgrade --output-file requirements.lock

samples: $(READY)
	$(BIN)/python -m data.make_samples

clean:
	rm -rf $(VENV) out
