"""Which images are labelled next, and what each model learns from."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from keras_drmm import data, zoo
from recipes import next_labels
from recipes.untuned import loading


def test_proposed_by_the_model_s_probabilities_and_its_last_hidden_level(monkeypatch):
    """As NumPy has them of logits and messages of all images at once."""
    keras.utils.set_random_seed(0)
    model = zoo.for_images((8, 8, 1), 3)
    images = np.random.default_rng(0).random((600, 8, 8, 1)).astype("float32")
    given = []

    def choose(*arguments):
        given.extend(arguments)
        return np.array([7, 5])

    monkeypatch.setattr("keras_drmm.evaluation.images_to_label", choose)
    np.testing.assert_array_equal(next_labels.propose(model, images), [7, 5])
    probabilities, features, count = given
    assert count == next_labels.LABELS
    found = model.infer(images, batch_size=600)
    odds = np.exp(found.logits - found.logits.max(axis=1, keepdims=True))
    wanted = odds / odds.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities, wanted, rtol=1e-4, atol=1e-6)
    message = found.messages[len(model.levels) - 1]
    np.testing.assert_allclose(features, message.mean((1, 2)), rtol=1e-4, atol=1e-6)


def test_each_model_learns_from_its_own_labels(monkeypatch):
    y = np.arange(500) % 5
    x = np.random.default_rng(0).integers(0, 256, (500, 8, 8)).astype("uint8")
    monkeypatch.setattr(
        loading, "load", lambda *_: ((x[:400], y[:400]), (x[400:], y[400:]))
    )
    monkeypatch.setattr(next_labels, "choose_backend", lambda name: None)
    monkeypatch.setattr(next_labels.results, "origin", lambda backend: {})
    found, learned = [], []
    monkeypatch.setattr(
        next_labels.results, "record", lambda *given: found.append(given)
    )

    def learn(x, labels, options):
        learned.append(labels)
        return SimpleNamespace(predict=lambda images, **_: np.eye(5)[[0] * 100]), 1.0

    monkeypatch.setattr(next_labels, "learn", learn)
    # The last of the images without a label.
    monkeypatch.setattr(
        next_labels, "propose", lambda model, images: np.arange(len(images))[-100:]
    )
    next_labels.main(["--draw", "2"])
    assert [(row["chosen"], row["labels"]) for _, row, _ in found] == [
        ("the first", 100),
        ("proposed", 200),
        ("random", 200),
    ]
    assert [row["test_error"] for _, row, _ in found] == [80] * 3
    assert all(kept for *_, kept in found)
    first, proposed, random = learned
    expected = data.semi_supervised(x[:400], y[:400], 100, seed=2).shown_labels
    np.testing.assert_array_equal(first, expected)
    hidden = np.flatnonzero(first < 0)
    for labels in (proposed, random):
        shown = labels >= 0
        np.testing.assert_array_equal(labels[shown], y[:400][shown])
        assert shown[first >= 0].all()
    np.testing.assert_array_equal(
        np.flatnonzero((proposed >= 0) & (first < 0)), hidden[-100:]
    )
    assert np.any((random >= 0) != (proposed >= 0))


@pytest.mark.parametrize(("arguments", "epochs"), [([], 10), (["--short"], 1)])
def test_epochs(arguments, epochs):
    assert next_labels.parse(arguments).epochs == epochs
