"""The discriminative counterpart of a DRMM: a convnet of stock Keras layers."""

import keras
from keras import layers, ops

from keras_drmm.convert.convnet_reader import norm_arguments
from keras_drmm.layers.arguments import check_model
from keras_drmm.layers.level import Level
from keras_drmm.models import DRMM


def to_convnet(model):
    """Build a functional convnet with the weights, and thus the logits, of a DRMM.

    Dropping the top-down pass frees the weights from the generative constraints: the
    discriminative relaxation (44). α and the top-down normalisation play no part in
    classification and are left out. What is frozen, regularizers and the dtype policy
    are those of the model.

    Args:
        model: a `DRMM`.

    Returns:
        A `keras.Model` of ZeroPadding2D, Conv2D, BatchNormalization, ReLU,
        MaxPooling2D, GlobalAveragePooling2D or Flatten, and Dense.

    Raises:
        TypeError: the model is no `DRMM`.
        ValueError: the model is signed, or a level is of a subclass of `Level`.
    """
    check_model(model, "model", DRMM)
    if not model.nonnegative:
        raise ValueError(
            "`model` must be nonnegative, got a signed DRMM, which alternates passes, "
            "as no chain of stock layers does. Only a model with nonnegative=True has "
            "a convnet."
        )
    others = {type(v).__name__ for v in model.levels if type(v) is not Level}
    if others:
        raise ValueError(
            "`model` must have levels of the class `Level`, which stock layers can "
            f"do, got {sorted(others)}: what a subclass changes would be lost."
        )
    image = keras.Input(model.image_shape, name="image")
    x = image
    for number, level in enumerate(model.levels, start=1):
        x = _level(x, level, f"level_{number}")
    data_format = model.templates.data_format
    if model.templates.pooling == "mean":
        x = layers.GlobalAveragePooling2D(
            data_format=data_format, dtype=model.dtype_policy
        )(x)
    else:
        x = layers.Reshape((-1,), dtype=model.dtype_policy, name="flatten")(x)
    dense = layers.Dense(
        model.num_classes,
        kernel_regularizer=model.templates.templates_regularizer,
        dtype=model.dtype_policy,
        name="logits",
    )
    convnet = keras.Model(image, dense(x), name=f"{model.name}_convnet")
    # ln π_c adds to the logits as the bias does.
    bias = model.templates.bias + ops.log(model.class_prior)
    dense.set_weights([model.templates.templates.numpy(), ops.convert_to_numpy(bias)])
    dense.trainable = model.templates.trainable
    if not model.trainable:
        convnet.trainable = False
    return convnet


def _level(x, level, name):
    """Stack the stock layers of one level on `x`, with its weights."""
    conv, data_format = level.conv, level.data_format
    padding = conv.padding
    if padding == "full":
        widths = [size - 1 for size in conv.kernel_size]
        x = layers.ZeroPadding2D(
            widths, data_format, dtype=level.dtype_policy, name=f"{name}_full"
        )(x)
        padding = "valid"
    stock = layers.Conv2D(
        conv.filters,
        conv.kernel_size,
        conv.strides,
        padding,
        data_format=data_format,
        use_bias=conv.use_bias,
        kernel_regularizer=conv.kernel_regularizer,
        dtype=conv.dtype_policy,
        name=f"{name}_conv",
    )
    x = stock(x)
    stock.set_weights(conv.get_weights())
    stock.trainable = conv.trainable
    if level.batch_norm is not None:
        norm = level.batch_norm
        stock = layers.BatchNormalization(
            norm.axis,
            **norm_arguments(norm),
            dtype=norm.dtype_policy,
            name=f"{name}_norm",
        )
        x = stock(x)
        stock.set_weights(norm.get_weights())
        stock.trainable = norm.trainable
    x = layers.ReLU(dtype=level.dtype_policy, name=f"{name}_relu")(x)
    if level.pool.pool_size == (1, 1):
        return x
    return layers.MaxPooling2D(
        level.pool.pool_size,
        padding="same",
        data_format=data_format,
        dtype=level.dtype_policy,
        name=f"{name}_pool",
    )(x)
