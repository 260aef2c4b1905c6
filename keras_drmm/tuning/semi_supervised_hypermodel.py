"""A model that keras-tuner trains with few labels and scores by hidden ones."""

import keras
import keras_tuner
import numpy as np

from keras_drmm.data import SemiSupervisedDataset


class SemiSupervisedHyperModel(keras_tuner.HyperModel):
    """A classifier of which keras-tuner chooses the hyperparameters; give it `build`.

    A trial is scored by images of the training set whose labels training did not see.
    There is no way to give it a test set: `fit` takes a `SemiSupervisedDataset` alone.

    Example:

    >>> class Width(SemiSupervisedHyperModel):
    ...     def build(self, hp):
    ...         levels = [Level(hp.Int("width", 8, 64), 3, pool_size=2)]
    ...         model = keras_drmm.DRMM(levels, num_classes=10, input_shape=(28, 28, 1))
    ...         model.compile("adam")
    ...         return model
    """

    def fit(self, hp, model, dataset, epochs=1, initial_epoch=0, **options):
        """Train the model and score it on the validation rows.

        Args:
            hp: `keras_tuner.HyperParameters`, of which the model was built.
            model: the compiled model, which returns logits.
            dataset: a `SemiSupervisedDataset` with validation rows.
            epochs: number of the epoch to end with.
            initial_epoch: number of the epoch to begin with, as Hyperband sets it.
            **options: `callbacks` and `verbose` of `keras.Model.fit`.

        Returns:
            The validation error in percent.

        Raises:
            TypeError: `dataset` is no `SemiSupervisedDataset`.
            ValueError: it has no validation rows, or shows labels of some of them.
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
            # The data set shuffles itself, as a function of seed and epoch.
            shuffle=False,
            **options,
        )
        images, labels = dataset.validation
        logits = model.predict(images, batch_size=500, verbose=0)
        return 100 * float(np.mean(logits.argmax(axis=1) != labels))


def _check(dataset):
    # keras-tuner takes other errors for a bad trial and goes on with the next.
    if not isinstance(dataset, SemiSupervisedDataset):
        raise keras_tuner.errors.FatalTypeError(
            "A search takes a `SemiSupervisedDataset`, of which it scores the "
            f"validation rows, got {type(dataset).__name__}. Make one of the training "
            "set by `keras_drmm.data.semi_supervised`."
        )
    if len(dataset.validation_indices) == 0:
        raise keras_tuner.errors.FatalValueError(
            "The data set has no validation rows to score trials by. Keep some: "
            "`semi_supervised(..., validation=5000)`."
        )
    if np.isin(dataset.validation_indices, dataset.labelled_indices).any():
        raise keras_tuner.errors.FatalValueError(
            "Some validation rows are also trained on with their labels. "
            "`keras_drmm.data.semi_supervised` makes data sets that keep them apart."
        )
