"""The recipe of generation: what its options may not be together."""

from types import SimpleNamespace

import numpy as np
import pytest

from keras_drmm import data, zoo
from recipes import generation

pytestmark = pytest.mark.once


@pytest.mark.parametrize("other", [["--peer", "mlp_cvae"], ["--short"]])
def test_only_a_whole_run_of_ours_is_kept(other, capsys):
    with pytest.raises(SystemExit):
        generation.parse(["--save", *other])
    assert "leave --peer and --short out" in capsys.readouterr().err


def test_short_is_short():
    options = generation.parse(["--short"])
    assert (options.images, options.rows, options.epochs) == (100, 100, 1)


def test_what_a_row_says_of_learning():
    options = generation.parse(["--epochs", "3"])
    assert generation.settings(options) == {
        "style_size": 96,
        "width": 64,
        "components": 10,
        "beta": None,
        "epochs": 3,
        "dtype": "mixed_bfloat16",
    }
    peer = generation.parse(["--peer", "mlp_cvae", "--dtype", "float32"])
    assert generation.settings(peer) == {"style_size": 96, "dtype": "float32"}


def test_a_prior_is_measured_in_full_precision(half):
    preset = "drmm_lenet_mnist_100"
    model = half(lambda: zoo.from_preset(preset))
    full = generation.in_full_precision(model, preset)
    assert model.switch_prior.top.compute_dtype == "bfloat16"
    assert full.switch_prior.top.compute_dtype == "float32"
    for one, other in zip(full.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_style_is_compared_class_by_class():
    """What is rendered has the style asked for, but for ink that the class adds."""
    x = np.random.default_rng(0).random((40, 8, 8, 1)).astype("float32")
    own = np.arange(40) % 2

    class Model:
        num_classes = 2

        def infer(self, images):
            return SimpleNamespace(classes=own)

        def transfer(self, images, classes, method):
            np.testing.assert_array_equal(images, x[own != classes[0]])
            return images * (1 + 4 * classes[:, None, None, None])

    class Judge:
        def share(self, images, classes):
            return 100.0 * classes[0]

    share, *correlations = generation.styles(Model(), Judge(), x, "shift")
    assert share == 50
    assert correlations == pytest.approx([1] * 4)


def test_a_peer_samples_the_classes_asked_for():
    """Of the independent prior, which needs no learning: what the preset renders."""
    options = generation.parse(["--peer", "independent", "--short"])
    x = np.zeros((2, 28, 28, 1), "float32")
    sample, parameters = generation.learn_peer(options, (x, None))
    model = zoo.from_preset(options.preset)
    random = np.random.default_rng(options.seed)
    switches = [prior.sample(3, random) for prior in model.nuisance_priors]
    np.testing.assert_array_equal(
        sample(np.array([1, 2, 3])), model.render([1, 2, 3], switches)
    )
    assert parameters == 0


def test_an_rmm_learns_the_classes_that_the_preset_sees(monkeypatch):
    """With a template for each class, the mean of the images taken for it."""
    monkeypatch.setattr(generation, "RMM_TEMPLATES", 1)
    options = generation.parse(["--peer", "rmm", "--short", "--seconds", "1"])
    monkeypatch.setattr(options, "seconds", 0)
    (x, _), _ = data.load("mnist")
    x = data.to_unit_range(x[:300])
    sample, parameters = generation.learn_peer(options, (x, None))
    logits = zoo.from_preset(options.preset).predict(x, verbose=0)
    means = [x[logits.argmax(axis=1) == c].mean(axis=0) for c in range(10)]
    found = sample(np.array([7, 0, 7]))
    np.testing.assert_allclose(found, [means[7], means[0], means[7]], atol=2e-3)
    # Templates, π of classes and templates, σ² and steps.
    assert parameters >= 10 * 784
