# `make` lists what there is. Every target sets up what it needs: `make run` and `make test` work first and alone.

PYTHON ?= python3
CONFIG ?= conf/tvm.yaml
TESTS ?= tests
SIZES ?= 1m,10m$(if $(filter full,$(BENCH)),$(COMMA)100m)
COMMA := ,
EXTRAS := local,reports,serve,bench,test,docs,dev
BIN := .venv/bin
READY := .venv/.ready
# Test processes side by side, each with a Spark of its own: 0 for one alone. A file's tests stay in one process.
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest --durations=15 --durations-min=1
# The longest files come first (tests/durations.json), so that no process is left alone with one at the end.
SIDE_BY_SIDE := -n $(WORKERS) --dist loadfile --no-loadscope-reorder
# Folders count too: theirs is the time of a removal.
SHIPPED := $(shell find lib jobs -not -path '*/__pycache__*' -not -path '*.egg-info*')

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup run bench test test-full cluster-test compat docs lint types imports wheel lock pack clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv with the pinned packages, find or install Java, fetch Delta's JARs

$(READY): setup.py constraints.txt pyproject.toml
	PYTHONPATH=lib $(PYTHON) -m offbeat.runtime venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt setuptools wheel
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--no-build-isolation --editable '.[$(EXTRAS)]'
	$(BIN)/python -m offbeat.runtime setup
	touch $@

run: $(READY) ## the main job: generate a log, find what is out of sequence, say what it means (CONFIG=conf/NAME.yaml)
	$(BIN)/offbeat run --config $(CONFIG)

bench: $(READY) ## time the steps beside the limit of these cores, DuckDB and Polars (SIZES=1m,10m PARTS=…; BENCH=full: 100m too)
	$(BIN)/offbeat bench --config $(CONFIG) --sizes $(SIZES) $(if $(PARTS),--parts $(PARTS))

test: $(READY) ## all tests but the slow ones (TESTS=tests/ROOM for a part)
	$(PYTEST) $(SIDE_BY_SIDE) -m "not slow" $(TESTS)

# In parts that each end within the hour on two cores: the quick ones, kills at every point (in two), kills at random
# moments, other jobs as processes, the rest.
PART_1 := -m "not slow" tests
PART_2 := -m slow tests/system/test_killed.py -k "every_point and (quarter_1 or quarter_2)"
PART_3 := -m slow tests/system/test_killed.py -k "every_point and (quarter_3 or quarter_4)"
PART_4 := -m slow tests/system/test_killed.py -k "not every_point"
PART_5 := -m slow tests/system --ignore tests/system/test_killed.py
PART_6 := -m slow tests --ignore tests/system

test-full: $(READY) ## all tests, the slow ones too (PART=1 to PART=6 for a part under an hour, or TESTS=tests/ROOM)
	$(PYTEST) $(SIDE_BY_SIDE) $(if $(PART),$(or $(PART_$(PART)),$(error no PART=$(PART): 1 to 6)),$(TESTS))

cluster-test: $(READY) ## spark-submit on a standalone cluster: a master and two workers on loopback
	$(PYTEST) tests/system/test_cluster.py

docs: $(READY) ## the documentation as a site, site/index.html; a link that leads nowhere stops it
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

compat: $(READY) ## the small main job with each Spark and Delta meant to work, in environments of their own (COMPAT=4.0.1+4.0.1)
	$(BIN)/python tests/compat.py .compat $(COMPAT)

lint: $(READY) ## style (ruff) and layout of the code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY) ## types of lib/ (mypy)
	$(BIN)/mypy

imports: $(READY) ## which room may import which (import-linter)
	$(BIN)/lint-imports

wheel: dist/offbeat.zip ## the package for a cluster: dist/offbeat-VERSION.whl, the same as dist/offbeat.zip, its SBOM and hashes

# spark-submit hands executors a .zip in --py-files, but not a .whl. No build/ stays: it would keep modules that are gone.
dist/offbeat.zip: $(READY) $(SHIPPED) requirements.lock
	rm -rf build dist
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .
	rm -rf build
	$(BIN)/python -m offbeat.runtime bill dist
	cp dist/offbeat-*.whl $@

# What executors need besides Spark, in one file that a Python of the same version runs: numpy, pandas, pyarrow,
# pydantic, PyYAML, offbeat. PACK=train adds TensorFlow, for a driver on the cluster. Spark itself comes from the cluster.
pack: dist/offbeat.pex ## dist/offbeat.pex: the package and its environment, for executors with a bare Python (PACK=extra,…)

dist/offbeat.pex: dist/offbeat.zip constraints.txt
	$(BIN)/python -m pex --constraints constraints.txt --inherit-path=fallback --output-file $@ \
		"offbeat$(if $(PACK),[$(PACK)]) @ file://$$(ls $(CURDIR)/dist/offbeat-*.whl)"

lock: $(READY) ## requirements.lock: versions and hashes of what a machine installs that runs offbeat (asks pip)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --dry-run --ignore-installed \
		--no-build-isolation --constraint constraints.txt --report .lock.json '.[local,reports,serve]'
	$(BIN)/python -m offbeat.runtime lock .lock.json
	rm .lock.json

clean: ## remove what was built; .venv, the lake and fetched JARs stay
	rm -rf build dist site lib/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find lib jobs tests -name __pycache__ -type d -prune -exec rm -rf {} +
