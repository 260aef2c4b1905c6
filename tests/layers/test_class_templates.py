import keras
import numpy as np
import pytest
from keras import ops

from keras_drmm.layers import ClassTemplates

LAYOUTS = ["channels_last", "channels_first"]
POOLINGS = ["mean", None]


def _built(pooling, data_format="channels_last", **arguments):
    """A layer with random weights for maps (4, 3, 5), and such maps."""
    top = ClassTemplates(3, pooling, data_format, **arguments)
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(2, 4, 3, 5)).astype("float32")
    top.build(maps.shape)
    top.set_weights([rng.random(w.shape).astype("float32") + 0.1 for w in top.weights])
    return top, maps


@pytest.mark.parametrize("data_format", LAYOUTS)
@pytest.mark.parametrize("pooling", POOLINGS)
def test_logits_equal_a_stock_head_and_the_log_prior(pooling, data_format):
    top, maps = _built(pooling, data_format)
    if pooling == "mean":
        flatten = keras.layers.GlobalAveragePooling2D(data_format)
    else:
        flatten = keras.layers.Reshape((-1,))
    head = keras.Sequential([flatten, keras.layers.Dense(3)])
    head.build(maps.shape)
    head.set_weights([ops.convert_to_numpy(w) for w in (top.templates, top.bias)])
    expected = head.predict_on_batch(maps) + np.log(ops.convert_to_numpy(top.prior))
    np.testing.assert_allclose(
        ops.convert_to_numpy(top(maps)), expected, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("data_format", LAYOUTS)
@pytest.mark.parametrize("pooling", POOLINGS)
def test_render_is_the_adjoint_of_matching(pooling, data_format):
    top, maps = _built(pooling, data_format)
    matched = ops.convert_to_numpy(top(maps) - top(np.zeros_like(maps)))
    # Soft and even negative rows: the adjoint is a linear map.
    rows = np.random.default_rng(1).normal(size=(2, 3)).astype("float32")
    rendered = ops.convert_to_numpy(top.render(rows))
    positions = 1 if pooling is None else maps[0].size // top.templates.shape[0]
    np.testing.assert_allclose(
        np.vdot(matched, rows), np.vdot(maps, rendered) / positions, rtol=1e-4
    )


@pytest.mark.parametrize("pooling", POOLINGS)
def test_soft_rows_render_mixtures(pooling):
    top, _ = _built(pooling)
    each = ops.convert_to_numpy(top.render(np.eye(3, dtype="float32")))
    mixed = top.render(np.array([[0.2, 0.3, 0.5]], "float32"))
    assert tuple(mixed.shape) == (1, 4, 3, 5)
    np.testing.assert_allclose(
        ops.convert_to_numpy(mixed)[0],
        np.tensordot([0.2, 0.3, 0.5], each, 1),
        rtol=1e-5,
        atol=1e-6,
    )


def test_prior_starts_uniform_and_is_not_learned_by_gradients():
    top = ClassTemplates(4)
    top.build((None, 2, 2, 3))
    np.testing.assert_allclose(ops.convert_to_numpy(top.prior), [0.25] * 4)
    assert len(top.trainable_weights) == 2


def test_maps_of_any_size_are_matched_by_mean_templates():
    top = ClassTemplates(3)
    model = keras.Sequential([keras.Input((None, None, 5)), top])
    for size in (2, 3):
        assert model.predict_on_batch(np.ones((2, size, size, 5))).shape == (2, 3)
    with pytest.raises(ValueError, match="needs the size to render"):
        top.render(np.eye(3))


def test_mixed_precision():
    top, maps = _built("mean", dtype="mixed_bfloat16")
    for tensor in (top(maps), top.render(np.eye(3, dtype="float32"))):
        assert keras.backend.standardize_dtype(tensor.dtype) == "bfloat16"
    assert {w.dtype for w in top.weights} == {"float32"}


@pytest.mark.parametrize("pooling", POOLINGS)
def test_config_round_trip(pooling):
    config = ClassTemplates(3, pooling, "channels_first", "zeros").get_config()
    assert ClassTemplates.from_config(config).get_config() == config


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("num_classes", value) for value in (1, 0, -3, 2.0, True, None)],
        *[("pooling", value) for value in ("max", "none", 1)],
        ("data_format", "NHWC"),
    ],
)
def test_bad_arguments_are_named(name, value):
    with pytest.raises(ValueError, match=rf"`{name}` must be"):
        ClassTemplates(**{"num_classes": 3, name: value})


@pytest.mark.parametrize(
    ("pooling", "shape", "message"),
    [
        ("mean", (2, 4, 3, 6), "takes 5 channels, got 6"),
        (None, (2, 3, 4, 5), r"has templates of shape \(4, 3, 5\)"),
        ("mean", (2, 20), "Add the missing axis"),
    ],
)
def test_bad_maps_are_refused(pooling, shape, message):
    top, _ = _built(pooling)
    with pytest.raises(ValueError, match=message):
        top(np.ones(shape, "float32"))


def test_templates_of_each_position_need_a_known_size():
    with pytest.raises(ValueError, match="a known size"):
        ClassTemplates(3, None).build((None, None, 4, 5))


@pytest.mark.parametrize("shape", [(2,), (2, 4), (2, 3, 1)])
def test_bad_classes_are_refused(shape):
    top, _ = _built("mean")
    with pytest.raises(ValueError, match="takes one-hot rows"):
        top.render(np.ones(shape, "float32"))


def test_render_needs_to_be_built():
    with pytest.raises(ValueError, match="`build` it first"):
        ClassTemplates(3).render(np.eye(3))


@pytest.mark.parametrize("pooling", POOLINGS)
def test_signed_matching_takes_the_message_of_each_sign(pooling):
    """One template value and location at a time, in NumPy."""
    top, plus = _built(pooling)
    rng = np.random.default_rng(5)
    top.templates.assign(rng.normal(size=top.templates.shape))
    minus = -rng.random(plus.shape).astype("float32")
    logits = ops.convert_to_numpy(top.match_signed(plus, minus))
    bias = ops.convert_to_numpy(top.bias) + np.log(ops.convert_to_numpy(top.prior))
    for c, row in enumerate(np.eye(3, dtype="float32")):
        template = ops.convert_to_numpy(top.render(row[None]))[0]
        message = np.where(template > 0, plus, minus)
        expected = (template * message).sum(axis=(1, 2, 3))
        if pooling == "mean":
            expected /= template.shape[0] * template.shape[1]
        np.testing.assert_allclose(logits[:, c], expected + bias[c], rtol=1e-4)


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_prior_counts_labels(dtype):
    top, _ = _built("mean")
    top.prior.assign([0.2, 0.2, 0.6])
    top.update_prior(ops.convert_to_tensor(np.array([1, 1, -1, 0], dtype)), 0.25)
    shares = (np.array([1, 2, 0]) + 1 / 3) / 4
    expected = 0.75 * np.array([0.2, 0.2, 0.6]) + 0.25 * shares
    np.testing.assert_allclose(ops.convert_to_numpy(top.prior), expected, rtol=1e-6)
    top.update_prior(ops.convert_to_tensor(np.array([-1, -1], dtype)), 0.25)
    np.testing.assert_allclose(ops.convert_to_numpy(top.prior), expected, rtol=1e-6)
