"""fit_prior: a prior of switches that generates, learned after the model."""

import keras
import numpy as np

from keras_drmm.layers import replicas
from keras_drmm.layers.arguments import (
    check_model,
    check_names,
    describe,
    standardize_number,
)
from keras_drmm.learning.cosine_decay_over_fit import CosineDecayOverFit
from keras_drmm.learning.style_learner import StyleLearner
from keras_drmm.models.drmm import DRMM
from keras_drmm.models.sampling import numpy_generator
from keras_drmm.models.styled import build_switch_prior
from keras_drmm.models.training_rows import TrainingRows

# Of arrays.
BATCH_SIZE = 64
# Arguments of `fit` that mean here what they mean there.
OF_FIT = (
    "callbacks",
    "shuffle",
    "steps_per_epoch",
    "validation_batch_size",
    "validation_data",
    "validation_freq",
    "validation_split",
    "validation_steps",
    "verbose",
)


def fit_prior(
    model,
    x,
    y=None,
    *,
    style_size=64,
    width=64,
    components=10,
    beta=None,
    learning_rate=3e-3,
    batch_size=None,
    epochs=2,
    **kwargs,
):
    """Learn the prior of a model's switches; see `DRMM.fit_prior`."""
    check_model(model, "model", DRMM, "It needs switches.")
    check_names(f"{type(model).__name__}.fit_prior", kwargs, OF_FIT)
    if beta is None:
        switches = sum(np.prod(shape[1:]) for shape in model.message_shapes[1:])
        beta = max(1.0, switches / np.prod(model.image_shape) / 2)
    beta = standardize_number(beta, "beta", above=0)
    learning_rate = standardize_number(learning_rate, "learning_rate", above=0)
    x, y = model.check_data(x, y)
    if hasattr(x, "__next__"):
        raise ValueError(
            "`x` must be an array of images or a data set that can be read twice, got "
            f"{describe(x)}: the closed form reads all rows after the gradient steps."
        )
    if hasattr(x, "shape") and batch_size is None:
        batch_size = BATCH_SIZE
    if replicas.sees_part():
        raise ValueError(
            "`fit_prior` ends with a closed form of all rows, and replicas in several "
            "processes of JAX have a part of them each: call it in one process."
        )
    config = {
        "style_size": style_size,
        "width": width,
        "components": components,
        "beta": beta,
    }
    # A copy learns: should anything fail, the model keeps the prior that it has.
    with replicas.scope(model):
        switch_prior, encoder = build_switch_prior(model, config)
        learner = StyleLearner(model, switch_prior, encoder)
        learner.compile(keras.optimizers.Adam(CosineDecayOverFit(learning_rate)), beta)
    history = learner.fit(x, y, batch_size=batch_size, epochs=epochs, **kwargs)
    steps = kwargs.get("steps_per_epoch")
    # What is kept for validation is not learned from.
    x, y = TrainingRows(x, y, None, kwargs.get("validation_split") or 0.0).arrays
    means, variances, classes, *factors = learner.encode(x, y, batch_size, steps)
    switch_prior.styles.fit(means, variances, classes, numpy_generator())
    if factors:
        switch_prior.factors.fit(means, variances, classes, *factors)
    model.set_switch_prior(config, switch_prior, encoder)
    return history
