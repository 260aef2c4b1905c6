"""The forest against what its trees say one by one."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_drmm.callbacks import Resume
from keras_drmm.trees.evolutionary_forest import EvolutionaryForest

RNG = np.random.default_rng(0)
X = RNG.random((40, 3, 4, 1)).astype("float32")
Y = np.arange(40) % 4 - 1
SHAPE = (3, 4, 1)


def grown(num_trees=3, **options):
    forest = EvolutionaryForest(SHAPE, 3, num_trees, depth=2, **options)
    forest.fit(X, Y, verbose=0, seed=0)
    return forest


@pytest.mark.smoke
def test_posteriors_and_images_are_the_means_of_the_trees():
    forest = grown()
    posterior = np.mean([np.exp(tree.infer(X).logits) for tree in forest.trees], axis=0)
    np.testing.assert_allclose(
        np.exp(forest.predict(X, verbose=0)), posterior, rtol=1e-5
    )
    found = forest.infer(X, Y)
    np.testing.assert_allclose(np.exp(found.logits), posterior, rtol=1e-5)
    expected = np.where(Y >= 0, Y, posterior.argmax(axis=1))
    np.testing.assert_array_equal(found.classes, expected)
    images = np.mean([tree.reconstruct(X) for tree in forest.trees], axis=0)
    for ours in (
        found.reconstruction,
        forest.reconstruct(X, batch_size=7),
        forest.render(found.classes, found.switches),
    ):
        np.testing.assert_allclose(ours, images, rtol=1e-6)


def test_score_is_that_of_the_best_tree_drawn():
    """The maximum of ln 1/T + ln p(I, path | t), tree by tree."""
    forest = grown()
    scores = np.stack([tree.max_sum_score(X) for tree in forest.trees])
    assert len(np.unique(scores.argmax(axis=0))) > 1
    np.testing.assert_allclose(
        forest.max_sum_score(X), scores.max(axis=0) - np.log(3), rtol=1e-6
    )


def test_trees_grow_from_rows_drawn_with_replacement():
    """Each root is the mean of whole numbers of copies of rows."""
    forest = grown(num_trees=4)
    roots = [ops.convert_to_numpy(tree.templates)[0] for tree in forest.trees]
    for i, root in enumerate(roots):
        assert all(np.abs(root - other).max() > 1e-3 for other in roots[:i])
    # Rows with a pixel of their own: a root counts how often each was drawn.
    images = np.zeros((4, *SHAPE), "float32")
    images[np.arange(4), 0, np.arange(4), 0] = 1
    forest.fit(images, [0, 1, 2, -1], verbose=0, seed=1)
    counts = np.stack(
        [4 * ops.convert_to_numpy(tree.templates)[0, :4] for tree in forest.trees]
    )
    np.testing.assert_allclose(counts, counts.round(), atol=1e-5)
    np.testing.assert_allclose(counts.sum(axis=1), 4, rtol=1e-5)
    assert counts.max() > 1


def test_all_labels_are_counted_in_every_tree():
    """Also those of rows that a tree did not draw."""
    forest = grown()
    for tree in forest.trees:
        before = tree.get_weights()
        tree.count_labels(X, Y)
        for ours, theirs in zip(before, tree.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_samples_are_those_of_its_trees():
    forest = grown(num_trees=2)
    images, classes = forest.sample(20000, seed=0)
    parts = [tree.sample(20000, seed=1)[0].mean(axis=0) for tree in forest.trees]
    np.testing.assert_allclose(images.mean(axis=0), np.mean(parts, axis=0), atol=0.015)
    shares = np.bincount(classes, minlength=3) / 20000
    np.testing.assert_allclose(shares, forest.prior, atol=0.015)
    # Given a class: the same images as those that happen to have it.
    given, asked = forest.sample(20000, np.full(20000, 2), seed=2)
    assert (asked == 2).all()
    np.testing.assert_allclose(
        given.mean(axis=0), images[classes == 2].mean(axis=0), atol=0.02
    )


def test_seeds_decide_everything():
    forests = []
    for seed in (3, 3, 4, None, None):
        keras.utils.set_random_seed(7)
        forest = EvolutionaryForest(SHAPE, 3, 2, depth=2)
        forest.fit(X, Y, verbose=0, seed=seed)
        forests.append(forest.infer(X).logits)
    np.testing.assert_array_equal(forests[0], forests[1])
    np.testing.assert_array_equal(forests[3], forests[4])
    assert np.abs(forests[0] - forests[2]).max() > 0.01


@pytest.mark.smoke
def test_survives_saving(tmp_path):
    forest = grown(num_trees=2, smoothing=0.5, label_weight=0.1)
    forest.save(tmp_path / "forest.keras")
    other = keras.models.load_model(tmp_path / "forest.keras")
    assert other.get_config() == forest.get_config()
    for ours, theirs in zip(forest.infer(X), other.infer(X), strict=True):
        keras.tree.map_structure(np.testing.assert_array_equal, ours, theirs)
    assert other.evaluate(X, Y, verbose=0) == forest.evaluate(X, Y, verbose=0)


@pytest.mark.smoke
def test_bad_input_is_refused_and_changes_nothing():
    forest = grown()
    before = forest.get_weights()
    with pytest.raises(ValueError, match="Scale the images"):
        forest.fit(X * 255, Y)
    with pytest.raises(ValueError, match="to 2, got values from 0 to 3"):
        forest.fit(X, Y + 1)
    with pytest.raises(ValueError, match="takes arrays"):
        forest.fit(iter([(X, Y)]))
    for ours, theirs in zip(before, forest.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(ValueError, match="a choice for each tree"):
        forest.render(Y[Y >= 0], [np.zeros((30, 2), int)] * 2)
    with pytest.raises(ValueError, match="`classes` must be integers from 0 to 2"):
        forest.sample(40, Y)
    with pytest.raises(ValueError, match="`num_trees`"):
        EvolutionaryForest(SHAPE, 3, 0, depth=2)


class Stop(keras.callbacks.Callback):
    """Interrupts a `fit`, or asks it to stop, at the end of a tree."""

    def __init__(self, tree, interrupts=True):
        super().__init__()
        self.tree, self.interrupts = tree, interrupts

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.tree and self.interrupts:
            raise KeyboardInterrupt
        self.model.stop_training = epoch == self.tree


@pytest.mark.parametrize("seed", [3, None])
@pytest.mark.parametrize("tree", [0, 2])
def test_a_broken_forest_grows_the_trees_that_were_left(tmp_path, seed, tree):
    """Whatever the process drew since, without a seed of its own, too."""
    given = {"verbose": 0, "seed": seed, "epochs": 3}

    def new():
        return EvolutionaryForest(SHAPE, 3, 4, depth=2)

    keras.utils.set_random_seed(0)
    expected = new()
    history = expected.fit(X, Y, **given)
    keras.utils.set_random_seed(0)
    with pytest.raises(KeyboardInterrupt):
        # What comes first sees a tree before it is kept.
        new().fit(X, Y, callbacks=[Resume(tmp_path), Stop(tree)], **given)
    keras.utils.set_random_seed(1)
    resumed, grown = new(), []
    told = keras.callbacks.LambdaCallback(on_epoch_begin=lambda e, _: grown.append(e))
    found = resumed.fit(X, Y, callbacks=[told, Resume(tmp_path)], **given)
    assert grown == list(range(tree, 4))
    assert found.epoch == history.epoch == [0, 1, 2, 3]
    np.testing.assert_allclose(found.history["residual"], history.history["residual"])
    for ours, theirs in zip(resumed.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    # A run that is finished has all of it, and grows nothing.
    again = new()
    found = again.fit(X, Y, callbacks=[told, Resume(tmp_path)], **given)
    assert len(grown) == 4 - tree
    assert found.history["residual"] == history.history["residual"]
    np.testing.assert_array_equal(again.predict(X, verbose=0), expected(X))
    for change in ({"seed": 4}, {"epochs": 2}):
        with pytest.raises(ValueError, match="is another one: `given weights` was"):
            new().fit(X, Y, callbacks=[Resume(tmp_path)], **{**given, **change})


def test_a_tree_is_an_epoch_for_callbacks():
    forest, logs = EvolutionaryForest(SHAPE, 3, 4, depth=2), []
    told = keras.callbacks.LambdaCallback(on_epoch_end=lambda *v: logs.append(v))
    stop = Stop(1, interrupts=False)
    with pytest.warns(UserWarning, match="Only 2 of 4 trees have grown"):
        history = forest.fit(X, Y, verbose=0, seed=0, callbacks=[told, stop])
    assert [epoch for epoch, _ in logs] == history.epoch == [0, 1]
    assert [found["residual"] for _, found in logs] == history.history["residual"]
    # The trees that were left are as they were made: all zeros.
    used = [np.ptp(ops.convert_to_numpy(tree.templates)) > 0 for tree in forest.trees]
    assert used == [True, True, False, False]
    with pytest.raises(ValueError, match="`callbacks` must be a list of"):
        forest.fit(X, Y, callbacks=["tensorboard"])
