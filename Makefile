# `make test`, `make demo` and `make docs` need only Python 3.11, 3.12 or 3.13 with pip:
# they set up virtual environments of their own, with CPU builds of the backends.
# `make docs-test` also needs Chromium and its driver.

# The first supported one; `make PYTHON=...` picks another.
PYTHON ?= $(shell for python in python3 python3.11 python3.12 python3.13 python; do \
	"$$python" -c '$(IS_SUPPORTED)' 2>/dev/null && echo "$$python" && break; done)
IS_SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))

VENV ?= .venv
VENV_NO_TF ?= .venv-no-tf
VENV_DOCS ?= .venv-docs
VENV_NEWEST ?= .venv-newest
PYTEST_ARGS ?=
# In the environment without TensorFlow every test module is imported, and these run.
NO_TF_ARGS ?= -m smoke
DEMO_ARGS ?= --short
BENCH_ARGS ?=
# Examples of each property, and the backend.
FUZZ ?= 200
FUZZ_BACKEND ?= torch

# PyPI's torch for Linux brings several GB of CUDA, PyTorch's own index the CPU
# build. That index is asked for this one file only, with few retries and a short
# timeout: where it cannot be reached, pip goes on with what else is configured.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

PIP_INSTALL := -m pip install -qq --disable-pip-version-check
RUN_TESTS := scripts/run_tests.py --args-without-tensorflow="$(NO_TF_ARGS)" \
	--python-without-tensorflow $(VENV_NO_TF)/bin/python

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup test test-slow test-newest test-tensorflow test-jax test-torch \
	test-without-tensorflow lint format demo bench fuzz docs docs-test clean

help:
	@echo 'make test                     lint and the suite on three backends'
	@echo 'make test-slow                the same with the tests that take long'
	@echo 'make lint                     ruff and mypy'
	@echo 'make test-newest              the suite with the newest release of each package'
	@echo 'make test-tensorflow          the suite on one backend; also test-jax, test-torch'
	@echo 'make test-without-tensorflow  JAX where TensorFlow is not installed'
	@echo 'make format                   let ruff format and fix'
	@echo 'make demo                     semi-supervised MNIST, the short run'
	@echo 'make bench                    time the training steps'
	@echo 'make fuzz                     random models and damaged files; FUZZ=N examples'
	@echo 'make docs                     build the site, into site/'
	@echo 'make docs-test                open each of its pages in a browser'
	@echo 'make setup                    only the environment of the above'
	@echo 'make clean                    remove the environments, caches and builds'
	@echo
	@echo 'Variables: PYTHON, PYTEST_ARGS (as in make test-jax PYTEST_ARGS="-k pool"),'
	@echo 'NO_TF_ARGS, DEMO_ARGS, BENCH_ARGS, FUZZ, FUZZ_BACKEND'

test: $(VENV)/.test $(VENV_NO_TF)/.test
	$(VENV)/bin/python $(RUN_TESTS) checks tensorflow jax torch without-tensorflow \
		-- $(PYTEST_ARGS)

test-tensorflow test-jax test-torch: test-%: $(VENV)/.test
	$(VENV)/bin/python $(RUN_TESTS) $* -- $(PYTEST_ARGS)

test-without-tensorflow: $(VENV_NO_TF)/.test
	$(VENV_NO_TF)/bin/python $(RUN_TESTS) without-tensorflow -- $(PYTEST_ARGS)

# What tests/slow_tests.csv has, and more examples.
test-slow: PYTEST_ARGS += --slow
test-slow: export EM_EXAMPLES = 16
test-slow: test

test-newest: | $(VENV_NEWEST)/bin/python
	sed '/^-[cr]/d' requirements/demo.txt requirements/test.txt \
		> $(VENV_NEWEST)/requirements.txt
	$(VENV_NEWEST)/bin/python $(PIP_INSTALL) --no-deps --upgrade --retries 2 --timeout 15 \
		--extra-index-url $(TORCH_INDEX) torch
	$(VENV_NEWEST)/bin/python $(PIP_INSTALL) --upgrade -r $(VENV_NEWEST)/requirements.txt
	$(VENV_NEWEST)/bin/python $(RUN_TESTS) tensorflow jax torch -- $(PYTEST_ARGS)

lint: $(VENV)/.test
	$(VENV)/bin/python $(RUN_TESTS) checks

format: $(VENV)/.test
	$(VENV)/bin/ruff format
	$(VENV)/bin/ruff check --fix

demo: $(VENV)/.demo
	TF_CPP_MIN_LOG_LEVEL=3 $(VENV)/bin/python -m recipes.mnist_semi_supervised $(DEMO_ARGS)

bench: $(VENV)/.test
	TF_CPP_MIN_LOG_LEVEL=2 $(VENV)/bin/python -m recipes.benchmark_steps $(BENCH_ARGS)

fuzz: $(VENV)/.test
	$(VENV)/bin/python $(RUN_TESTS) $(FUZZ_BACKEND) -- tests/fuzz --everything --fuzz $(FUZZ)

docs: $(VENV_DOCS)/.docs
	NO_MKDOCS_2_WARNING=1 $(VENV_DOCS)/bin/mkdocs build --quiet

docs-test: docs
	$(VENV_DOCS)/bin/python scripts/docs/check_site.py site \
		--screenshots build/screenshots

setup: $(VENV)/.test

clean:
	rm -rf $(VENV) $(VENV_NO_TF) $(VENV_DOCS) $(VENV_NEWEST) build dist site *.egg-info
	rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps: an installation, a few minutes, is redone only when these files change.
$(VENV)/.test: pyproject.toml requirements/constraints.txt requirements/demo.txt \
		requirements/test.txt | $(VENV)/bin/python
	$(VENV)/bin/python $(PIP_INSTALL) --no-deps --retries 2 --timeout 15 \
		--extra-index-url $(TORCH_INDEX) -c requirements/constraints.txt torch
	$(VENV)/bin/python $(PIP_INSTALL) -r requirements/test.txt
	touch $@ $(VENV)/.demo

$(VENV)/.demo: pyproject.toml requirements/constraints.txt requirements/demo.txt \
		| $(VENV)/bin/python
	$(VENV)/bin/python $(PIP_INSTALL) -r requirements/demo.txt
	touch $@

$(VENV_NO_TF)/.test: pyproject.toml requirements/constraints.txt \
		requirements/test-without-tensorflow.txt | $(VENV_NO_TF)/bin/python
	$(VENV_NO_TF)/bin/python $(PIP_INSTALL) \
		-r requirements/test-without-tensorflow.txt
	touch $@

$(VENV_DOCS)/.docs: requirements/constraints.txt requirements/docs.txt \
		| $(VENV_DOCS)/bin/python
	$(VENV_DOCS)/bin/python $(PIP_INSTALL) -r requirements/docs.txt
	touch $@

# Some systems have venv without ensurepip: then their own pip fills the environment.
%/bin/python:
	@"$(PYTHON)" -c '$(IS_SUPPORTED)' 2>/dev/null || { \
		echo 'keras_drmm needs Python 3.11, 3.12 or 3.13: make PYTHON=/path/to/python' >&2; \
		exit 1; }
	"$(PYTHON)" -m venv $* || { rm -rf $* && "$(PYTHON)" -m venv --without-pip $* && \
		"$(PYTHON)" -m pip --python $@ install pip; }
