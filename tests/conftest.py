"""Shared by all tests: fixed seeds, and Hypothesis without deadlines."""

import os

import keras
import pytest
from hypothesis import settings

# The first call of an operation compiles: a deadline would blame the example.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(autouse=True)
def _fixed_seeds():
    keras.utils.set_random_seed(0)


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
