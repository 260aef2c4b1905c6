import keras
import numpy as np
import pytest
from keras import ops

from keras_drmm.layers import RenderingConv2D, SwitchMaxPool, TopDownRender


def _level(size=(9, 8), pool_size=2):
    """A functional model: image -> pooled, switches, rendered."""
    image = keras.Input((*size, 2))
    conv = RenderingConv2D(3, 3, padding="full")
    if pool_size is None:
        z = conv(image)
        return keras.Model(image, TopDownRender(conv)(z))
    pool = SwitchMaxPool(pool_size)
    pooled, switches = pool(conv(image))
    return keras.Model(
        image, [pooled, switches, TopDownRender(conv, pool)(pooled, switches)]
    )


def _two_levels():
    first, second = RenderingConv2D(3, 3), RenderingConv2D(4, 3)
    pools = SwitchMaxPool(2), SwitchMaxPool(1)
    image = keras.Input((7, 6, 2))
    pooled, fine = pools[0](first(image))
    pooled, coarse = pools[1](second(pooled))
    z = TopDownRender(second, pools[1])(pooled, coarse)
    return keras.Model(image, TopDownRender(first, pools[0])(z, switches=fine))


def _nested():
    """The way up is a model of its own."""
    image = keras.Input((8, 8, 2))
    conv, pool = RenderingConv2D(3, 3), SwitchMaxPool(2)
    up = keras.Model(image, pool(conv(image)))
    other = keras.Input((8, 8, 2))
    return keras.Model(other, TopDownRender(conv, pool)(*up(other)))


def _original(model, tmp_path):
    return model


def _cloned(model, tmp_path):
    return keras.models.clone_model(model)


def _from_config(model, tmp_path):
    return keras.Model.from_config(model.get_config())


def _twice(model, tmp_path):
    return _from_config(_saved(_cloned(model, tmp_path), tmp_path), tmp_path)


def _saved(model, tmp_path):
    model.save(tmp_path / "model.keras")
    return keras.saving.load_model(tmp_path / "model.keras")


def _flat(model):
    return list(model._flatten_layers(include_self=False))


@pytest.mark.parametrize("copy", [_cloned, _from_config, _saved, _twice])
@pytest.mark.parametrize("make", [_level, _two_levels, _nested])
def test_the_tie_survives(make, copy, tmp_path):
    model = make()
    tied = copy(model, tmp_path)
    assert len(tied.weights) == len(model.weights)
    convs = {l.name: l for l in _flat(tied) if isinstance(l, RenderingConv2D)}
    pools = {l.name: l for l in _flat(tied) if isinstance(l, SwitchMaxPool)}
    downs = [l for l in tied.layers if isinstance(l, TopDownRender)]
    assert len(downs) == len(convs)
    for down in downs:
        assert down.rendering is convs[down.rendering.name]
        assert down.pooling is pools[down.pooling.name]
        # No stale copy is tracked.
        assert {id(l) for l in down._layers} == {id(down.rendering), id(down.pooling)}
    tied.set_weights(model.get_weights())
    x = np.random.default_rng(0).random((2, *model.input_shape[1:])).astype("float32")
    results, expected = tied.predict_on_batch(x), model.predict_on_batch(x)
    for result, want in zip(
        keras.tree.flatten(results), keras.tree.flatten(expected), strict=True
    ):
        np.testing.assert_allclose(
            ops.convert_to_numpy(result),
            ops.convert_to_numpy(want),
            rtol=1e-5,
            atol=1e-6,
        )


@pytest.mark.parametrize("copy", [_original, _twice])
def test_a_training_step_changes_both_ways(copy, tmp_path):
    model = copy(_two_levels(), tmp_path)
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).random((4, 7, 6, 2)).astype("float32")
    before = model.get_weights()
    model.fit(x, x, epochs=1, verbose=0)
    convs = [l for l in model.layers if isinstance(l, RenderingConv2D)]
    downs = [l for l in model.layers if isinstance(l, TopDownRender)]
    assert any(np.any(a != b) for a, b in zip(before, model.get_weights(), strict=True))
    for conv in convs:
        down = next(l for l in downs if l.rendering.name == conv.name)
        z = np.random.default_rng(1).random((1, 6, 6, conv.filters)).astype("float32")
        np.testing.assert_array_equal(
            ops.convert_to_numpy(down.rendering.render(z)),
            ops.convert_to_numpy(conv.render(z)),
        )


