"""The settings of EG as hyperparameters of keras-tuner."""

import dataclasses

import keras
from keras import ops

from keras_drmm import zoo
from keras_drmm.learning import EG
from keras_drmm.learning.schedule import cosine_decay
from keras_drmm.models import DRFM
from keras_drmm.tuning.semi_supervised_hypermodel import SemiSupervisedHyperModel

# (least, greatest) of each, sampled evenly in the logarithm. The weight of the cross
# entropy stays as it is: only ratios of weights matter to Adam.
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
    """A model that learns by `EG`, whose weights keras-tuner chooses.

    The hyperparameters, each sampled evenly in its logarithm:

    | name | from | to |
    |---|---|---|
    | `reconstruction` | 0.001 | 1 |
    | `entropy` | 0.01 | 10 |
    | `marginal_kl` | 0.1 | 10 |
    | `class_kl` | 0.0001 | 0.1 |
    | `nonnegativity`, not of an `RFM` or `DRFM`, whose z has both signs | 0.001 | 1 |
    | `consistency`, of a model that learns a nuisance | 0.1 | 10 |
    | `warmup_steps` | `training_steps` / 100 | `training_steps` |
    | `learning_rate`, of Adam, at the start | 0.0002 | 0.02 |

    All else is as the model was compiled, and so are, by default, the hyperparameters
    that a tuner is told not to tune.

    A trial is trained and scored as a `SemiSupervisedHyperModel` is.

    Args:
        model: name of a function of `keras_drmm.zoo`, or a function, that returns a
            model compiled with `EG`.
        training_steps: steps of the longest training, over which the learning rate
            falls to 0 along a cosine.
        seed: of the initial weights, the same in each trial, so that trials differ by
            their hyperparameters alone. None draws them anew, as is needed for
            `executions_per_trial` above 1.
        **arguments: keyword arguments of the function.

    Raises:
        ValueError: the zoo has no such model, `training_steps` is below 1, or (by
            `build`) the model does not learn by `EG`.

    Example:

    >>> dataset = keras_drmm.data.semi_supervised(
    ...     x_train, y_train, num_labels=100, validation=5000,
    ...     validation_images_unlabelled=True,
    ... )
    >>> tuner = keras_tuner.RandomSearch(
    ...     EGHyperModel("drmm_lenet", training_steps=2 * len(dataset)),
    ...     objective=keras_tuner.Objective("validation_error", "min"),
    ...     max_trials=20,
    ...     seed=1,  # not 0, for which keras-tuner draws one
    ... )
    >>> tuner.search(dataset, epochs=2)
    >>> best = tuner.get_best_hyperparameters()[0].values
    """

    def __init__(self, model, training_steps, seed=0, **arguments):
        super().__init__()
        if isinstance(model, str) and model not in zoo.__all__:
            raise ValueError(
                f"The zoo has no model {model!r}. Give one of {zoo.__all__} that "
                "learns by `EG`, or a function that returns a compiled model."
            )
        if training_steps < 1:
            raise ValueError(
                f"`training_steps` must be at least 1, got {training_steps!r}. Give "
                "epochs times `len(dataset)`."
            )
        self.function = getattr(zoo, model) if isinstance(model, str) else model
        self.training_steps = training_steps
        self.seed = seed
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
        warmup_steps = hp.Int(
            "warmup_steps",
            max(1, self.training_steps // 100),
            self.training_steps,
            sampling="log",
            default=min(algorithm.warmup_steps, self.training_steps),
        )
        learning_rate = hp.Float(
            "learning_rate",
            *_LEARNING_RATE,
            sampling="log",
            # Of step 0, where a schedule starts.
            default=float(ops.convert_to_numpy(model.optimizer.learning_rate)),
        )
        model.compile(
            keras.optimizers.Adam(cosine_decay(learning_rate, self.training_steps)),
            algorithm=dataclasses.replace(
                algorithm, warmup_steps=warmup_steps, **weights
            ),
        )
        # A trial that Hyperband goes on with loads its steps and moments, too.
        model.optimizer.build(model.trainable_variables)
        return model


def _has(model, name):
    """Whether a term is one of the model's objective."""
    if name == "nonnegativity":
        return not isinstance(model, DRFM)
    return name != "consistency" or model.algorithm.augmentation is not None
