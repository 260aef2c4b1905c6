"""What the recipe on explanations compares maps with."""

import numpy as np
import pytest
from keras import ops

from keras_drmm import zoo
from keras_drmm.analysis import maximise_activity
from recipes import explanations

PRESET = "drmm_lenet_mnist_100"


def test_two_other_classes_are_drawn():
    random = np.random.default_rng(0)
    pairs = np.array([random.permutation(10)[:2] for _ in range(300)])
    one, other = explanations.draw_other_classes(*pairs.T, 10, seed=0)
    four = np.stack([*pairs.T, one, other], axis=1)
    assert all(len(set(row)) == 4 for row in four)
    assert set(one) == set(range(10))


def test_levels_above_the_first_are_random():
    model, trained = explanations.with_random_levels(PRESET, 0), zoo.from_preset(PRESET)
    first, second = (
        [ops.convert_to_numpy(m.levels[n].conv.kernel) for m in (model, trained)]
        for n in (0, 1)
    )
    np.testing.assert_array_equal(*first)
    assert abs(np.corrcoef(second[0].ravel(), second[1].ravel())[0, 1]) < 0.05


def test_rank_correlation_is_a_mean_over_images():
    maps = np.arange(8.0).reshape(2, 2, 2)
    assert explanations.rank_correlation(maps, np.exp(maps)) == pytest.approx(1)
    assert explanations.rank_correlation(maps, -maps) == pytest.approx(-1)
    other = np.stack([maps[0], np.ones((2, 2))])
    assert explanations.rank_correlation(maps, other) == pytest.approx(0.5)


def test_ascent_rises_and_a_sum_of_templates_is_as_good():
    model = zoo.from_preset(PRESET)
    start = np.full((28, 28, 1), 0.1)
    few, more = (explanations.ascend(model, 9.0, start, n, 0.1) for n in (1, 20))
    assert more > few + 1
    found = maximise_activity(model, np.arange(10), 9.0, start)
    assert explanations.own_logits(model, found).mean() > 0.8 * more


def test_options():
    assert explanations.parse([]).images == 500
    assert explanations.parse(["--short"]).steps == 8
