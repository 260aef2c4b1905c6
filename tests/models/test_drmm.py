"""The DRMM as a Keras model: inference, labels, saving, the convnet in it."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_drmm import DRMM, EG, Level
from tests.shared_models import shared

RNG = np.random.default_rng(0)
X = RNG.random((6, 9, 9, 1)).astype("float32")


def build(pooling="mean", **options):
    """A model whose sizes pooling does not divide, with weights of every kind."""
    keras.utils.set_random_seed(3)
    levels = [
        Level(4, 3, padding="full", pool_size=2, batch_norm=True),
        Level(5, 3, padding="same", strides=2),
        Level(3, 1, batch_norm=True, top_down_batch_norm=True),
    ]
    model = DRMM(levels, (9, 9, 1), 3, pooling=pooling, **options)
    rng = np.random.default_rng(4)
    for variable in model.weights:
        if variable.path.endswith("steps"):
            continue
        noise = rng.normal(size=variable.shape)
        positive = variable.path.endswith(("variance", "gamma", "prior"))
        variable.assign(np.exp(noise) if positive else noise)
    model.templates.prior.assign([0.2, 0.3, 0.5])
    return model


@pytest.mark.smoke
def test_infer_is_the_paper_s_e_step():
    """Sizes, switches and the chain of renderings, level by level."""
    model = build()
    found = model.infer(X)
    np.testing.assert_array_equal(found.classes, found.logits.argmax(1))
    np.testing.assert_array_equal(found.messages[0], X)
    np.testing.assert_array_equal(found.reconstruction, found.rendered[0])
    for message, rendered in zip(found.messages, found.rendered, strict=True):
        assert message.shape == rendered.shape
    for message, switches in zip(found.messages[1:], found.switches, strict=True):
        assert switches.dtype == np.int8
        np.testing.assert_array_equal(switches >= 0, message > 0)
    templates = ops.convert_to_numpy(model.templates.templates)
    expected = templates.T[found.classes]
    np.testing.assert_allclose(found.rendered[-1][:, 0, 0], expected, rtol=1e-6)


def test_off_paths_render_alpha_alone():
    """Without an active path an image is the rendering of the biases α."""
    model = build(nonnegative=False)
    switches = [np.full_like(s, -1) for s in model.infer(X[:1]).switches]
    image = model.render([1], switches)
    alpha = float(ops.convert_to_numpy(model.levels[0].alpha).squeeze())
    np.testing.assert_allclose(image, np.full((1, 9, 9, 1), alpha), rtol=1e-6)


def test_rectify_drops_negative_templates():
    """z^(L) < 0 renders as z^(L) = 0 does."""
    model = build()
    switches = model.infer(X).switches
    model.templates.templates.assign(-np.ones((3, 3)))
    negative = model.render(np.zeros(6, int), switches)
    model.templates.templates.assign(np.zeros((3, 3)))
    zero = model.render(np.zeros(6, int), switches)
    np.testing.assert_array_equal(negative, zero)


def test_labels_are_rendered():
    model = build()
    labels = np.array([2, -1, 0, -1, 1, -1])
    free, clamped = model.infer(X), model.infer(X, labels)
    expected = np.where(labels >= 0, labels, free.classes)
    np.testing.assert_array_equal(clamped.classes, expected)
    np.testing.assert_array_equal(clamped.logits, free.logits)
    rendered = model.render(expected, free.switches)
    np.testing.assert_allclose(clamped.reconstruction, rendered, rtol=1e-5, atol=1e-6)


def test_reconstruct_in_batches_equals_infer():
    model = build()
    np.testing.assert_allclose(
        model.reconstruct(X, batch_size=4),
        model.infer(X).reconstruction,
        rtol=1e-5,
        atol=1e-6,
    )


@pytest.mark.smoke
@pytest.mark.parametrize("pooling", ["mean", None])
def test_logits_equal_those_of_the_stock_convnet(pooling):
    model = build(pooling)
    convnet = model.to_convnet()
    stock = {type(layer).__module__.split(".")[0] for layer in convnet.layers}
    assert stock == {"keras"}
    expected = convnet.predict(X, verbose=0)
    for logits in (
        model.predict(X, verbose=0),
        model.infer(X).logits,
        ops.convert_to_numpy(model(X)),
    ):
        np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5)


def test_convnet_shares_no_variable():
    model = build()
    before = model.predict(X, verbose=0)
    convnet = model.to_convnet()
    convnet.set_weights([np.zeros_like(w) for w in convnet.get_weights()])
    np.testing.assert_array_equal(model.predict(X, verbose=0), before)


@shared
def build_compiled():
    model = build()
    model.compile(keras.optimizers.Adam(0.01), algorithm=EG(entropy=0.2))
    return model


@pytest.mark.parametrize("how", ["keras", "clone", "config"])
def test_survives_saving_and_cloning(how, tmp_path):
    """Same weights, same answers, same next step; the tie of Γ is not lost."""
    model = build_compiled()
    labels = np.array([0, 1, 2, -1, -1, -1])
    model.fit(X, labels, batch_size=6, verbose=0)
    if how == "keras":
        model.save(tmp_path / "model.keras")
        other = keras.models.load_model(tmp_path / "model.keras")
        assert other.algorithm == EG(entropy=0.2)
    else:
        other = (
            keras.models.clone_model(model)
            if how == "clone"
            else DRMM.from_config(model.get_config())
        )
        assert [v.shape for v in other.weights] == [v.shape for v in model.weights]
        other.set_weights(model.get_weights())
    for ours, theirs in zip(model.infer(X), other.infer(X), strict=True):
        keras.tree.map_structure(np.testing.assert_array_equal, ours, theirs)
    if how == "keras":
        for m in (model, other):
            m.fit(X, labels, batch_size=6, verbose=0)
        for ours, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_compile_needs_an_algorithm_or_a_loss():
    with pytest.raises(ValueError, match="Give either `algorithm`"):
        build().compile("adam")
    with pytest.raises(ValueError, match="Give either `algorithm`"):
        build().compile("adam", algorithm=EG(), loss="mse")


def test_without_algorithm_it_is_a_keras_classifier():
    """Its loss is that of the stock convnet."""
    model = build()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    labels = np.array([0, 1, 2, 0, 1, 2])
    model.compile("sgd", loss=loss)
    convnet = model.to_convnet()
    convnet.compile("sgd", loss=loss)
    ours = model.evaluate(X, labels, verbose=0, return_dict=True)["loss"]
    stock = convnet.evaluate(X, labels, verbose=0, return_dict=True)["loss"]
    assert ours == pytest.approx(stock, rel=1e-5)


@pytest.mark.parametrize("batch_size", [0, -1, 2.5])
def test_batches_have_a_size(batch_size):
    model = DRMM([Level(2, 3)], (4, 4, 1), 3)
    images = np.zeros((3, 4, 4, 1), "float32")
    for method in (model.infer, model.reconstruct, model.max_sum_score):
        with pytest.raises(ValueError, match="`batch_size` must be an integer"):
            method(images, batch_size=batch_size)
