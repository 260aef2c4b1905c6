"""A model that keras-tuner trains with few labels and scores with hidden labels."""

import hashlib
import json

import keras
import keras_tuner
import numpy as np

from keras_drmm.callbacks import Resume
from keras_drmm.data import SemiSupervisedDataset
from keras_drmm.layers.arguments import check_names, standardize_integer

# Scores that every model has.
_ALWAYS = ("validation_error", "val_accuracy", "val_loss")
_OPTIONS = ("callbacks", "verbose")
_ADVICE = (
    "Call `tuner.search(dataset, epochs=...)` with a `SemiSupervisedDataset`, which "
    "`keras_drmm.data.semi_supervised` makes."
)


class SemiSupervisedHyperModel(keras_tuner.HyperModel):
    """A classifier with hyperparameters that keras-tuner chooses.

    A subclass defines `build(hp)`, which returns a compiled Keras model of logits.

    A trial is scored on images of the training set whose labels training did not see:
    `objective` names one of the scores that `fit` returns.
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
    >>> scores = hypermodel.fit(hp, model, dataset, verbose=0)
    >>> 0 <= scores["validation_error"] <= 100
    True
    """

    def fit(self, hp, model, dataset=None, epochs=1, initial_epoch=0, **options):
        """Train the model and score it on the validation rows.

        Args:
            hp: the `keras_tuner.HyperParameters` that the model was built with.
            model: a compiled model that returns logits.
            dataset: a `SemiSupervisedDataset` with validation rows.
            epochs: number of the epoch to end with.
            initial_epoch: number of the epoch to begin with; Hyperband sets it.
            **options: `callbacks` and `verbose` of `keras.Model.fit`. A
                `keras_drmm.callbacks.Resume` keeps each trial in a folder of its own
                below that which it was given: a search that was stopped then goes on
                within its trial.

        Returns:
            {name: score on the validation rows}: `validation_error`, in percent,
            `val_accuracy`, and `val_loss` and the like of all that `evaluate` returns.
            A search looks for the best of the one that its `objective` names, by
            default of the least error.

        Raises:
            TypeError: `dataset` is not a `SemiSupervisedDataset`, or an option is not
                known.
            ValueError: the data set has no validation rows, or shows the labels of some
                of them, `epochs` is no integer of at least 1, the search has an
                `objective` that is no score, or it runs each trial several times and
                has a `Resume`.
        """
        # Only fatal errors stop a search: after others keras-tuner goes on trying.
        try:
            check_names("SemiSupervisedHyperModel.fit", options, _OPTIONS)
            _check(dataset)
            epochs = standardize_integer(epochs, "epochs")
            initial_epoch = standardize_integer(initial_epoch, "initial_epoch", 0)
        except keras_tuner.errors.FatalError:
            raise
        except TypeError as error:
            raise keras_tuner.errors.FatalTypeError(f"{error} {_ADVICE}") from None
        except ValueError as error:
            raise keras_tuner.errors.FatalValueError(f"{error} {_ADVICE}") from None
        options["callbacks"] = [
            _of_trial(callback, hp, dataset, options["callbacks"])
            for callback in options.get("callbacks") or ()
        ]
        objective = _objective_of(options["callbacks"])
        if not objective.has_value(dict.fromkeys(_ALWAYS)):
            _check_objective(objective, _scores(model, dataset))
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
        scores = _scores(model, dataset)
        # Several objectives are a sum, which has a name of its own.
        return {**scores, objective.name: objective.get_value(scores)}


def _scores(model, dataset):
    """Return {name: score on the validation rows}."""
    images, labels = dataset.validation
    logits = model.predict(images, batch_size=500, verbose=0)
    error = float(np.mean(logits.argmax(axis=1) != labels))
    found = model.evaluate(images, labels, batch_size=500, verbose=0, return_dict=True)
    return {
        **{f"val_{name}": float(value) for name, value in found.items()},
        "validation_error": 100 * error,
        "val_accuracy": 1 - error,
    }


def _of_trial(callback, hp, dataset, callbacks):
    """Return a callback, a `Resume` with a folder of the trial."""
    if not isinstance(callback, Resume):
        return callback
    # The second run of a trial would find that the first is finished.
    runs = getattr(_tuner_of(callbacks), "executions_per_trial", 1)
    if runs > 1:
        raise keras_tuner.errors.FatalValueError(
            "A `Resume` keeps one run of each trial, got a search with "
            f"executions_per_trial={runs}. Leave one of the two out."
        )
    values = json.dumps(hp.values, sort_keys=True, default=str)
    name = hashlib.sha256(values.encode()).hexdigest()[:16]
    return Resume(callback.folder / f"trial_{name}", dataset)


def _tuner_of(callbacks):
    """Return the search that calls, or None."""
    for callback in callbacks or ():
        tuner = getattr(callback, "tuner", None)
        if isinstance(tuner, keras_tuner.engine.base_tuner.BaseTuner):
            return tuner
    return None


def _objective_of(callbacks):
    """Return the objective of the search that calls, the error by default."""
    tuner = _tuner_of(callbacks)
    if tuner is None:
        return keras_tuner.Objective("validation_error", "min")
    objective = tuner.oracle.objective
    if objective.name != "default_objective":
        return objective
    return _Default(objective.name, objective.direction)


class _Default(keras_tuner.Objective):
    """The objective of a search without one: the error."""

    def has_value(self, logs):
        return "validation_error" in logs

    def get_value(self, logs):
        return logs["validation_error"]


def _check_objective(objective, scores):
    """Raise unless an objective is one of the scores."""
    if not objective.has_value(scores):
        raise keras_tuner.errors.FatalValueError(
            f"`objective` must be of validation rows, got {objective}. Give one of "
            f"{', '.join(sorted(scores))}, for example "
            "`keras_tuner.Objective('validation_error', 'min')`."
        )


def _check(dataset):
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
