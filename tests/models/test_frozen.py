"""`trainable=False` as Keras means it: nothing of a frozen layer or model moves."""

import functools
import pickle

import keras
import numpy as np
import pytest
from keras import ops

import keras_drmm
from keras_drmm import (
    DRFM,
    DRMM,
    EG,
    RFM,
    RMM,
    EvolutionaryDRMM,
    EvolutionaryForest,
    Level,
)
from keras_drmm.baselines import SWWAE, Ladder, PseudoLabel
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
    assert moved(before, model) == []
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
        (lambda m: m.levels[0], "nuisance_prior_1/", "nuisance_prior_2/"),
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


def freeze_level(model):
    model.levels[1].trainable = False


def freeze_all(model):
    model.trainable = False


def freeze_parts(model):
    model.levels[0].batch_norm.trainable = False
    model.templates.trainable = False
    model.nuisance_priors[1].trainable = False


def flags(model):
    """Which variables learn, in the order of the weights, whatever their names."""
    learned = {id(v) for v in model.trainable_variables}
    return [id(v) in learned for v in model.weights]


def saved(model, path):
    model.save(path)
    return keras.models.load_model(path)


COPIES = {
    "save": saved,
    "pickle": lambda model, path: pickle.loads(pickle.dumps(model)),
    "clone": lambda model, path: keras.models.clone_model(model),
    "config": lambda model, path: type(model).from_config(model.get_config()),
}


@functools.cache
def learned_frozen(freeze):
    """A model that learned with something frozen, and the flags that it had before."""
    model = drmm()
    freeze(model)
    before = flags(model)
    assert not all(before)
    fit(model, EG())
    return model, before


@pytest.mark.parametrize("copy", COPIES)
@pytest.mark.parametrize("freeze", [freeze_level, freeze_all, freeze_parts])
def test_copies_of_a_model_keep_what_is_frozen(freeze, copy, tmp_path):
    """After loading a level said that it is frozen, and its templates learned."""
    model, before = learned_frozen(freeze)
    copied = COPIES[copy](model, tmp_path / "model.keras")
    assert flags(copied) == before
    assert [p.trainable for p in copied.nuisance_priors] == [
        p.trainable for p in model.nuisance_priors
    ]
    if copy in ("save", "pickle"):
        # What learns on does so around the frozen parts.
        values = [ops.convert_to_numpy(v) for v in copied.weights]
        copied.fit(X, Y, batch_size=6, verbose=0)
        for value, variable, learns in zip(
            values, copied.weights, flags(model), strict=True
        ):
            if learns and variable.path.endswith("kernel"):
                assert not np.array_equal(value, ops.convert_to_numpy(variable))
            if not learns and variable.path.endswith(("kernel", "alpha", "gamma")):
                np.testing.assert_array_equal(value, ops.convert_to_numpy(variable))


KINDS = {
    "DRFM": lambda: DRFM([Level(4, 3), Level(3, 3)], (8, 8, 1), 3, num_factors=2),
    "RFM": lambda: RFM(Level(4, 3), (8, 8, 1), 3),
    "RMM": lambda: RMM((8, 8, 1), 3, 2),
    "tree": lambda: EvolutionaryDRMM((8, 8, 1), 3, depth=1),
    "forest": lambda: EvolutionaryForest((8, 8, 1), 3, num_trees=2, depth=1),
    "SWWAE": lambda: SWWAE([Level(4, 3, pool_size=2), Level(3, 3)], (8, 8, 1), 3),
    "Ladder": lambda: Ladder([Level(4, 3, batch_norm=True)], (8, 8, 1), 3),
    "PseudoLabel": lambda: PseudoLabel(drmm().to_convnet()),
}
PARTS = {
    "DRFM": lambda m: m.factor_templates,
    "RFM": lambda m: m.levels[0].conv,
    "RMM": lambda m: m,
    "tree": lambda m: m,
    "forest": lambda m: m.trees[1],
    "SWWAE": lambda m: m.decoders[0],
    "Ladder": lambda m: m.stages[0].operation,
    "PseudoLabel": lambda m: m.network.layers[1],
}


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_every_model_keeps_what_is_frozen(kind, whole, tmp_path):
    model = KINDS[kind]()
    part = model if whole else PARTS[kind](model)
    all_flags = flags(model)
    part.trainable = False
    frozen = flags(model)
    assert sum(frozen) < sum(all_flags) or not any(all_flags)
    for copy in COPIES.values():
        copied = copy(model, tmp_path / "model.keras")
        assert flags(copied) == frozen
        assert not (copied if whole else PARTS[kind](copied)).trainable
        # Both: TensorFlow leaves out an assignment of what is there already.
        copied.trainable = False
        copied.trainable = True
        assert sum(flags(copied)) == sum(all_flags)


