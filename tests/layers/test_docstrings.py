import doctest

import keras
import numpy as np
import pytest

from keras_drmm import layers


@pytest.mark.parametrize("name", layers.__all__)
def test_examples_are_true(name):
    names = {"np": np, "keras": keras, **vars(layers)}
    layer = getattr(layers, name)
    (test,) = doctest.DocTestFinder(recurse=False).find(layer, name, globs=names)
    assert test.examples
    assert doctest.DocTestRunner().run(test).failed == 0
