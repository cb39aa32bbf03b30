# Two commands are enough: `make demo` and `make test`. See README.md.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Tests and the demo use the machine's two cores through pytest-xdist and numba, not through BLAS.
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: demo test lint types unit doctest bench fuzz figure lock clean

demo: $(VENV)/demo.stamp
	$(BIN)/python derivations/literature_1d/run.py
	$(BIN)/python derivations/iris/accuracy.py
	$(BIN)/mzsym run derivations/iris/model.toml -o derivations/iris/results

test: $(VENV)/dev.stamp lint types unit doctest

lint:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types:
	$(BIN)/mypy

unit:
	$(BIN)/python -m pytest -n 2 --dist loadfile -q tests derivations

doctest:
	$(BIN)/python -m pytest -q --doctest-modules mzsym --doctest-glob='*.md' README.md docs

bench: $(VENV)/dev.stamp
	$(BIN)/python -m benchmarks

fuzz: $(VENV)/dev.stamp
	$(BIN)/python -m tests.fuzz --inputs 100000 --seed 1 --jobs 2

figure: $(VENV)/demo.stamp
	$(BIN)/python derivations/literature_1d/run.py
	cp derivations/literature_1d/results/decay.svg docs/figures/decay.svg
	$(BIN)/python derivations/iris/accuracy.py
	cp derivations/iris/results/accuracy.svg docs/figures/accuracy.svg
	$(BIN)/python derivations/proved_region/run.py
	cp derivations/proved_region/results/region.svg docs/figures/region.svg

lock:
	$(BIN)/python -m pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --extra sklearn --allow-unsafe --generate-hashes --no-emit-index-url \
	  --no-emit-trusted-host --no-emit-find-links --strip-extras --no-header --no-annotate \
	  -o requirements/demo.lock pyproject.toml requirements/build.in
	$(BIN)/pip-compile --quiet --extra sklearn --extra dev --allow-unsafe --generate-hashes --no-emit-index-url \
	  --no-emit-trusted-host --no-emit-find-links --strip-extras --no-header --no-annotate \
	  -c requirements/demo.lock -o requirements/dev.lock pyproject.toml requirements/build.in

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo.stamp: pyproject.toml requirements/demo.lock | $(VENV)/bin/python
	@echo "Installing the locked dependencies (about a minute the first time)"
	$(PIP) install --require-hashes -r requirements/demo.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.stamp: pyproject.toml requirements/dev.lock | $(VENV)/bin/python
	@echo "Installing the locked dependencies (about a minute the first time)"
	$(PIP) install --require-hashes -r requirements/dev.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/demo.stamp

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
