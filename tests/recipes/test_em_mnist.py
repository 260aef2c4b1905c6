"""EM on MNIST: the names of the classes, and the models of the zoo."""

from types import SimpleNamespace

import numpy as np
import pytest

from keras_drmm import DRFM, HardEM
from recipes import em_mnist


@pytest.mark.smoke
def test_classes_are_named_by_the_majority_of_their_labelled_images():
    found = np.array([0, 0, 0, 2, 2, 1])
    model = SimpleNamespace(
        num_classes=3, predict=lambda images, **_: np.eye(3)[found[images]]
    )
    named = em_mnist.Named(model, np.arange(6), np.array([1, 1, 2, 0, 0, 2]))
    names = named.predict(np.array([0, 3, 5])).argmax(axis=1)
    assert names.tolist() == [1, 0, 2]


@pytest.mark.parametrize("name", ["rfm", "drmm_lenet"])
def test_models_of_the_zoo_learn_by_em(name):
    model = em_mnist.plain(name)
    assert isinstance(model, DRFM) == (name == "rfm")
    model.compile("sgd", algorithm=HardEM(step=0.25))
    x = np.random.default_rng(0).random((20, 28, 28, 1)).astype("float32")
    losses = model.fit(x, epochs=2, batch_size=20, verbose=0).history["loss"]
    assert losses[1] <= losses[0]
