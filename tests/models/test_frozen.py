"""`trainable=False` as Keras means it: nothing of a frozen layer or model moves."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_drmm import DRMM, EG, EvolutionaryDRMM, EvolutionaryForest, Level
from keras_drmm.em import HardEM
from keras_drmm.learning import pretrain

RNG = np.random.default_rng(0)
X = RNG.random((12, 8, 8, 1)).astype("float32")
Y = np.arange(12) % 4 - 1


def drmm(batch_norm=True, **options):
    levels = [
        Level(4, 3, pool_size=2, batch_norm=batch_norm),
        Level(5, 3, batch_norm=batch_norm),
    ]
    return DRMM(levels, (8, 8, 1), 3, **options)


def weights(layer):
    return {v.path: ops.convert_to_numpy(v) for v in layer.weights}


def moved(before, layer, but=()):
    """Paths of weights that changed."""
    return [
        path
        for path, value in weights(layer).items()
        if not (but and path.endswith(but)) and not np.array_equal(before[path], value)
    ]


def fit(model, algorithm, epochs=2, **options):
    model.compile(keras.optimizers.SGD(0.1), algorithm=algorithm)
    model.fit(X, Y, batch_size=6, epochs=epochs, verbose=0, **options)


def test_a_frozen_model_stays_as_it_is_through_eg():
    """Priors, σ² and running statistics included: the answers are bit-equal."""
    model = drmm()
    fit(model, EG())
    answers, before = model.predict(X, verbose=0), weights(model)
    scores = model.max_sum_score(X)
    model.trainable = False
    fit(model, EG())
    assert moved(before, model, but=("steps",)) == []
    np.testing.assert_array_equal(model.predict(X, verbose=0), answers)
    np.testing.assert_array_equal(model.max_sum_score(X), scores)
    model.trainable = True
    fit(model, EG())
    changed = moved(before, model)
    for name in ("templates/prior", "noise_variance", "moving_mean", "kernel"):
        assert any(path.endswith(name) for path in changed)


@pytest.mark.parametrize(
    ("freeze", "stays", "moves"),
    [
        (lambda m: m.templates, "templates/", "level"),
        (lambda m: m.levels[0], "level/", "templates/prior"),
        (lambda m: m.levels[0].batch_norm, "level/batch_norm", "level/conv"),
        (lambda m: m.nuisance_priors[0], "nuisance_prior_1/", "nuisance_prior_2/"),
    ],
)
def test_a_frozen_part_alone_stays(freeze, stays, moves):
    levels = [
        Level(4, 3, pool_size=2, batch_norm=True, name="level"),
        Level(5, 3, batch_norm=True, name="upper"),
    ]
    model = DRMM(levels, (8, 8, 1), 3, name="model")
    freeze(model).trainable = False
    before = weights(model)
    fit(model, EG())
    changed = [path.removeprefix("model/") for path in moved(before, model)]
    assert not [path for path in changed if path.startswith(stays)]
    assert [path for path in changed if path.startswith(moves)]


def test_frozen_batch_normalisation_normalises_by_its_running_statistics():
    """As `keras.layers.BatchNormalization` does: a row's answer is its own."""
    model = drmm()
    for level in model.levels:
        level.batch_norm.trainable = False
    whole = ops.convert_to_numpy(model(X, training=True))
    np.testing.assert_allclose(
        whole[:2], ops.convert_to_numpy(model(X[:2], training=True)), rtol=1e-5
    )
    np.testing.assert_allclose(
        whole, ops.convert_to_numpy(model(X, training=False)), rtol=1e-5
    )


def test_pretrain_learns_around_a_frozen_level():
    """It keeps its templates; the level above learns from what it passes on."""
    model = drmm()
    frozen, above = model.levels
    frozen.trainable = False
    frozen.batch_norm.moving_mean.assign(np.full(4, 0.1))
    before = weights(model)
    histories = pretrain(model, X, HardEM(), epochs=2, batch_size=6)
    assert [len(losses) for losses in histories] == [0, 2]
    assert moved(before, model) == [above.conv.kernel.path]


@pytest.mark.parametrize("kind", ["tree", "forest", "a tree of a forest"])
def test_a_frozen_tree_refuses_to_grow(kind):
    if kind == "tree":
        model = EvolutionaryDRMM((8, 8, 1), 3, depth=1)
    else:
        model = EvolutionaryForest((8, 8, 1), 3, num_trees=2, depth=1)
    model.fit(X, Y, verbose=0, seed=0)
    (model.trees[1] if kind == "a tree of a forest" else model).trainable = False
    before = weights(model)
    with pytest.raises(ValueError, match="is frozen"):
        model.fit(X[::-1], Y, verbose=0, seed=1)
    if kind == "tree":
        with pytest.raises(ValueError, match="is frozen"):
            model.count_labels(X, Y[::-1])
    assert moved(before, model) == []
