"""Pose: an augmentation that changes the pose of a whole image."""

import keras
import numpy as np
from keras import layers

from keras_drmm.layers.arguments import (
    check_choice,
    check_keywords,
    standardize_number,
    standardize_seed,
)


@keras.saving.register_keras_serializable(package="keras_drmm")
class Pose(layers.Layer):
    r"""Moves, turns and scales images at random: what an object's pose is.

    $$I' = T_g I, \qquad g \sim \mathrm{Uniform}$$

    A rendering model infers where each template moved, level by level. The pose of the
    whole image is one more nuisance: p(c|I) is that of I'. Outside of an image is 0.

    Args:
        rotation: greatest angle, as a part of a full turn, to either side.
        zoom: greatest change of height and of width, as a part of it.
        shift: greatest shift, as a part of height and width.
        seed: an integer, or None.
        data_format: "channels_last", "channels_first" or, for Keras' default, None.
        **kwargs: `name`, `dtype` of `keras.layers.Layer`.

    Shapes:
        (B, H, W, C), channels_first (B, C, H, W) -> the same.

    Raises:
        ValueError: an argument is out of range.

    Example:

    >>> images = np.random.rand(2, 8, 8, 1)
    >>> tuple(Pose()(images, training=True).shape)
    (2, 8, 8, 1)
    >>> model.compile("adam", algorithm=EG(consistency=1.0, augmentation=Pose()))

    Source: the idea of a nuisance is that of Patel, Nguyen, Baraniuk (2016), section
    2; nuisances of whole images are this library's.
    """

    def __init__(
        self,
        rotation=0.05,
        zoom=0.15,
        shift=0.1,
        seed=None,
        data_format=None,
        **kwargs,
    ):
        check_keywords(type(self), kwargs)
        super().__init__(**kwargs)
        rotation = standardize_number(rotation, "rotation", least=0, most=1)
        zoom = standardize_number(zoom, "zoom", least=0, most=1)
        shift = standardize_number(shift, "shift", least=0, most=1)
        self.rotation, self.zoom, self.shift = rotation, zoom, shift
        self.seed = seed = standardize_seed(seed)
        if data_format is None:
            data_format = keras.config.image_data_format()
        check_choice(data_format, "data_format", ("channels_last", "channels_first"))
        self.data_format = data_format
        options = {
            "fill_mode": "constant",
            "data_format": self.data_format,
            "dtype": self.dtype_policy,
        }
        seeds: list[int | None] = [None] * 3
        if seed is not None:
            # Far apart: equal ones, or on PyTorch neighbours, tie zoom to shift.
            state = np.random.SeedSequence(seed).generate_state(3, "uint32")
            seeds = [int(v) >> 1 for v in state]
        self.steps = [
            layers.RandomRotation(rotation, seed=seeds[0], **options),
            layers.RandomZoom(zoom, zoom, seed=seeds[1], **options),
            layers.RandomTranslation(shift, shift, seed=seeds[2], **options),
        ]

    def build(self, input_shape):
        for step in self.steps:
            step.build(input_shape)

    def call(self, images, training=False):
        for step in self.steps:
            images = step(images, training=training)
        return images

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "rotation": self.rotation,
            "zoom": self.zoom,
            "shift": self.shift,
            "seed": self.seed,
            "data_format": self.data_format,
        }
