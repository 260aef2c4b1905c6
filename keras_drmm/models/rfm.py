"""RFM: the Rendering Factor Model."""

import keras

from keras_drmm.layers.deprecation import reordered_arguments
from keras_drmm.layers.level import Level
from keras_drmm.models.drfm import DRFM


@reordered_arguments("level", "num_classes", "input_shape")
@keras.saving.register_keras_serializable(package="keras_drmm")
class RFM(DRFM):
    r"""The Rendering Factor Model: the shallow `DRFM`, of one level.

    $$I = \Lambda_g^{(1)} (\Lambda^{(2)} z + \mu_c) + \alpha + \textrm{noise}, \qquad
    z \sim \mathcal{N}(0, 1_d)$$

    Args:
        level: the `Level`.
        input_shape: (H, W, C) of an image.
        num_classes: number of classes.
        **kwargs: the further arguments of `DRFM`.

    Example:

    >>> model = RFM(Level(8, 3, pool_size=2), (8, 8, 1), num_classes=3)

    Source: Patel, Nguyen, Baraniuk (2016), section 3.2 and Appendix C.
    """

    def __init__(self, level, input_shape, num_classes, **kwargs):
        if not isinstance(level, Level):
            raise ValueError(f"`level` must be one `Level`, got {level!r}.")
        super().__init__([level], input_shape, num_classes, **kwargs)

    def get_config(self):
        config = super().get_config()
        (level,) = config.pop("levels")
        return {**config, "level": level}

    @classmethod
    def _arguments_from(cls, config):
        level = keras.saving.deserialize_keras_object(config["level"])
        return {**config, "level": level}
