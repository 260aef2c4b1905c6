"""Tiny runs are the same for the same seed, and told apart if anything differs."""

import keras
import pytest

from recipes import distributed, kills
from recipes.common import tiny_runs


@pytest.mark.parametrize("method", sorted({*distributed.METHODS, *kills.METHODS}))
def test_a_run_equals_itself_and_not_another_one(method, tmp_path):
    for name, seed, epochs in (("a", 0, 1), ("b", 0, 1), ("seed", 1, 1)):
        keras.utils.set_random_seed(seed)
        model, learn_by, given = tiny_runs.make(method)
        history = learn_by(**given, epochs=epochs, verbose=0)
        (tmp_path / name).mkdir()
        tiny_runs.save(tmp_path / name, model, history)
    found = tiny_runs.differences(tmp_path / "b", tmp_path / "a")
    assert set(found.values()) == {0.0}
    assert len(found) > len(model.variables)
    assert 0 < tiny_runs.compare(tmp_path / "seed", tmp_path / "a") < 1e9
