"""`from_convnet` and `to_convnet` keep how layers learn, or refuse by name."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_drmm import DRMM, EG, Level
from keras_drmm.convert import from_convnet

X = np.random.default_rng(0).random((6, 7, 7, 1)).astype("float32")
Y = np.array([0, 1, 2, 0, 1, 2])


def net(conv=None, norm=None, hidden=None, top=None, extra=None):
    """A convnet with a convolution, its normalisation and two dense layers."""
    keras.utils.set_random_seed(1)
    image = keras.Input((7, 7, 1))
    x = layers.Conv2D(4, 3, name="first", **(conv or {}))(image)
    x = layers.BatchNormalization(name="norm", **(norm or {}))(x)
    if extra is not None:
        x = extra(x)
    x = layers.Flatten()(layers.ReLU()(x))
    x = layers.Dense(5, "relu", name="hidden", **(hidden or {}))(x)
    convnet = keras.Model(image, layers.Dense(3, name="top", **(top or {}))(x))
    rng = np.random.default_rng(2)
    for variable in convnet.weights:
        if variable.path.startswith("norm"):
            variable.assign(np.exp(0.3 * rng.normal(size=variable.shape)))
    return convnet


def there_and_back(convnet):
    """What became of a convnet: the DRMM, and the convnet of that, saved between."""
    model = from_convnet(convnet)
    copied = DRMM.from_config(model.get_config())
    copied.set_weights(model.get_weights())
    return model, copied.to_convnet()


@pytest.mark.parametrize(
    "arguments",
    [
        {"momentum": 0.5, "epsilon": 0.1},
        {"scale": False, "center": False},
        {"renorm": True},
        {"gamma_regularizer": "l2", "beta_constraint": "non_neg"},
    ],
)
def test_normalisation_learns_as_before(arguments):
    """After a training pass running statistics are those of the stock layer."""
    convnet = net(norm=arguments)
    model, back = there_and_back(convnet)
    stock = convnet.get_layer("norm")
    stock.trainable = True
    for norm in (model.levels[0].batch_norm, back.get_layer("level_1_norm")):
        found, expected = norm.get_config(), stock.get_config()
        for name in ("momentum", "epsilon", "scale", "center"):
            assert found[name] == expected[name]
        assert (norm.gamma_regularizer is None) == (stock.gamma_regularizer is None)
        assert (norm.beta_constraint is None) == (stock.beta_constraint is None)
    for trained in (convnet, model, back):
        trained(X, training=True)
    if stock.renorm:
        for norm in (model.levels[0].batch_norm, back.get_layer("level_1_norm")):
            for name in ("moving_stddev", "renorm_stddev"):
                np.testing.assert_allclose(
                    ops.convert_to_numpy(getattr(norm, name)),
                    ops.convert_to_numpy(getattr(stock, name)),
                    rtol=1e-4,
                )
    mean, variance = (
        ops.convert_to_numpy(v) for v in (stock.moving_mean, stock.moving_variance)
    )
    bias = ops.convert_to_numpy(convnet.get_layer("first").bias)
    for norm in (model.levels[0].batch_norm, back.get_layer("level_1_norm")):
        np.testing.assert_allclose(
            ops.convert_to_numpy(norm.moving_mean), mean - bias, rtol=1e-4, atol=1e-5
        )
        np.testing.assert_allclose(
            ops.convert_to_numpy(norm.moving_variance), variance, rtol=1e-4
        )
    np.testing.assert_allclose(
        model.predict(X, verbose=0), convnet.predict(X, verbose=0), atol=2e-5
    )


def test_regularizers_cost_as_before():
    convnet = net(
        conv={"kernel_regularizer": keras.regularizers.L2(0.1)},
        hidden={"kernel_regularizer": keras.regularizers.L1(0.01)},
        top={"kernel_regularizer": keras.regularizers.L1L2(0.01, 0.02)},
        norm={"gamma_regularizer": keras.regularizers.L2(0.3)},
    )
    model, back = there_and_back(convnet)
    expected = float(sum(convnet.losses))
    assert expected > 0
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-5)
    assert float(sum(back.losses)) == pytest.approx(expected, rel=1e-5)
    # And the model learns from it: it is a part of the loss beside the terms.
    model.compile(keras.optimizers.SGD(0.0), algorithm=EG(reconstruction=1.0))
    model.fit(X, Y, verbose=0)
    losses = model.evaluate(X, Y, verbose=0, return_dict=True)
    terms = sum(
        weight * losses[name] for name, weight in model.algorithm.weights.items()
    )
    assert losses["loss"] - terms == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("name", ["first", "norm", "hidden", "top", "all"])
def test_what_is_frozen_stays_frozen(name):
    convnet = net()
    (convnet if name == "all" else convnet.get_layer(name)).trainable = False
    model, back = there_and_back(convnet)
    parts = {
        "first": model.levels[0].conv,
        "norm": model.levels[0].batch_norm,
        "hidden": model.levels[1].conv,
        "top": model.templates,
    }
    stock = {
        "first": back.get_layer("level_1_conv"),
        "norm": back.get_layer("level_1_norm"),
        "hidden": back.get_layer("level_2_conv"),
        "top": back.get_layer("logits"),
    }
    for layer, part in parts.items():
        frozen = name in (layer, "all")
        assert part.trainable != frozen
        assert stock[layer].trainable != frozen
    assert (model.trainable_variables == []) == (name == "all")
    assert back.trainable == convnet.trainable


@pytest.mark.parametrize("argument", ["conv", "hidden", "top"])
@pytest.mark.parametrize(
    "dropped",
    [
        {"bias_regularizer": "l2"},
        {"activity_regularizer": "l2"},
        {"kernel_constraint": "non_neg"},
        {"bias_constraint": "non_neg"},
        {"kernel_regularizer": keras.regularizers.OrthogonalRegularizer()},
    ],
    ids=lambda dropped: next(iter(dropped)),
)
def test_what_cannot_be_kept_is_refused_by_name(argument, dropped):
    name = {"conv": "first"}.get(argument, argument)
    with pytest.raises(ValueError, match=rf"`{name}`.*`{next(iter(dropped))}`"):
        from_convnet(net(**{argument: dropped}))


def test_a_layer_that_is_used_twice_is_refused():
    """Two levels would learn apart what is one weight."""
    image = keras.Input((6, 6, 2))
    shared = layers.Conv2D(2, 3, padding="same", activation="relu", name="both")
    top = layers.Dense(2)(layers.Flatten()(shared(shared(image))))
    with pytest.raises(ValueError, match=r"`both` .* is used twice"):
        from_convnet(keras.Model(image, top))


def test_a_layer_that_adds_a_loss_is_refused():
    """`ActivityRegularization` passes for Dropout, but it is a part of the loss."""
    extra = layers.ActivityRegularization(l2=0.1, name="activity")
    with pytest.raises(ValueError, match="`activity`"):
        from_convnet(net(extra=extra))


@pytest.mark.parametrize(
    "conv", [{"dilation_rate": 2}, {"activation": "gelu"}, {"groups": 1, "strides": 2}]
)
def test_other_convolutions(conv):
    """Dilation and activations are refused, strides are kept."""
    if "strides" in conv:
        assert from_convnet(net(conv=conv)).levels[0].conv.strides == (2, 2)
        return
    with pytest.raises(ValueError, match="`first`"):
        from_convnet(net(conv=conv))


def test_a_layer_without_bias_gets_one_of_zero():
    model = from_convnet(net(hidden={"use_bias": False}, top={"use_bias": False}))
    np.testing.assert_array_equal(ops.convert_to_numpy(model.levels[1].conv.bias), 0)
    np.testing.assert_allclose(
        ops.convert_to_numpy(model.templates.bias) + np.log(model.prior), 0, atol=1e-7
    )


def test_names_are_kept():
    assert [v.name for v in from_convnet(net()).levels] == ["first", "hidden"]


def test_the_dtype_policy_is_kept(half):
    convnet = half(net)
    model, back = there_and_back(convnet)
    assert model.dtype_policy.name == "mixed_bfloat16"
    assert {v.conv.dtype_policy.name for v in model.levels} == {"mixed_bfloat16"}
    assert {
        v.dtype_policy.name for v in back.layers if v.name.startswith(("level", "log"))
    } == {"mixed_bfloat16"}


def test_several_dtype_policies_are_refused():
    with pytest.raises(ValueError, match=r"`top`.*'float32'.*'mixed_bfloat16'"):
        from_convnet(
            net(
                conv={"dtype": "mixed_bfloat16"},
                norm={"dtype": "mixed_bfloat16"},
                hidden={"dtype": "mixed_bfloat16"},
            )
        )


@pytest.mark.parametrize("given", [{"momentum": 0.5}, True, False])
def test_arguments_of_normalisation_are_in_the_config(given):
    level = Level(3, 3, batch_norm=given, top_down_batch_norm=given)
    copy = Level.from_config(level.get_config())
    for name in ("batch_norm", "top_down_batch_norm"):
        norm = getattr(copy, name)
        assert (norm is not None) == bool(given)
        if given:
            assert norm.momentum == (0.5 if isinstance(given, dict) else 0.99)
