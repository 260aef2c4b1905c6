"""EvolutionaryModel: what evolutionary trees and forests have in common."""

import keras
import numpy as np
from keras import ops

from keras_drmm.layers.keeps_frozen import frozen_parts
from keras_drmm.models.rendering_model import RenderingModel


class EvolutionaryModel(RenderingModel):
    """Base of models that grow by a hard EM of their own, in `fit`."""

    def _compile_to_evaluate(self):
        """Make `evaluate` work; `fit` needs no optimizer, and SGD has no state."""
        self.compile(
            "sgd",
            loss=keras.losses.SparseCategoricalCrossentropy(
                from_logits=True, ignore_class=-1
            ),
        )

    # Templates are compared with images in float32, whatever the precision.
    _image_dtype = "float32"

    def _bind(self, algorithm):
        raise ValueError(
            f"{type(self).__name__} grows by a hard EM of its own, not by {algorithm}. "
            "It comes compiled: call `fit` alone."
        )

    def _new_history(self, epochs):
        """Return a `History` of so many epochs, whose residuals are to come."""
        history = keras.callbacks.History()
        history.set_model(self)
        history.epoch = list(range(epochs))
        history.history = {"residual": []}
        return history

    def _rows(self, x, y):
        """Check that the tree may change, and what it is to grow from.

        Returns:
            (images (N, H, W, C), labels (N,) int64, -1 for an unlabelled row), NumPy.

        Raises:
            ValueError: the model is frozen, or images or labels are not what it takes,
                or not arrays.
        """
        frozen = frozen_parts(self)
        if frozen:
            raise ValueError(
                f"`{self.name}` is frozen, in the parts {frozen} ('' is the model "
                "itself): trees grow anew and as a whole. Set `trainable = True` "
                "first, or make another model."
            )
        if not hasattr(x, "shape") and not isinstance(x, list | tuple):
            raise ValueError(
                f"A tree grows from all images at once, got a {type(x).__name__}. Join "
                "the batches of a data set: `fit(images, labels)` takes arrays."
            )
        x, y = self._standardize(x, y)
        labels = np.full(len(x), -1)
        if y is not None:
            labels = ops.convert_to_numpy(y).reshape(-1).astype("int64")
        return ops.convert_to_numpy(x), labels


def choose(logits, labels):
    """Return the label where there is one, else the most probable class."""
    classes = logits.argmax(axis=-1).astype("int32")
    if labels is None:
        return classes
    labels = ops.convert_to_numpy(labels).reshape(-1).astype("int32")
    return np.where(labels >= 0, labels, classes)
