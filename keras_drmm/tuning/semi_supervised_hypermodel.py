"""A model that keras-tuner trains with few labels and scores with hidden labels."""

import keras
import keras_tuner
import numpy as np

from keras_drmm.data import SemiSupervisedDataset


class SemiSupervisedHyperModel(keras_tuner.HyperModel):
    """A classifier with hyperparameters that keras-tuner chooses.

    A subclass defines `build(hp)`, which returns a compiled Keras model of logits.

    A trial is scored on images of the training set whose labels training did not see.
    A test set cannot get in: `fit` only takes a `SemiSupervisedDataset`.

    Example:

    >>> class Width(SemiSupervisedHyperModel):
    ...     def build(self, hp):
    ...         width = hp.Int("width", 8, 64)
    ...         levels = [keras_drmm.Level(width, 3, pool_size=2)]
    ...         model = keras_drmm.DRMM(levels, input_shape=(28, 28, 1), num_classes=10)
    ...         model.compile("adam", algorithm=keras_drmm.EG())
    ...         return model
    >>> (x_train, y_train), _ = keras_drmm.data.load("mnist")
    >>> dataset = keras_drmm.data.semi_supervised(
    ...     x_train[:300], y_train[:300], num_labels=50, validation=100
    ... )
    >>> hp = keras_tuner.HyperParameters()
    >>> hypermodel = Width()
    >>> model = hypermodel.build(hp)
    >>> 0 <= hypermodel.fit(hp, model, dataset, verbose=0) <= 100
    True
    """

    def fit(self, hp, model, dataset, epochs=1, initial_epoch=0, **options):
        """Train the model and score it on the validation rows.

        Args:
            hp: the `keras_tuner.HyperParameters` that the model was built with.
            model: a compiled model that returns logits.
            dataset: a `SemiSupervisedDataset` with validation rows.
            epochs: number of the epoch to end with.
            initial_epoch: number of the epoch to begin with; Hyperband sets it.
            **options: `callbacks` and `verbose` of `keras.Model.fit`.

        Returns:
            The validation error in percent.

        Raises:
            TypeError: `dataset` is not a `SemiSupervisedDataset`.
            ValueError: the data set has no validation rows, or shows the labels of some
                of them.
        """
        _check(dataset)
        # Each trial sees the same batches.
        dataset.epoch = initial_epoch
        batches = dataset
        if keras.backend.backend() == "tensorflow":
            batches = dataset.as_tf_dataset()
        model.fit(
            batches,
            epochs=epochs,
            initial_epoch=initial_epoch,
            # The data set shuffles itself, depending on its seed and the epoch.
            shuffle=False,
            **options,
        )
        images, labels = dataset.validation
        logits = model.predict(images, batch_size=500, verbose=0)
        return 100 * float(np.mean(logits.argmax(axis=1) != labels))


def _check(dataset):
    # Only fatal errors stop a search: after others keras-tuner tries the next trial.
    if not isinstance(dataset, SemiSupervisedDataset):
        raise keras_tuner.errors.FatalTypeError(
            "A search takes a `SemiSupervisedDataset`, whose validation rows give the "
            f"score, got {type(dataset).__name__}. Make one from the training set by "
            "`keras_drmm.data.semi_supervised`."
        )
    if len(dataset.validation_indices) == 0:
        raise keras_tuner.errors.FatalValueError(
            "The data set has no validation rows, which give the score of a trial. "
            "Keep some by `semi_supervised(..., validation=5000)`."
        )
    if np.isin(dataset.validation_indices, dataset.labelled_indices).any():
        raise keras_tuner.errors.FatalValueError(
            "Training sees the labels of some validation rows, as well. "
            "`keras_drmm.data.semi_supervised` makes data sets that keep them apart."
        )