@pytest.mark.parametrize("pool_size", [None, 2])
def test_is_unpooling_then_rendering(pool_size):
    conv, pool = RenderingConv2D(3, (3, 2)), pool_size and SwitchMaxPool(pool_size)
    u = conv(np.random.default_rng(0).normal(size=(2, 7, 6, 2)).astype("float32"))
    down = TopDownRender(conv, pool)
    if pool is None:
        result, expected = down(u), conv.render(u)
    else:
        pooled, switches = pool(u)
        result, expected = (
            down(pooled, switches),
            conv.render(pool.unpool(pooled, switches)),
        )
    assert down.compute_output_shape(u.shape if pool is None else pooled.shape) == (
        *result.shape,
    )
    np.testing.assert_array_equal(
        ops.convert_to_numpy(result), ops.convert_to_numpy(expected)
    )


@pytest.mark.parametrize("pool_size", [None, (2, 3)])
def test_functional_models_of_any_image_size(pool_size):
    model = _level((None, None), pool_size)
    for size in [(6, 6), (9, 8)]:
        x = np.random.default_rng(0).random((2, *size, 2)).astype("float32")
        fixed = _level(size, pool_size)
        fixed.set_weights(model.get_weights())
        for predict in (lambda m, x: m(x), lambda m, x: m.predict(x, verbose=0)):
            results, expected = (
                keras.tree.flatten(predict(m, x)) for m in (model, fixed)
            )
            for result, want in zip(results, expected, strict=True):
                # Unknown sizes render whole cells: at most a few zeros more.
                result = ops.convert_to_numpy(result)
                want = ops.convert_to_numpy(want)
                if pool_size is None:
                    assert result.shape == want.shape
                if result.shape == want.shape:
                    np.testing.assert_allclose(result, want, rtol=1e-4, atol=1e-5)
                else:
                    extra = np.subtract(result.shape, want.shape)[1:3]
                    cell = np.array(model.layers[2].pool_size)
                    assert (extra >= 0).all()
                    assert (extra < cell).all()


def test_mixed_precision():
    conv, pool = RenderingConv2D(3, 3, dtype="mixed_bfloat16"), SwitchMaxPool(2)
    pooled, switches = pool(conv(np.ones((1, 4, 4, 2), "float32")))
    for dtype, expected in [("mixed_bfloat16", "bfloat16"), ("float32", "float32")]:
        result = TopDownRender(conv, pool, dtype=dtype)(pooled, switches)
        assert keras.backend.standardize_dtype(result.dtype) == expected


@pytest.mark.parametrize(
    ("rendering", "pooling", "message"),
    [
        (keras.layers.Conv2D(3, 3), None, "`rendering` must be a `RenderingConv2D`"),
        (RenderingConv2D(3, 3), 2, "`pooling` must be a `SwitchMaxPool` or None"),
    ],
)
def test_other_layers_are_refused(rendering, pooling, message):
    with pytest.raises(TypeError, match=message):
        TopDownRender(rendering, pooling)


@pytest.mark.parametrize(
    ("built", "pool", "switches", "message"),
    [
        (False, None, None, "call the layer on an image or `build` it first"),
        (True, SwitchMaxPool(2), None, "on `z` and `switches` if it has a `pooling`"),
        (True, None, np.zeros((1, 4, 4, 3), "int8"), "on `z` alone if not"),
    ],
)
def test_bad_calls_are_refused(built, pool, switches, message):
    conv = RenderingConv2D(3, 3)
    if built:
        conv.build((None, 8, 8, 1))
    with pytest.raises(ValueError, match=message):
        TopDownRender(conv, pool)(np.ones((1, 4, 4, 3), "float32"), switches)


@pytest.mark.parametrize("pool_size", [1, 2, (2, 3), None])
@pytest.mark.parametrize("padding", ["same", "valid", "full"])
def test_adjoint_of_rendering_for_fixed_switches(padding, pool_size):
    """<Λ_g z, x> = <z, Λ_gᵀ x>, of sizes that neither stride nor cell divides."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 9, 8, 2)).astype("float32")
    conv = RenderingConv2D(3, 3, padding=padding, bias_initializer="ones")
    pool = None if pool_size is None else SwitchMaxPool(pool_size)
    down = TopDownRender(conv, pool)
    u = conv(rng.normal(size=x.shape).astype("float32"))
    switches = () if pool is None else (pool(u)[1],)
    shape = u.shape if pool is None else switches[0].shape
    z = rng.normal(size=shape).astype("float32")
    rendered = ops.convert_to_numpy(down(z, *switches))
    matched = ops.convert_to_numpy(down.adjoint(x, *switches))
    assert rendered.shape == x.shape
    np.testing.assert_allclose(
        np.vdot(rendered, x), np.vdot(z, matched), rtol=1e-4, atol=1e-3
    )
