"""tf.data pipelines without an autotuner that Keras would wait for."""


def without_autotuner(dataset):
    """Return a `tf.data.Dataset` without its autotuner.

    Keras leaves the autotuner on in every data set that it makes. It sleeps for longer
    and longer times, and an epoch ends only when it wakes up (TensorFlow 2.21).

    Args:
        dataset: a `tf.data.Dataset`.

    Returns:
        A `tf.data.Dataset` of the same elements.
    """
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
