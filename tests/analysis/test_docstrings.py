"""Examples run, and those of pictures write one."""

import doctest

import numpy as np
import pytest

import keras_drmm
from keras_drmm import analysis


@pytest.mark.parametrize("name", analysis.__all__)
def test_examples_are_true(name, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    finder = doctest.DocTestFinder(recurse=False)
    names = {"keras_drmm": keras_drmm, "np": np}
    (test,) = finder.find(getattr(analysis, name), name, globs=names)
    found = doctest.DocTestRunner().run(test)
    # A part of a result has no example of its own.
    assert found.attempted > 0 or name == "DeletionInsertion"
    assert found.failed == 0
    starts = [path.read_bytes()[:4] for path in tmp_path.iterdir()]
    assert starts == ([b"\x89PNG"] if name.startswith("plot_") else [])
