"""tf.data pipelines without an autotuner that Keras would wait for."""

# Batches that are made while a step runs.
PREFETCHED = 2


def without_autotuner(dataset):
    """Return a `tf.data.Dataset` without its autotuner.

    Keras leaves the autotuner on in every data set that it makes. It sleeps for longer
    and longer times, and an epoch ends only when it wakes up (TensorFlow 2.21). The
    models of this library need no such call: they do it in `fit`, `evaluate` and
    `predict`, unless the options of a data set say `autotune.enabled = True`.

    Args:
        dataset: a `tf.data.Dataset`.

    Returns:
        A `tf.data.Dataset` of the same elements.
    """
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


class StrategyWithoutAutotuner:
    """A TensorFlow strategy whose data sets have no autotuner.

    Keras makes a `tf.data.Dataset` of arrays and PyDatasets and hands it to
    `model.distribute_strategy` before it reads a batch. So batches, epochs, shuffling
    and weights stay Keras' own.

    Args:
        strategy: a `tf.distribute.Strategy` of one replica, as is TensorFlow's default.
            Keras tells those of more apart by their class.
    """

    def __init__(self, strategy):
        self._strategy = strategy

    def __getattr__(self, name):
        return getattr(self._strategy, name)

    def experimental_distribute_dataset(self, dataset, options=None):
        """Return a data set of the same elements without autotuner, prefetched.

        Args:
            dataset: a `tf.data.Dataset`. One whose options say whether it has an
                autotuner is left as it is.
            options: as in `tf.distribute.Strategy`.
        """
        if dataset.options().autotune.enabled is None:
            # What Keras prefetches "as tuned" is then made while the step waits.
            dataset = without_autotuner(dataset.prefetch(PREFETCHED))
        return self._strategy.experimental_distribute_dataset(dataset, options)
