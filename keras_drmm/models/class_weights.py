"""Class weights of `fit`: which are right, and what Keras cannot do with label -1."""

import sys

import keras

from keras_drmm.layers.arguments import describe, is_integer, standardize_number


def apply_class_weight(x, class_weight, num_classes):
    """Return `x` and class weights that Keras gives every row of it rightly.

    Of arrays and PyDatasets, Keras gives a row whose label is no key weight 1, and so
    do we. In a `tf.data.Dataset` it reads the weights of label -1 out of bounds. There
    the weights are given to the rows here.

    Args:
        x: what `fit` learns from.
        class_weight: {class: weight of its rows}, with -1 for the unlabelled rows; 1
            for all that it leaves out. Or None.
        num_classes: classes are 0 to num_classes - 1.

    Returns:
        (x, class_weight) to call `keras.Model.fit` with.

    Raises:
        ValueError: the weights are not as described, or x has no labels, has weights of
            its own, or is read by Keras without class weights.
    """
    if class_weight is None:
        return x, None
    class_weight = standardize_class_weight(class_weight, num_classes)
    if hasattr(x, "shape") or isinstance(x, keras.utils.PyDataset):
        return x, class_weight
    # Without TensorFlow, there is no data set of it.
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None or not isinstance(x, tensorflow.data.Dataset):
        raise ValueError(
            "`class_weight` is for arrays, a PyDataset or a tf.data.Dataset, got a "
            f"{type(x).__name__}. Let its batches be (images, labels, sample_weight), "
            "where `sample_weight` has the weight of each row's class."
        )
    if not isinstance(x.element_spec, tuple) or len(x.element_spec) != 2:
        raise ValueError(
            "`class_weight` needs batches of (images, labels), got a data set of "
            f"{x.element_spec}. Multiply the weights of the rows by those of their "
            "classes, and leave `class_weight` out."
        )
    classes = range(-1, num_classes)
    weights = tensorflow.constant([class_weight.get(v, 1.0) for v in classes])

    def with_weights(images, labels):
        # A label beyond the classes is for the step to find.
        labels_in_range = tensorflow.clip_by_value(
            tensorflow.cast(labels, "int64"), -1, num_classes - 1
        )
        rows = tensorflow.reshape(labels_in_range, (-1,)) + 1
        return images, labels, tensorflow.gather(weights, rows)

    return x.map(with_weights), None


def standardize_class_weight(class_weight, num_classes):
    """Return `class_weight` as {int: float} if its classes and weights are possible."""
    if not isinstance(class_weight, dict):
        raise ValueError(
            "`class_weight` must be a dictionary {class: weight}, got "
            f"{describe(class_weight)}. Of weights in the order of the classes make "
            "one by `dict(enumerate(weights))`."
        )
    for label in class_weight:
        if not is_integer(label) or not -1 <= label < num_classes:
            raise ValueError(
                f"The classes in `class_weight` must be integers from 0 to "
                f"{num_classes - 1}, or -1 for unlabelled rows, got {label!r}."
            )
    return {
        int(label): standardize_number(weight, f"class_weight[{label}]", least=0)
        for label, weight in class_weight.items()
    }
