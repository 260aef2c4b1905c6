"""The levels of a DRMM as the configuration of a baseline."""

import keras

from keras_drmm.layers.level import Level, standardize_levels


def copy_levels(levels):
    """Return new levels of the same configuration, with weights of their own.

    Raises:
        ValueError: `levels` is empty or holds something other than a `Level`.
    """
    levels = standardize_levels(levels)
    return [Level.from_config(level.get_config()) for level in levels]


def serialize_levels(levels):
    """Return levels as a configuration that `deserialize_levels` takes."""
    return [keras.saving.serialize_keras_object(level) for level in levels]


def deserialize_levels(config):
    """Return a model's configuration with its levels as layers again."""
    levels = [keras.saving.deserialize_keras_object(v) for v in config["levels"]]
    return {**config, "levels": levels}
