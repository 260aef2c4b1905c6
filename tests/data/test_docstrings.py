import doctest

import numpy as np
import pytest

import keras_drmm
from keras_drmm import data


@pytest.mark.parametrize("name", ["load", "semi_supervised", "to_unit_range"])
def test_examples_are_true(name):
    names = {"np": np, "keras_drmm": keras_drmm}
    finder = doctest.DocTestFinder(recurse=False)
    (test,) = finder.find(getattr(data, name), name, globs=names)
    assert test.examples
    assert doctest.DocTestRunner().run(test).failed == 0
