"""Examples run and show what they say."""

import doctest

import numpy as np
import pytest

import keras_drmm
from keras_drmm import evaluation

NAMES = [name for name in evaluation.__all__ if name != "ReportNumbers"]


@pytest.mark.parametrize("name", NAMES)
def test_examples_are_true(name, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    finder = doctest.DocTestFinder(recurse=False)
    names = {"np": np, "keras_drmm": keras_drmm, **vars(evaluation)}
    (test,) = finder.find(getattr(evaluation, name), name, globs=names)
    assert test.examples
    assert doctest.DocTestRunner().run(test).failed == 0
