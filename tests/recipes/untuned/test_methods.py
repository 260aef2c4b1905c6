"""The methods learn what is easy, from the labels that they are shown."""

import numpy as np
import pytest

from keras_drmm import baselines, data
from recipes.untuned import methods


def halves(count, seed):
    """Return images of which one half is bright, and which one."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    images = random.uniform(0, 0.3, (count, 8, 8))
    images[labels == 0, :, :4] += 0.6
    images[labels == 1, :, 4:] += 0.6
    return np.round(255 * images).astype("uint8"), labels


@pytest.mark.parametrize("name", methods.METHODS)
def test_a_method_learns_what_is_easy(name):
    import keras

    keras.utils.set_random_seed(0)
    x, y = halves(60, 0)
    dataset = data.semi_supervised(x, y, 20)
    classify, epochs = methods.METHODS[name](dataset, 30)
    x, y = halves(40, 1)
    assert np.mean(classify(data.to_unit_range(x)) != y) < 0.1
    is_network = name in ("drmm", "convnet", "pseudo_label")
    assert epochs == (30 if is_network else "")


def test_networks_see_as_many_images_as_they_should(monkeypatch):
    x, y = halves(300, 0)
    dataset = data.semi_supervised(x, y, 100)
    # 33 of a batch's rows are labelled: twice 67 of the 200 others make an epoch.
    seen = {}

    def learn(model, batches, epochs):
        images = len(batches) * len(batches[0][1])
        seen[name] = epochs, images, set(np.unique(batches[0][1]))
        return model

    monkeypatch.setattr(methods, "_fit", learn)
    for name in ("drmm", "convnet", "pseudo_label"):
        methods.METHODS[name](dataset)
    assert seen["drmm"] == seen["pseudo_label"] == (10, 200, {-1, 0, 1})
    assert seen["convnet"] == (250, 100, {0, 1})


def test_the_ramp_of_pseudo_label_ends_with_our_warm_up(monkeypatch):
    x, y = halves(300, 0)
    dataset = data.semi_supervised(x, y, 20)
    models = []
    monkeypatch.setattr(methods, "_fit", lambda model, *_: models.append(model))
    methods.pseudo_label(dataset)
    steps = 10 * (280 // (100 - 16))
    assert isinstance(models[0], baselines.PseudoLabel)
    assert (models[0].t1, models[0].t2) == (steps // 3 // 10, steps // 3)
