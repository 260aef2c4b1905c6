"""The objective of FixMatch, with changes of images that are not random."""

import keras
import numpy as np
import pytest

from keras_drmm.baselines import FixMatch
from tests.baselines.build import X, Y, cross_entropy, log_softmax, network, randomise

THRESHOLD = 0.72
WEIGHTS = np.array([1, 2, 0.5, 1, 3, 1, 1, 2], "float32")


def made(threshold=THRESHOLD):
    strong, weak = keras.layers.Rescaling(0.5), keras.layers.Rescaling(0.9)
    net = network()
    model = randomise(FixMatch(net, strong, weak, threshold, unlabelled=2.0))
    model.compile("sgd", run_eagerly=True)
    # Without a learning rate the logits stay.
    model.optimizer.learning_rate = 0.0
    return model, lambda x: net.predict(x, verbose=0)


@pytest.mark.smoke
def test_sure_guesses_on_weak_changes_label_strong_ones():
    model, logits = made()
    shown = Y >= 0
    weak, strong = logits(0.9 * X), logits(0.5 * X)
    q = np.exp(log_softmax(weak))
    sure = (q.max(axis=1) >= THRESHOLD) & ~shown
    assert 0 < sure.sum() < (~shown).sum()
    labelled = cross_entropy(weak[shown], Y[shown])
    guessed = cross_entropy(strong[sure], weak[sure].argmax(1))
    # The mean over all unlabelled rows, unsure ones are 0.
    expected = labelled + 2.0 * guessed * sure.sum() / (~shown).sum()
    history = model.fit(X, Y, batch_size=8, verbose=0).history
    assert history["loss"][0] == pytest.approx(expected, rel=1e-4)


def test_a_row_of_weight_w_counts_as_w_rows_and_a_test_step_sees_images_as_they_are():
    model, logits = made(threshold=0.0)
    hidden = Y < 0
    guesses = logits(X)[hidden].argmax(1)
    losses = -log_softmax(logits(0.5 * X))[hidden][np.arange(4), guesses]
    expected = np.average(losses, weights=WEIGHTS[hidden])
    found = model.evaluate(X, Y, 8, 0, sample_weight=WEIGHTS, return_dict=True)
    assert found["unlabelled"] == pytest.approx(expected, rel=1e-4)


def test_no_gradient_flows_through_the_guess():
    """It would sharpen q where both changes are the same."""
    net = network()
    same = keras.layers.Rescaling(1.0)
    model = randomise(FixMatch(net, same, threshold=0.0))
    model.compile(keras.optimizers.SGD(1.0), run_eagerly=True)
    stock = keras.models.clone_model(net)
    stock.set_weights(net.get_weights())
    stock.compile(
        keras.optimizers.SGD(1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        run_eagerly=True,
    )
    # Means over labelled and over unlabelled rows: each weighs as its part does.
    guesses = np.where(Y >= 0, Y, stock.predict(X, verbose=0).argmax(1))
    stock.fit(X, guesses, batch_size=8, sample_weight=np.full(8, 2.0), verbose=0)
    model.fit(X, Y, batch_size=8, verbose=0)
    for ours, theirs in zip(net.get_weights(), stock.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_changes_of_the_other_format_are_refused():
    flip = keras.layers.RandomFlip(data_format="channels_first")
    still = keras.layers.Rescaling(1.0)
    for given in ({"strong": flip}, {"strong": still, "weak": flip}):
        with pytest.raises(ValueError, match="must change channels_last images"):
            FixMatch(network(), **given)
