"""The tied autoencoder that EM is compared with."""

import keras
import numpy as np
from keras import ops

from recipes.common.measure import BATCH


class TiedAutoencoder(keras.Model):
    """An autoencoder of a DRMM's weights, which renders the model's own message.

    Args:
        model: the `DRMM`, whose optimizer learns.
    """

    def __init__(self, model):
        super().__init__()
        self.drmm = model
        self.compile(model.optimizer)

    def call(self, images):
        messages, switches = self.drmm.bottom_up(images)
        return self.drmm.render_down(messages[-1], switches)[0]

    def compute_loss(self, x=None, y=None, y_pred=None, *args, **kwargs):
        return ops.mean(ops.square(x - y_pred))

    def render_message(self, images):
        """Return what the messages of images render, a NumPy array."""
        parts = np.split(images, len(images) // BATCH)
        return np.concatenate([ops.convert_to_numpy(self(part)) for part in parts])
