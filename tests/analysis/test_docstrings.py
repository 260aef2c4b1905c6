"""Examples run and write their pictures."""

import doctest

import pytest

import keras_drmm
from keras_drmm import analysis


@pytest.mark.parametrize("name", analysis.__all__)
def test_examples_are_true(name, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    finder = doctest.DocTestFinder(recurse=False)
    names = {"keras_drmm": keras_drmm}
    (test,) = finder.find(getattr(analysis, name), name, globs=names)
    assert doctest.DocTestRunner().run(test).failed == 0
    (path,) = tmp_path.iterdir()
    assert path.read_bytes()[:4] == b"\x89PNG"
