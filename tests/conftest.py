"""Shared by all tests: fixed seeds, Hypothesis without deadlines, what runs where."""

import csv
import gc
import os
from pathlib import Path

import keras
import pytest
from hypothesis import HealthCheck, settings

# The first call of an operation compiles: a deadline would blame the example.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")

# What does not depend on the backend runs in PyTorch's run alone, which compiles
# nothing: these folders and what is marked `once`, but for what is marked
# `every_backend`.
ONE_BACKEND = "torch"
# Of `tests/fuzz`: examples of each property where `--fuzz` does not say how many. They
# are always the same ones. Other backends compile for each.
FUZZ = 3 if keras.config.backend() == ONE_BACKEND else 2
ONCE = {"recipes", "tuning", "analysis", "evaluation"}
SLOW_TESTS = Path(__file__).parent / "slow_tests.csv"  # by scripts/slow_tests.py


def pytest_addoption(parser):
    parser.addoption(
        "--everything",
        action="store_true",
        help="run on this backend also what PyTorch's run alone has otherwise",
    )
    parser.addoption(
        "--slow",
        action="store_true",
        help="run also what is slow on this backend, and optimise TensorFlow's graphs",
    )
    parser.addoption(
        "--fuzz",
        type=int,
        metavar="N",
        help=f"draw N new examples of each property in tests/fuzz, not the same {FUZZ}",
    )


def pytest_configure(config):
    """Make the profile `fuzz` of tests/fuzz, and spare TensorFlow to optimise graphs.

    A test runs a graph a few times only.
    """
    number = config.getoption("--fuzz")
    slow = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture)
    settings.register_profile(
        "fuzz",
        deadline=None,
        max_examples=number or FUZZ,
        derandomize=number is None,
        database=None,
        suppress_health_check=slow,
        print_blob=True,
    )
    if keras.config.backend() == "tensorflow" and not config.getoption("--slow"):
        import tensorflow as tf

        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


def pytest_collection_modifyitems(config, items):
    """Leave out what another backend's run has, and what is slow."""
    backend = keras.config.backend()
    left_out = []
    if backend != ONE_BACKEND and not config.getoption("--everything"):
        tests = Path(__file__).parent
        left_out += [
            item
            for item in items
            if (item.path.relative_to(tests).parts[0] in ONCE or has_mark(item, "once"))
            and not has_mark(item, "every_backend")
        ]
    if not config.getoption("--slow"):
        with SLOW_TESTS.open(newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
        slow = {line["test"] for line in lines if backend in line["on"].split()}
        left_out += [
            item
            for item in items
            if item.nodeid in slow and not has_mark(item, "always")
        ]
    config.hook.pytest_deselected(items=list(dict.fromkeys(left_out)))
    items[:] = [item for item in items if item not in set(left_out)]


def pytest_collection_finish():
    """Spare the garbage collector the million objects of what is imported by now.

    keras-tuner collects before and after each trial: half of a search's time in tests.
    """
    gc.collect()
    gc.freeze()


def has_mark(item, name):
    return item.get_closest_marker(name) is not None


@pytest.fixture(autouse=True)
def _fixed_seeds():
    keras.utils.set_random_seed(0)


@pytest.fixture
def whole_tracebacks():
    """Tracebacks with Keras' own frames, which it leaves out otherwise."""
    keras.config.disable_traceback_filtering()
    yield
    keras.config.enable_traceback_filtering()


@pytest.fixture
def backend():
    """Name of the backend that Keras runs on."""
    return keras.config.backend()


@pytest.fixture
def half():
    """Return what calls a function under the policy of half precision."""

    def call(function):
        keras.config.set_dtype_policy("mixed_bfloat16")
        try:
            return function()
        finally:
            keras.config.set_dtype_policy("float32")

    return call
