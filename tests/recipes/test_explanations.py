"""What the recipe on explanations compares maps with."""

import numpy as np
import pytest
from keras import ops

from keras_drmm import DRMM, Level, baselines, zoo
from keras_drmm.analysis import grid, maximise_activity
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
    options = explanations.parse(["--preset", PRESET])
    trained, model = explanations.load(options, None, None)
    wanted = zoo.from_preset(PRESET).get_weights()
    for mine, theirs in zip(trained.get_weights(), wanted, strict=True):
        np.testing.assert_array_equal(mine, theirs)
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


def test_a_stock_convnet_is_trained_and_converted(monkeypatch):
    made, make = [], baselines.convnet

    def convnet(*given):
        made.append(make(*given))
        return made[0]

    monkeypatch.setattr(baselines, "convnet", convnet)
    monkeypatch.setattr(
        zoo,
        "drmm_conv_small",
        lambda: DRMM(
            [Level(4, 3, pool_size=2, batch_norm=True), Level(4, 1)], (6, 6, 1), 2
        ),
    )
    x = np.random.default_rng(0).random((500, 6, 6, 1)).astype("float32")
    options = explanations.parse(["--convnet"])
    model, copy = explanations.load(options, x, np.arange(500) % 2)
    assert isinstance(model, DRMM)
    (stock,) = made
    assert int(stock.optimizer.iterations) == 5
    found, wanted = (m.predict(x, verbose=0) for m in (model, stock))
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    # The copy has other templates above the first level.
    first, second = (
        [ops.convert_to_numpy(m.levels[n].conv.kernel) for m in (model, copy)]
        for n in (0, 1)
    )
    np.testing.assert_array_equal(*first)
    assert not np.allclose(*second)


def test_ascent_rises_and_a_sum_of_templates_is_as_good():
    model = zoo.from_preset(PRESET)
    start = np.full((28, 28, 1), 0.1)
    (_, few), (images, more) = (
        explanations.ascend(model, 9.0, start, n, 0.1) for n in (1, 20)
    )
    assert more.mean() > few.mean() + 1
    # The images are those of the logits, each of the norm.
    np.testing.assert_allclose(explanations.own_logits(model, images), more, rtol=1e-4)
    norms = np.linalg.norm(images.reshape(10, -1), axis=1)
    np.testing.assert_allclose(norms, 9.0, rtol=1e-5)
    found = maximise_activity(model, np.arange(10), 9.0, start)
    assert explanations.own_logits(model, found).mean() > 0.8 * more.mean()


def test_the_picture_has_both_ways_with_logits_and_seconds(monkeypatch):
    drawn = []
    monkeypatch.setattr(grid, "save_grid", lambda *given: drawn.append(given))
    images = np.random.default_rng(0).normal(size=(2, 3, 3, 1))
    ways = {"one": (images, [1.25, 2], 0.5), "other": (-images, [3, 4], 60.0)}
    explanations.plot(ways, "path")
    ((rows, pixel_range, path, captions),) = drawn
    assert (pixel_range, path) == ((0.0, 1.0), "path")
    first, second = rows
    assert ("0.5 s" in first, "60.0 s" in second) == (True, True)
    assert captions == {first: ["1.2", "2.0"], second: ["3.0", "4.0"]}
    np.testing.assert_allclose(rows[first] + rows[second], 1)


def test_options():
    assert explanations.parse([]).images == 500
    assert explanations.parse(["--short"]).steps == 8
    assert explanations.parse(["--part", "activity"]).part == "activity"
