"""unpack_batch: a batch as the steps of a `Learner` take it."""

import keras
from keras import ops

from keras_drmm.layers import replicas
from keras_drmm.models.checks import check_batch
from keras_drmm.models.fit_arguments import check_loss_has_labels


def unpack_batch(model, data):
    """Return a batch, (inputs, labels, weights), with labels among the inputs.

    `call` needs them: labelled rows render their class. Of a batch that replicas share,
    each gets its own rows.

    Args:
        model: the `Learner`.
        data: images, (images, labels) or (images, labels, sample weights).

    Returns:
        ({"images": ...} and if there are labels "labels", int32 (B,), and
        "given_labels", what they were; labels; float32 (B,) or None).

    Raises:
        ValueError: images, labels or weights are not what the model takes; what is
            wrong with values is found by `BatchCheck`. Or replicas cannot share the
            batch.
    """
    images, labels, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    check_loss_has_labels(model, labels)
    check_batch(images, labels, sample_weight, model.image_shape)
    images, labels, sample_weight = replicas.share([images, labels, sample_weight])
    inputs = {"images": images}
    if labels is not None:
        given = ops.reshape(labels, (-1,))
        # A label that is no class counts as none until `BatchWatch` ends `fit`, or as
        # class 0 for a Keras loss that fails on the others.
        last = ops.cast(model.num_classes - 1, given.dtype)
        is_class = ops.logical_and(given >= 0, given <= last)
        labels = ops.where(
            is_class, ops.cast(given, "int32"), model.batch_check.least_label
        )
        inputs.update(labels=labels, given_labels=given)
    if sample_weight is not None:
        sample_weight = ops.cast(ops.reshape(sample_weight, (-1,)), "float32")
    return inputs, labels, sample_weight
