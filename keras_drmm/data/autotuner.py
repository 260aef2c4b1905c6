"""tf.data sets that Keras does not wait for."""


def without_autotuner(dataset):
    """Return a `tf.data.Dataset` that has no autotuner.

    Keras leaves it on in every data set that it makes. It sleeps for longer and longer,
    and an epoch ends only when it has woken (TensorFlow 2.21).

    Args:
        dataset: a `tf.data.Dataset`.
    """
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
