"""A temperature is learned from rows that the network did not learn."""

import numpy as np
import pytest
from scipy.special import softmax

from keras_drmm.evaluation import TemperatureScaling, cross_validated_temperature

RNG = np.random.default_rng(0)


def draw(probabilities):
    return np.array([RNG.choice(len(p), p=p) for p in probabilities])


@pytest.mark.parametrize("factor", [1e-4, 0.5, 3.0, 1e4])
def test_finds_the_factor_of_known_log_odds(factor):
    true = 2 * RNG.normal(size=(3000, 3))
    labels = draw(softmax(true, axis=1))
    logits = factor * true
    scaling = TemperatureScaling().fit(logits, labels)
    assert scaling.temperature == pytest.approx(factor, rel=0.1)
    # The minimum: the mean logit of the labels is what the probabilities expect.
    probabilities = scaling.transform(logits)
    np.testing.assert_allclose(
        (probabilities * logits).sum(axis=1).mean() / factor,
        logits[np.arange(3000), labels].mean() / factor,
        rtol=1e-5,
    )
    expected = softmax(logits / scaling.temperature, axis=1)
    np.testing.assert_allclose(probabilities, expected)
    # A model's float32 and whole numbers, too.
    assert scaling.transform(logits.astype("float32")).dtype == "float64"


def test_what_softmax_does_not_see_changes_nothing():
    """An offset of each row, and a class that is masked out."""
    logits = 3 * RNG.normal(size=(500, 3))
    labels = draw(softmax(logits, axis=1))
    expected = TemperatureScaling().fit(logits, labels).temperature
    assert expected == pytest.approx(1, rel=0.2)
    offsets = 1e6 * RNG.normal(size=(500, 1))
    masked = np.column_stack([logits, np.full(500, -1e9)])
    for same in (logits + offsets, masked):
        found = TemperatureScaling().fit(same, labels).temperature
        assert found == pytest.approx(expected, rel=1e-5)


def test_unlabelled_rows_do_not_count():
    logits = RNG.normal(size=(60, 3))
    labels = draw(softmax(logits, axis=1))
    labels[40:] = -1
    found = TemperatureScaling().fit(logits, labels).temperature
    expected = TemperatureScaling().fit(logits[:40], labels[:40]).temperature
    assert found == expected


def test_rows_without_an_error_tell_no_temperature():
    scaling = TemperatureScaling()
    with pytest.warns(UserWarning, match="All 3 labelled rows are classified right"):
        assert scaling.fit(np.eye(3), [0, 1, 2]) is scaling
    assert scaling.temperature == 1
    np.testing.assert_allclose(scaling.transform(np.eye(3)), softmax(np.eye(3), axis=1))


def test_transform_needs_fit():
    with pytest.raises(ValueError, match="call `fit` first"):
        TemperatureScaling().transform(np.eye(3))


class Known:
    """Logits that are 3 times the true log-odds, 50 times on rows it learned."""

    def __init__(self):
        self.learned, self.seen, self.epochs = set(), set(), None
        MODELS.append(self)

    def fit(self, dataset, epochs, shuffle, verbose):
        self.epochs, self.order = epochs, shuffle
        images, labels = zip(*(dataset[k] for k in range(len(dataset))), strict=True)
        pixels, labels = np.ravel(images), np.ravel(labels)
        self.learned |= set(pixels[labels >= 0])
        self.seen |= set(pixels)

    def predict(self, images, verbose):
        pixels = images.ravel()
        factor = [50 if v in self.learned else 3 for v in pixels]
        return np.stack([0 * pixels, factor * log_odds(pixels)], axis=1)


MODELS: list = []


def log_odds(pixels):
    return 6 * pixels - 3


def test_held_out_folds_give_the_temperature():
    MODELS.clear()
    pixels = RNG.permutation(np.linspace(0, 1, 500, dtype="float32"))
    true = np.stack([0 * pixels, log_odds(pixels)], axis=1)
    labels = draw(softmax(true, axis=1))
    labels[400:] = -1
    images = pixels[:, None, None]
    found = cross_validated_temperature(
        Known, images, labels[:, None], folds=4, epochs=7, batch_size=20, seed=1
    )
    # As if one network had seen no label of them at all.
    expected = TemperatureScaling().fit(3 * true[:400], labels[:400]).temperature
    assert found == pytest.approx(expected, rel=1e-5)
    assert expected == pytest.approx(3, rel=0.25)
    assert len(MODELS) == 4
    for model in MODELS:
        # All images are shown, and three quarters of the labels.
        assert len(model.seen) == 500
        assert len(model.learned) == 300
        assert (model.epochs, model.order) == (7, False)
    again = cross_validated_temperature(
        Known, images, labels, folds=4, epochs=7, batch_size=20, seed=2
    )
    assert MODELS[4].learned != MODELS[0].learned
    # Unsigned labels, as files of images have them.
    few = slice(0, 400)
    found = cross_validated_temperature(
        Known, images[few], labels[few].astype("uint8"), folds=4, seed=2
    )
    assert found == pytest.approx(again, rel=1e-5)
    assert again == pytest.approx(found, rel=1e-5)


def test_a_model_of_probabilities_is_refused():
    class Sure(Known):
        def predict(self, images, verbose):
            return softmax(super().predict(images, verbose=verbose), axis=1)

    images = RNG.random((40, 1, 1)).astype("float32")
    with pytest.raises(ValueError, match="`build\\(\\)` must return logits, but"):
        cross_validated_temperature(Sure, images, np.arange(40) % 2)


def test_a_model_that_has_learned_the_held_out_labels_is_refused():
    model = Known()
    images = RNG.random((40, 1, 1))
    with pytest.raises(ValueError, match="`build` must return a new model each time"):
        cross_validated_temperature(lambda: model, images, np.arange(40) % 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"build": 5}, "`build` must be a function .* got 5"),
        ({"labels": np.full(12, -1)}, "`labels` must have at least two classes"),
        ({"labels": np.zeros(12, int)}, r"got {class: rows} = {0: 12}"),
        ({"labels": np.arange(12) // 11}, r"got {class: rows} = {0: 11, 1: 1}"),
        ({"labels": np.zeros(3, int)}, "each of the 12 images"),
        ({"folds": 1}, "`folds` must be .* got 1"),
        ({"epochs": 0}, "`epochs` must be .* got 0"),
        ({"seed": -1}, "`seed` must be .* got -1"),
    ],
)
def test_bad_input_is_refused_before_training(change, message):
    MODELS.clear()
    given = {"build": Known, "images": np.zeros((12, 1, 1)), "folds": 2, **change}
    given.setdefault("labels", np.arange(12) % 2)
    with pytest.raises(ValueError, match=message):
        cross_validated_temperature(**given)
    assert not MODELS
