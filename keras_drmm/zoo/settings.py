"""Levels and learning settings that models of the zoo share."""

import keras
from keras import layers

from keras_drmm.layers import Level
from keras_drmm.learning import EG
from keras_drmm.learning.eg import WARMUP_STEPS
from keras_drmm.learning.schedule import cosine_decay
from keras_drmm.zoo.preset import load_preset

# What the objective of models of 5 levels and more has otherwise: where rows decide
# sooner, a third of the augmented rows does as much.
DEEP = {"entropy": 4.0, "augmentation_divisor": 3}
# Of images in colour: noise that leaves digits as they are hides what these show.
COLOUR = {
    "consistency": 0,
    "augmentation": None,
    "augmentation_divisor": 1,
    "entropy": 1.0,
}
# Each row that a factor model renders takes as many renders as it has factors.
FACTORS = {"render_divisor": 64}


def load_and_compile(model, preset, training_steps, **changes):
    """Load a preset's weights, if one is given, and compile a model for EG.

    Args:
        model: a `DRMM` or a factor model, whose z may be negative.
        preset: name or folder of the preset, or None.
        training_steps: after which the learning rate is 0; None follows `fit`.
        **changes: what the algorithm has otherwise.

    Returns:
        The model.
    """
    load_preset(model, preset)
    # Chosen by `recipes/ablation.py`. The posterior of the class must not see the
    # model's own nuisance, pixel noise.
    settings = {
        "reconstruction": 0.05,
        "entropy": 1.0,
        "nonnegativity": 0.01 if model.rectifies else 0,
        "consistency": 2.0,
        "augmentation": layers.GaussianNoise(0.4, name="pixel_noise"),
        "augmentation_divisor": 2,
        "render_divisor": 16,
        "warmup_steps": None if training_steps is None else WARMUP_STEPS,
    }
    algorithm = EG(**{**settings, **changes})
    optimizer = keras.optimizers.Adam(cosine_decay(4e-3, training_steps))
    model.compile(optimizer, algorithm=algorithm)
    return model


def lenet_levels(number):
    """Return the first `number` levels, like LeNet-5's: 20 and 50 templates of 5x5."""
    filters = (20, 50)[:number]
    return [
        Level(count, 5, padding="valid", pool_size=2, batch_norm=True)
        for count in filters
    ]
