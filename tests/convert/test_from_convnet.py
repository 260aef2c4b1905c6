"""Stock convnets become DRMMs with the same logits; others are refused by name."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_drmm import DRMM, EG, Level
from keras_drmm.convert import from_convnet

RNG = np.random.default_rng(0)
X = RNG.random((6, 9, 8, 2)).astype("float32")


def scatter(model):
    """Give a model weights of every kind: a fresh one hides what was mixed up."""
    rng = np.random.default_rng(4)
    for variable in model.weights:
        noise = rng.normal(size=variable.shape)
        if variable.path.endswith(("variance", "gamma")):
            variable.assign(np.exp(0.3 * noise))
        elif "prior" in variable.path:
            variable.assign(np.full(variable.shape, 1 / variable.shape[0]))
        elif variable.path.endswith("steps"):
            continue
        else:
            variable.assign(noise * np.sqrt(2 / (np.prod(variable.shape[:-1]) + 1)))
    return model


def assert_same_logits(model, convnet, x, tolerance=1e-5):
    np.testing.assert_allclose(
        model.predict(x, verbose=0),
        convnet.predict(x, verbose=0),
        rtol=tolerance,
        atol=tolerance,
    )


LEVELS = {
    "same, stride 2": {"padding": "same", "strides": 2},
    "full": {"padding": "full"},
    "full, stride 2": {"padding": "full", "strides": (2, 1)},
    "valid": {"padding": "valid"},
    "valid, stride 2": {"padding": "valid", "strides": 2},
    "pools that do not divide": {"pool_size": (2, 3)},
    "normalised": {"batch_norm": True, "pool_size": 2},
    "normalised top-down": {"top_down_batch_norm": True},
    "one position": {"kernel_size": 1, "padding": "full"},
}


@pytest.mark.parametrize("pooling", ["mean", None])
@pytest.mark.parametrize("options", LEVELS.values(), ids=LEVELS)
def test_round_trip(options, pooling):
    options = {"kernel_size": (3, 2), **options}
    levels = [Level(4, **options), Level(3, **{**options, "kernel_size": 2})]
    model = scatter(DRMM(levels, X.shape[1:], 3, pooling=pooling))
    convnet = model.to_convnet()
    back = from_convnet(convnet)
    assert_same_logits(back, convnet, X)
    assert_same_logits(back, model, X)
    for old, new in zip(model.levels, back.levels, strict=True):
        expected = old.get_config() | {"name": new.name, "top_down_batch_norm": False}
        if options["kernel_size"] == 1:
            expected["padding"] = new.conv.padding
        assert new.get_config() == expected
    assert back.templates.pooling == pooling


@pytest.mark.skipif(
    keras.config.backend() == "tensorflow",
    reason="TensorFlow has no channels_first convolution on CPUs",
)
@pytest.mark.parametrize("flat", ["mean", "reshape", "flatten", "hidden"])
def test_channels_first(flat):
    x = np.moveaxis(X, 3, 1)
    stock = [
        layers.Conv2D(4, 3, padding="same", data_format="channels_first"),
        layers.BatchNormalization(axis=1),
        layers.ReLU(),
        layers.MaxPooling2D(2, padding="same", data_format="channels_first"),
    ]
    if flat == "mean":
        stock.append(layers.GlobalAveragePooling2D(data_format="channels_first"))
    elif flat == "flatten":
        stock.append(layers.Flatten(data_format="channels_first"))
    else:
        stock.append(layers.Reshape((-1,)))
    if flat == "hidden":
        stock.append(layers.Dense(7, "relu"))
    stock.append(layers.Dense(3))
    convnet = scatter(keras.Sequential([keras.Input(x.shape[1:]), *stock]))
    assert_same_logits(from_convnet(convnet), convnet, x)


def normalised():
    """Normalisation with a bias, another epsilon, and parts of it off."""
    return [
        layers.Conv2D(4, 3),
        layers.BatchNormalization(epsilon=0.1, name="norm"),
        layers.ReLU(),
        layers.Conv2D(5, 3, strides=2, use_bias=False, padding="same"),
        layers.BatchNormalization(center=False, scale=False),
        layers.Dropout(0.5),
        layers.Activation("relu"),
        layers.MaxPooling2D(2, padding="same"),
        layers.Flatten(),
        layers.Dense(3),
    ]


def hidden():
    """Dense layers with and without normalisation behind a Flatten."""
    return [
        layers.GaussianNoise(0.1),
        layers.Conv2D(4, 2, activation="relu"),
        layers.MaxPooling2D((2, 1), padding="valid"),
        layers.Flatten(),
        layers.Dense(7, activation="relu"),
        layers.Dropout(0.5),
        layers.Dense(6, use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.Dense(3, use_bias=False),
    ]


def padded():
    """Explicit zeros that amount to "same", "full" and, with a stride, "same"."""
    return [
        layers.ZeroPadding2D(1),
        layers.Conv2D(4, 3, activation="relu"),
        layers.ZeroPadding2D((2, 1)),
        layers.Conv2D(4, (3, 2), activation="relu"),
        layers.ZeroPadding2D(((0, 1), (1, 1))),
        layers.Conv2D(4, (2, 3), strides=(1, 2), activation="relu"),
        layers.GlobalAveragePooling2D(),
        layers.Dropout(0.5),
        layers.Dense(3, activation="linear"),
    ]


def nested():
    """Models in models."""
    inner = keras.Sequential([layers.Conv2D(4, 3), layers.ReLU()])
    x = keras.Input((9, 8, 2))
    trunk = keras.Model(x, layers.MaxPooling2D(2, padding="same")(inner(x)))
    head = [layers.Reshape((-1,)), layers.Dense(5), layers.ReLU(), layers.Dense(3)]
    return [trunk, keras.Sequential(head)]


def perceptron():
    return [layers.Flatten(), layers.Dense(5, "relu"), layers.Dense(3)]


STOCK = [normalised, hidden, padded, nested, perceptron]


@pytest.mark.smoke
@pytest.mark.parametrize("stock", STOCK, ids=lambda stock: stock.__name__)
def test_stock_convnet_reconstructs(stock):
    convnet = scatter(keras.Sequential([keras.Input(X.shape[1:]), *stock()]))
    model = from_convnet(convnet, pixel_range=(-1, 2))
    assert model.pixel_range == (-1, 2)
    assert_same_logits(model, convnet, X)
    assert model.reconstruct(X).shape == X.shape


def test_learns_on_its_own():
    """A step of EG moves the DRMM and leaves the convnet: the weights are copies."""
    convnet = scatter(keras.Sequential([keras.Input(X.shape[1:]), *normalised()]))
    model = from_convnet(convnet)
    before = convnet.predict(X, verbose=0)
    model.compile(keras.optimizers.SGD(0.1), algorithm=EG())
    history = model.fit(X, np.array([0, 1, 2, -1, -1, -1]), verbose=0).history
    assert np.isfinite(history["loss"][0])
    np.testing.assert_array_equal(convnet.predict(X, verbose=0), before)
    assert np.abs(model.predict(X, verbose=0) - before).max() > 1e-3


@pytest.mark.parametrize("how", ["dense", "activation", "softmax"])
def test_softmax_is_dropped(how):
    stock = [layers.Conv2D(4, 3, activation="relu"), layers.GlobalAveragePooling2D()]
    stock.append(layers.Dense(3, activation="softmax" if how == "dense" else None))
    if how != "dense":
        stock.append(
            layers.Softmax() if how == "softmax" else layers.Activation("softmax")
        )
    convnet = scatter(keras.Sequential([keras.Input(X.shape[1:]), *stock]))
    logits = from_convnet(convnet).predict(X, verbose=0)
    np.testing.assert_allclose(
        ops.convert_to_numpy(ops.softmax(logits)),
        convnet.predict(X, verbose=0),
        rtol=1e-5,
        atol=1e-6,
    )


def test_saves_before_it_is_compiled(tmp_path):
    convnet = keras.Sequential([keras.Input(X.shape[1:]), conv(), *(f() for f in HEAD)])
    model = DRMM.from_convnet(convnet, pixel_range=(-1, 2))
    model.save(tmp_path / "model.keras")
    other = keras.models.load_model(tmp_path / "model.keras")
    assert other.pixel_range == (-1, 2)
    np.testing.assert_array_equal(
        other.predict(X, verbose=0), model.predict(X, verbose=0)
    )


def test_vgg16(backend):
    """All 16 layers of a stock application, on small images."""
    if backend == "jax":
        pytest.skip("compiles each operation of 15 levels: minutes; the same code")
    convnet = keras.applications.VGG16(
        weights=None, input_shape=(32, 32, 3), classes=5, classifier_activation=None
    )
    scatter(convnet)
    x = RNG.random((2, 32, 32, 3)).astype("float32")
    model = from_convnet(convnet)
    assert len(model.levels) == 15
    assert np.abs(convnet.predict(x, verbose=0)).max() > 0.1
    assert_same_logits(model, convnet, x, 1e-4)
    assert model.reconstruct(x).shape == x.shape


def conv(**options):
    return layers.Conv2D(4, 3, **{"activation": "relu", "padding": "same", **options})


HEAD = [layers.GlobalAveragePooling2D, lambda: layers.Dense(3)]

# What is refused (name of the layer, error, layers below the usual head).
REFUSED = {
    "average pooling": (
        "no counterpart",
        lambda: [conv(), layers.AveragePooling2D(2, name="bad")],
    ),
    "rescaling": (
        "no counterpart",
        lambda: [layers.Rescaling(1 / 255, name="bad"), conv()],
    ),
    "depthwise": (
        "no counterpart",
        lambda: [conv(), layers.DepthwiseConv2D(3, name="bad")],
    ),
    "leaky": (
        "no counterpart",
        lambda: [conv(activation=None), layers.LeakyReLU(name="bad")],
    ),
    "bounded": (
        "bounded",
        lambda: [conv(activation=None), layers.ReLU(6.0, name="bad")],
    ),
    "activation": ("activation 'tanh'", lambda: [conv(activation="tanh", name="bad")]),
    "linear": ("not followed by a ReLU", lambda: [conv(activation=None, name="bad")]),
    "linear, pooled": (
        "not followed by a ReLU",
        lambda: [conv(activation=None, name="bad"), layers.MaxPooling2D(2)],
    ),
    "ReLU first": ("follows no Conv2D", lambda: [layers.ReLU(name="bad"), conv()]),
    "normalised late": (
        "between a Conv2D",
        lambda: [conv(), layers.BatchNormalization(name="bad")],
    ),
    "normalised over rows": (
        "over channels",
        lambda: [
            conv(activation=None),
            layers.BatchNormalization(axis=1, name="bad"),
            layers.ReLU(),
        ],
    ),
    "overlapping": (
        "overlaps",
        lambda: [conv(), layers.MaxPooling2D(3, 2, name="bad")],
    ),
    "remainder": (
        "drops the rest",
        lambda: [conv(), layers.MaxPooling2D(2, name="bad")],
    ),
    "large cell": (
        "127 positions",
        lambda: [conv(), layers.MaxPooling2D(12, padding="same", name="bad")],
    ),
    "pooled first": (
        "not follow a ReLU",
        lambda: [layers.MaxPooling2D(3, padding="same", name="bad"), conv()],
    ),
    "pooled twice": (
        "not follow a ReLU",
        lambda: [
            conv(),
            layers.MaxPooling2D(2, padding="same"),
            layers.MaxPooling2D(2, padding="same", name="bad"),
        ],
    ),
    "dilated": ("dilated", lambda: [conv(dilation_rate=2, name="bad")]),
    "groups": ("groups", lambda: [conv(groups=2, name="bad")]),
    "odd padding": (
        "neither 'same' nor 'full'",
        lambda: [layers.ZeroPadding2D(3, name="bad"), conv(padding="valid")],
    ),
    "padded twice": (
        "neither 'same' nor 'full'",
        lambda: [layers.ZeroPadding2D(1, name="bad"), conv()],
    ),
    "padding alone": (
        "not followed by a Conv2D",
        lambda: [conv(), layers.ZeroPadding2D(1, name="bad")],
    ),
    "dense on a map": (
        "not flattened",
        lambda: [conv(), layers.Dense(3, "relu", name="bad")],
    ),
    "reshaped": (
        "no flat vector",
        lambda: [conv(), layers.Reshape((8, 9, 4), name="bad")],
    ),
    "softmax inside": ("no Dense", lambda: [conv(activation="softmax", name="bad")]),
    "hidden behind pooling": (
        "hidden behind global pooling",
        lambda: [conv(), HEAD[0](), layers.Dense(3, "relu", name="bad")],
    ),
}


@pytest.mark.parametrize(("reason", "body"), REFUSED.values(), ids=REFUSED)
def test_refusal_names_the_layer(reason, body):
    stock = [keras.Input(X.shape[1:]), *body()]
    if not any(type(layer) is layers.GlobalAveragePooling2D for layer in stock):
        stock.append(HEAD[0]())
    convnet = keras.Sequential([*stock, HEAD[1]()])
    with pytest.raises(ValueError, match=f"`bad`.*{reason}.*takes a chain"):
        from_convnet(convnet)


def test_refused_tops():
    """What stands where the logits should come from."""
    body = [keras.Input(X.shape[1:], name="image"), conv(), HEAD[0]()]
    for reason, top in {
        "`trunk`.*does not end in a Dense": [],
        "`top`.*activation 'sigmoid'": [layers.Dense(3, "sigmoid", name="top")],
        "`top`.*one unit": [layers.Dense(1, name="top")],
        "`late`.*without a ReLU": [
            layers.Dense(3),
            layers.BatchNormalization(name="late"),
        ],
        "`late`.*follows a softmax": [
            layers.Dense(3, "softmax"),
            layers.Dense(3, name="late"),
        ],
    }.items():
        with pytest.raises(ValueError, match=reason):
            from_convnet(keras.Sequential([*body, *top], name="trunk"))
    no_level = [body[0], layers.Flatten(), layers.Dense(3, name="top")]
    with pytest.raises(ValueError, match=r"`top`.*no level"):
        from_convnet(keras.Sequential(no_level))


def test_refused_models():
    """Branches, several inputs or outputs, unknown sizes, unbuilt and other models."""
    image = keras.Input(X.shape[1:])
    x = conv()(image)
    flat = layers.Flatten()(layers.Add(name="add")([x, conv()(x)]))
    with pytest.raises(ValueError, match=r"`add`.*joins branches"):
        from_convnet(keras.Model(image, layers.Dense(3)(flat)))
    flat = layers.Flatten()(x)
    outputs = [layers.Dense(3)(flat), layers.Dense(3)(flat)]
    with pytest.raises(ValueError, match=r"`two`.*several inputs or outputs"):
        from_convnet(keras.Model(image, outputs, name="two"))
    dropped = layers.Dropout(0.5, name="noisy")(flat, training=True)
    with pytest.raises(ValueError, match=r"`noisy`.*training=True"):
        from_convnet(keras.Model(image, layers.Dense(3)(dropped)))
    head = [conv(), HEAD[0](), HEAD[1]()]
    with pytest.raises(ValueError, match=r"`open`.*known height"):
        from_convnet(
            keras.Sequential([keras.Input((None, None, 3)), *head], name="open")
        )
    with pytest.raises(ValueError, match="no built Sequential"):
        from_convnet(keras.Sequential(head))
    with pytest.raises(ValueError, match="no built Sequential"):
        from_convnet(scatter(DRMM([Level(4, 3)], X.shape[1:], 3)))
