"""PredictWatch: what `predict` notices about the batches of a data set."""

from contextlib import contextmanager

import keras
import numpy as np
from keras import ops

from keras_drmm.models.batch_check import (
    NOT_FINITE,
    OUT_OF_RANGE,
    explain_batch,
    explain_images,
)
from keras_drmm.models.checks import check_batch


class PredictWatch:
    """A predict function of Keras that also looks at the images of its batches.

    `predict` has no metrics that could note what a step finds. So batches are looked at
    as they are handed over: two or three reductions each, read at the end.

    Args:
        function: what Keras makes of `predict_step`, of (batches) on TensorFlow and
            PyTorch, of (state, iterator over batches) on JAX.
        model: the `Learner`.

    Raises:
        ValueError: when it is called and the images of a batch have another shape or
            dtype than the model takes.
    """

    def __init__(self, function, model):
        self.function, self.model = function, model
        # What `_ends` returns of the parts of each batch.
        self._seen: list[list] = []

    def __call__(self, *args):
        *state, batches = args
        seen = map(self._look, batches)
        is_list = isinstance(batches, list)
        return self.function(*state, list(seen) if is_list else seen)

    def check(self):
        """Raise a ValueError if there was a batch that the model cannot take."""
        # As numbers of the images, that are float32.
        least, most = (float(np.float32(v)) for v in self.model.pixel_range)
        for number, parts in enumerate(self._seen):
            values = np.array([[float(v) for v in part] for part in parts])
            if not len(values):
                continue
            lowest, highest = values[:, 0].min(), values[:, 1].max()
            fault = None
            if not np.isfinite(values).all():
                fault = NOT_FINITE
            elif lowest < least or highest > most:
                fault = OUT_OF_RANGE
            if fault:
                found = explain_images(fault, lowest, highest, (least, most))
                raise ValueError(
                    f"Of the data to predict: {explain_batch(number, found)}"
                )

    def _look(self, batch):
        """Return a batch as it is, and note the ends of its pixels."""
        images, _, _ = keras.utils.unpack_x_y_sample_weight(batch)
        parts = [images]
        if keras.backend.backend() == "tensorflow":
            # Of each replica; nothing but a tensor tells its rows.
            strategy = self.model.distribute_strategy
            parts = strategy.experimental_local_results(images)
        for part in parts:
            try:
                check_batch(part, None, None, self.model.image_shape)
            except ValueError as error:
                number = len(self._seen)
                raise ValueError(
                    f"Of the data to predict, in batch {number}: {error}"
                ) from None
        self._seen.append([_ends(part) for part in parts if part.shape[0]])
        return batch


@contextmanager
def watches_prediction(model):
    """Within this, `predict` looks at each batch; at its end, say what is wrong.

    Args:
        model: the `Learner`.
    """
    model.make_predict_function()
    watch = PredictWatch(model.predict_function, model)
    model.predict_function = watch
    try:
        yield
    finally:
        model.predict_function = watch.function
    watch.check()


def _ends(images):
    """Return the lowest and highest pixel and, where those may hide NaN, the sum."""
    # JAX is handed NumPy's arrays, and has no need to hold them twice.
    if isinstance(images, np.ndarray):
        return images.min(), images.max()
    images = ops.cast(images, "float32")
    return ops.min(images), ops.max(images), ops.sum(images)
