"""UsageWatch: the classes and templates that EG has no use for."""

import keras
import numpy as np
from keras import ops

from keras_drmm.em.sweep_metric import SweepMetric
from keras_drmm.models.drmm import prior_rate
from keras_drmm.models.usage import Usage

# Of rounding in the running means of an epoch.
ROUNDING = 1e-4


class UsageWatch(keras.callbacks.Callback):
    r"""Warns at the end of `fit` of what the last epoch did not use.

    A class is empty if no row had it as its ĉ. A template is dead if it was ON nowhere,
    in none of the rows that were rendered: the running mean of ON has only decayed,

    $$\pi_{a}' = \pi_a \prod_s (1 - r_s)$$

    with the rate r of each step, `prior_rate`.

    Args:
        class_counts: the `ClassCounts` of the trainer; None where labels decide.
    """

    def __init__(self, class_counts):
        super().__init__()
        self.class_counts = class_counts
        self._usage = Usage()

    def on_epoch_begin(self, epoch, logs=None):
        self._usage.forget()
        if self.class_counts is not None:
            self.class_counts.forget()
        self._before, self._steps = self._on(), self._count_steps()

    def on_epoch_end(self, epoch, logs=None):
        rows = None
        if self.class_counts is not None:
            rows = ops.convert_to_numpy(self.class_counts.rows)
        steps = np.arange(self._steps, self._count_steps())
        decay = np.prod(1 - ops.convert_to_numpy(prior_rate(steps)).astype("float64"))
        on = {}
        pairs = zip(self._before, self._on(), strict=True)
        for number, (before, after) in enumerate(pairs, start=1):
            is_used = after > before * decay * (1 + ROUNDING)
            # (h, w, filters) -> (filters,)
            on[f"level {number}"] = is_used.sum(axis=(0, 1))
        self._usage.add(rows, on)

    def on_train_end(self, logs=None):
        self._usage.warn()

    def _count_steps(self):
        return int(ops.convert_to_numpy(self.model.steps))

    def _on(self):
        """Return π_a of each level, (h, w, filters), as it is and not smoothed.

        A frozen model has none: its means stay, whatever is ON.
        """
        if not self.model.trainable:
            return []
        return [
            ops.convert_to_numpy(prior.probabilities)[1:].sum(axis=0, dtype="float64")
            for prior in getattr(self.model, "nuisance_priors", [])
        ]


class ClassCounts(SweepMetric):
    """How many rows each class has in an epoch.

    Args:
        num_classes: number of classes.

    Attributes:
        rows: (num_classes,).
    """

    def __init__(self, num_classes):
        super().__init__("class_counts")
        self.rows = self.add_sum("rows", (num_classes,))

    def update_state(self, logits, sample_weight=None):
        """Add the rows of a batch, each to the class of its largest logit."""
        classes = ops.argmax(logits, axis=-1)
        rows = ops.one_hot(classes, self.rows.shape[0], dtype="float32")
        if sample_weight is not None:
            rows = rows * ops.reshape(sample_weight, (-1, 1))
        self.rows.assign_add(ops.sum(rows, axis=0))
