"""Examples run as they stand, and `help` shows what all models have in common."""

import doctest
import inspect

import numpy as np
import pytest

import keras_drmm
from keras_drmm import zoo
from keras_drmm.zoo.zoo_model import FUNCTIONS


@pytest.mark.parametrize("name", zoo.__all__)
def test_examples_are_true(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"np": np, "keras_drmm": keras_drmm}
    finder = doctest.DocTestFinder(recurse=False)
    (test,) = finder.find(getattr(zoo, name), name, globs=names)
    assert test.examples
    assert doctest.DocTestRunner().run(test).failed == 0


@pytest.mark.smoke
@pytest.mark.parametrize("name", FUNCTIONS)
def test_all_arguments_are_documented_once(name):
    function = FUNCTIONS[name]
    arguments = [*inspect.signature(function).parameters]
    assert arguments[:2] == ["input_shape", "num_classes"]
    assert arguments[-1] == "preset"
    common = {"input_shape", "num_classes", "training_steps", "preset"}
    for argument in arguments:
        entry = f"\n- `{argument}`" if argument in common else f"\n    {argument}: "
        assert function.__doc__.count(entry) == 1, argument