def test_a_model_made_frozen_is_frozen_in_all_parts():
    model = drmm(trainable=False)
    assert not any(v.trainable for v in model.levels[0].conv.weights)
    assert not model.templates.trainable


def test_names_do_not_matter():
    """A model that Keras names anew has other names, and the same frozen parts."""
    config = drmm(name="one").get_config()
    model = drmm(name="two")
    model.levels[1].conv.trainable = False
    assert model.get_config()["frozen"] == ["levels/1/conv"]
    assert "frozen" not in config


def test_a_preset_keeps_what_is_frozen(tmp_path):
    model = keras_drmm.zoo.drmm_conv_small((12, 12, 1), num_classes=3)
    model.levels[2].trainable = False
    folder = keras_drmm.zoo.save_to_preset(tmp_path / "frozen", model)
    loaded = keras_drmm.zoo.from_preset(folder)
    assert [level.trainable for level in loaded.levels] == [True] * 2 + [False] + [
        True
    ] * 2
    assert flags(loaded) == flags(model)
    # New weights are there to be learned.
    new = keras_drmm.zoo.from_preset(folder, load_weights=False)
    assert all(level.trainable for level in new.levels)


def test_hard_em_keeps_the_nuisance_prior_of_a_frozen_level():
    model = drmm(batch_norm=False)
    model.levels[0].trainable = False
    model.compile(algorithm=HardEM())
    first, second = (
        ops.convert_to_numpy(v.probabilities) for v in model.nuisance_priors
    )
    model.fit(X, Y, verbose=0)
    frozen, learned = model.nuisance_priors
    np.testing.assert_array_equal(ops.convert_to_numpy(frozen.probabilities), first)
    assert not np.array_equal(ops.convert_to_numpy(learned.probabilities), second)


def test_a_change_of_trainable_after_the_first_steps_asks_for_compile():
    """Keras' steps would heed it on PyTorch alone."""
    model = drmm()
    model.compile("sgd", algorithm=EG())
    model.levels[0].trainable = False
    before = weights(model.levels[0])
    model.fit(X, Y, verbose=0)
    assert moved(before, model.levels[0]) == []
    model.levels[0].trainable = True
    for learn in (model.fit, model.train_on_batch):
        with pytest.raises(ValueError, match="call `compile` again"):
            learn(X, Y)
    model.compile("sgd", algorithm=EG())
    model.fit(X, Y, verbose=0)
    assert any("kernel" in path for path in moved(before, model.levels[0]))
    # Closed forms read it in each sweep.
    model = drmm(batch_norm=False)
    model.compile(algorithm=HardEM())
    model.fit(X, Y, verbose=0)
    model.templates.trainable = False
    before = weights(model.templates)
    model.fit(X, Y, verbose=0)
    assert moved(before, model.templates) == []


def test_a_loaded_model_is_frozen_or_asks_for_compile(tmp_path):
    """A loaded optimizer is built; on JAX a step takes the variables that it has."""
    model = drmm()
    model.compile("adam", algorithm=EG())
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras")
    model.levels[0].trainable = False
    before = weights(model.levels[0])
    if keras.backend.backend() == "jax":
        with pytest.raises(ValueError, match="call `compile` again"):
            model.fit(X, Y, verbose=0)
        model.compile("adam", algorithm=EG())
    model.fit(X, Y, verbose=0)
    assert moved(before, model.levels[0]) == []
