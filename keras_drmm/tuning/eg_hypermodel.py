"""The settings of EG as hyperparameters of keras-tuner."""

import dataclasses

import keras
from keras import ops

from keras_drmm.layers.arguments import (
    check_keywords,
    standardize_integer,
    standardize_seed,
)
from keras_drmm.learning import EG
from keras_drmm.learning.eg import WARMUP_STEPS
from keras_drmm.learning.schedule import cosine_decay
from keras_drmm.learning.warmup import DIVISOR
from keras_drmm.models import DRFM
from keras_drmm.tuning.semi_supervised_hypermodel import SemiSupervisedHyperModel
from keras_drmm.zoo.zoo_model import FUNCTIONS

# The range (least, greatest) of each weight, sampled uniformly in its logarithm. The
# weight of the cross-entropy is not tuned: only ratios of weights matter to Adam.
_WEIGHTS = {
    "reconstruction": (1e-3, 1.0),
    "entropy": (1e-2, 10.0),
    "marginal_kl": (1e-1, 10.0),
    "class_kl": (1e-4, 1e-1),
    "nonnegativity": (1e-3, 1.0),
    "consistency": (1e-1, 10.0),
}
_LEARNING_RATE = (2e-4, 2e-2)


class EGHyperModel(SemiSupervisedHyperModel):
    """A model that learns by `EG`, with settings that keras-tuner chooses.

    These are the hyperparameters, each sampled uniformly in its logarithm:

    | name | from | to |
    |---|---|---|
    | `reconstruction` | 0.001 | 1 |
    | `entropy` | 0.01 | 10 |
    | `marginal_kl` | 0.1 | 10 |
    | `class_kl` | 0.0001 | 0.1 |
    | `nonnegativity`, except for `RFM` and `DRFM`, whose z has both signs | 0.001 | 1 |
    | `consistency`, for models that learn with an augmentation | 0.1 | 10 |
    | `warmup_steps` | `training_steps` / 100 | `training_steps` |
    | `learning_rate`, the optimizer's rate at the start | 0.0002 | 0.02 |

    All other settings are those that the model was compiled with. The same holds, by
    default, for hyperparameters that the tuner is told not to tune.

    Trials are trained and scored as in a `SemiSupervisedHyperModel`.

    Args:
        model: name of a function of `keras_drmm.zoo`, or a function, that returns a
            model compiled with `EG`.
        training_steps: number of steps of the longest training, over which the learning
            rate falls to 0 along a cosine.
        seed: seed of the initial weights. They are the same in each trial, so that
            trials differ only in their hyperparameters. None gives each trial new
            weights, which is needed if `executions_per_trial` is above 1.
        **arguments: keyword arguments of the function.

    Raises:
        ValueError: the zoo has no such model, `training_steps` is below 1, or the model
            that `build` makes does not learn by `EG`.

    Example:

    This search is short. A real one takes the whole training set, two epochs or more,
    and 20 trials.

    >>> (x_train, y_train), _ = keras_drmm.data.load("mnist")
    >>> dataset = keras_drmm.data.semi_supervised(
    ...     x_train[:300], y_train[:300], num_labels=50, validation=100
    ... )
    >>> tuner = keras_tuner.RandomSearch(
    ...     EGHyperModel("rfm", training_steps=len(dataset)),
    ...     objective=keras_tuner.Objective("validation_error", "min"),
    ...     max_trials=1,
    ...     seed=1,  # keras-tuner would replace 0 by a random seed
    ... )
    >>> tuner.search(dataset, epochs=1, verbose=0)
    >>> best = tuner.get_best_hyperparameters()[0]
    >>> 0.01 <= best.get("entropy") <= 10
    True
    """

    def __init__(self, model, training_steps, seed=0, **arguments):
        super().__init__()
        if isinstance(model, str) and model not in FUNCTIONS:
            raise ValueError(
                f"The zoo has no model {model!r}. Give one of {', '.join(FUNCTIONS)} "
                "that learns by `EG`, or a function that returns a compiled model."
            )
        if not isinstance(model, str) and not callable(model):
            raise ValueError(
                "`model` must be the name of a function of the zoo, or a function that "
                f"returns a compiled model, got {model!r}."
            )
        self.function = FUNCTIONS[model] if isinstance(model, str) else model
        if isinstance(model, str):
            check_keywords(self.function, arguments)
        # The number of epochs times `len(dataset)`.
        self.training_steps = standardize_integer(training_steps, "training_steps")
        self.seed = standardize_seed(seed)
        self.arguments = arguments

    def build(self, hp):
        """Return the model, compiled with the hyperparameters.

        Args:
            hp: `keras_tuner.HyperParameters`.

        Returns:
            A compiled model.

        Raises:
            ValueError: the model was not compiled with `EG`.
        """
        if self.seed is not None:
            keras.utils.set_random_seed(self.seed)
        model = self.function(**self.arguments)
        algorithm = getattr(model, "algorithm", None)
        if not isinstance(algorithm, EG):
            raise ValueError(
                f"`{model.name}` does not learn by `EG` but by {algorithm!r}. Give a "
                "function that returns a model compiled with `EG`."
            )
        weights = {
            name: hp.Float(
                name, *bounds, sampling="log", default=getattr(algorithm, name)
            )
            for name, bounds in _WEIGHTS.items()
            if _has(model, name)
        }
        warmup_steps = algorithm.warmup_steps
        if warmup_steps is None:
            # As `fit` would have it.
            warmup_steps = min(WARMUP_STEPS, -(-self.training_steps // DIVISOR))
        warmup_steps = hp.Int(
            "warmup_steps",
            max(1, self.training_steps // 100),
            self.training_steps,
            sampling="log",
            default=min(warmup_steps, self.training_steps),
        )
        learning_rate = hp.Float(
            "learning_rate",
            *_LEARNING_RATE,
            sampling="log",
            # At step 0, where a schedule starts.
            default=float(ops.convert_to_numpy(model.optimizer.learning_rate)),
        )
        arguments = model.compile_arguments
        arguments["optimizer"] = _with_rate(
            keras.optimizers.get(arguments["optimizer"]),
            cosine_decay(learning_rate, self.training_steps),
        )
        arguments["algorithm"] = dataclasses.replace(
            algorithm, warmup_steps=warmup_steps, **weights
        )
        model.compile(**arguments)
        # When Hyperband continues a trial, it also loads the optimizer's state.
        model.optimizer.build(model.trainable_variables)
        return model


def _with_rate(optimizer, rate):
    """Return a new optimizer of the same settings but its learning rate."""
    changed = {"learning_rate": rate}
    if hasattr(optimizer, "inner_optimizer"):
        # Of mixed precision's loss scaling.
        inner = _with_rate(optimizer.inner_optimizer, rate)
        changed = {"inner_optimizer": keras.saving.serialize_keras_object(inner)}
    return type(optimizer).from_config({**optimizer.get_config(), **changed})


def _has(model, name):
    """Return whether the model's objective has a term."""
    if name == "nonnegativity":
        return not isinstance(model, DRFM)
    return name != "consistency" or model.algorithm.augmentation is not None
