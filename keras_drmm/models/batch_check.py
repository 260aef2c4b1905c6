"""BatchCheck: what a training or test step notices about its batches."""

import keras
from keras import ops

from keras_drmm.layers import replicas
from keras_drmm.layers.replicas import FIRST_REPLICA

# The least label that there may be: (in words, what to do beside numbering from 0).
LEAST_LABELS = {
    -1: ("-1 (unlabelled)", ""),
    0: ("0", ", and give the Keras `loss` `ignore_class=-1` for unlabelled rows (-1)"),
}
NONE, NOT_FINITE, OUT_OF_RANGE, LABELS, LOGITS, WEIGHTS = range(6)


class BatchCheck(keras.metrics.Metric):
    """Notes the first batch that a model cannot learn from, and why.

    The rows of a data set are seen in the step alone. A few reductions a batch, on the
    device, are all that it costs to look at them there; `BatchWatch` reads what was
    found. A metric, as it is about the batches of an epoch and goes through the steps
    of every backend.

    Args:
        pixel_range: (lowest, highest) value of a pixel.
        num_classes: labels are at most num_classes - 1.
        least_label: -1 where rows may be unlabelled, else 0.

    Attributes:
        batches: how many batches there were.
        found: (4,), the fault (0: none), the number of its batch, from 0, and the
            lowest and highest value in it.
        labelled: the sum of the weights of the labelled rows.
    """

    def __init__(self, pixel_range, num_classes, least_label=-1):
        super().__init__(name="batch_check", dtype="float32")
        self.pixel_range, self.num_classes = pixel_range, num_classes
        self.least_label = least_label
        # The same on each replica.
        self.batches, self.found, self.labelled = (
            self.add_variable(shape, "zeros", name=name, aggregation=FIRST_REPLICA)
            for name, shape in (("batches", ()), ("found", (4,)), ("labelled", ()))
        )

    def update_state(self, images, labels, labelled, logits, sample_weight=None):
        """Look at a batch.

        Args:
            images: floats (B, H, W, C).
            labels: integers (B,).
            labelled: (B,), the weights of the labelled rows, 0 for the others.
            logits: (B, num_classes), what the model made of them.
            sample_weight: (B,) or None.
        """
        images = ops.stop_gradient(ops.cast(images, "float32"))
        lowest, highest = ops.min(images), ops.max(images)
        least, most = self.pixel_range
        first, last = ops.min(labels), ops.max(labels)
        is_label = last <= ops.cast(self.num_classes - 1, last.dtype)
        # Labels may be the bytes of an image file, which hold no -1.
        if not keras.backend.standardize_dtype(labels.dtype).startswith("uint"):
            is_label = ops.logical_and(is_label, first >= self.least_label)
        # In the order of the faults' numbers: (is it right, lowest, highest value). Of
        # NaN, minimum and maximum are not NaN on every backend; a sum is.
        checks = [
            (_is_finite(images), lowest, highest),
            (ops.logical_and(lowest >= least, highest <= most), lowest, highest),
            (is_label, first, last),
            (_is_finite(ops.cast(logits, "float32")), 0.0, 0.0),
        ]
        if sample_weight is not None:
            first, last = ops.min(sample_weight), ops.max(sample_weight)
            fine = ops.logical_and(_is_finite(sample_weight), first >= 0)
            checks.append((fine, first, last))
        fine, lowest, highest = (
            ops.stack([ops.cast(v, "float32") for v in column])
            for column in zip(*checks, strict=True)
        )
        seen = ops.sum(ops.cast(labelled, "float32"))
        own = ops.concatenate([fine, lowest, highest, seen[None]])
        # (replicas that share the batch, values)
        fine, lowest, highest, seen = ops.split(
            replicas.join(own[None]), [n * len(checks) for n in (1, 2, 3)], axis=1
        )
        wrong = ops.min(fine, axis=0) < 1
        fault = ops.argmax(ops.cast(wrong, "int32"))
        limits = [ops.min(lowest, axis=0), ops.max(highest, axis=0)]
        limits = ops.stack(limits, axis=1)
        pair = ops.take(limits, fault, axis=0)
        number = ops.cast(fault + 1, "float32")
        row = ops.concatenate([ops.stack([number, self.batches * 1.0]), pair])
        found = ops.convert_to_tensor(self.found)
        is_first = ops.logical_and(ops.any(wrong), found[0] == NONE)
        found = ops.where(is_first, row, found)
        self.found.assign(found)
        self.batches.assign_add(1.0)
        self.labelled.assign_add(ops.sum(seen))

    def result(self):
        # An empty dictionary: Keras logs nothing under the metric's name.
        return {}

    def read(self):
        """Return (fault, number of its batch): what `explain` explains."""
        fault, batch, *_ = ops.convert_to_numpy(self.found).tolist()
        return int(fault), int(batch)

    def explain(self):
        """Return what is wrong with a batch and what to do, None if nothing is."""
        fault, batch, lowest, highest = ops.convert_to_numpy(self.found).tolist()
        if fault == NONE:
            return None
        least, advice = LEAST_LABELS[self.least_label]
        found = {
            LABELS: f"its labels must be {least} to {self.num_classes - 1} and are "
            f"from {lowest:.0f} to {highest:.0f}: number the classes from 0{advice}",
            WEIGHTS: "its `sample_weight` must be finite and at least 0, and is from "
            f"{lowest:g} to {highest:g}",
            LOGITS: "its images are fine, but the model's logits are not finite. "
            "Lower the learning rate; under 'mixed_float16', which ends at 65,504, "
            "take 'mixed_bfloat16'",
        }
        return explain_batch(
            int(batch),
            found.get(int(fault))
            or explain_images(int(fault), lowest, highest, self.pixel_range),
        )


def explain_images(fault, lowest, highest, pixel_range):
    """Return what is wrong with the images of a batch, and what to do.

    Args:
        fault: NOT_FINITE or OUT_OF_RANGE.
        lowest: value of their pixels.
        highest: value of their pixels.
        pixel_range: (lowest, highest) value that there may be.
    """
    if fault == NOT_FINITE:
        return "its images hold NaN or infinite values: clean or drop these rows"
    return (
        f"its pixels must be in {list(pixel_range)} and are from {lowest:g} to "
        f"{highest:g}: scale the images (`x / 255`), or give the model the "
        "`pixel_range` that they have"
    )


def explain_batch(number, found):
    """Return the sentence that a batch cannot be used, for what was found in it."""
    return (
        f"Batch {number} (batches count from 0, in the order in which they came) "
        f"cannot be used: {found}."
    )


def _is_finite(values):
    return ops.isfinite(ops.sum(values))
