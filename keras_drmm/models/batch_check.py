"""BatchCheck: what a training or test step notices about its batches."""

import keras
from keras import ops

NONE, NOT_FINITE, OUT_OF_RANGE, LABELS, WEIGHTS, LOGITS = range(6)


class BatchCheck(keras.metrics.Metric):
    """Notes the first batch that a model cannot learn from, and why.

    The rows of a data set are seen in the step alone. A few reductions a batch, on the
    device, are all that it costs to look at them there; `BatchWatch` reads what was
    found. A metric, as it is about the batches of an epoch and goes through the steps
    of every backend.

    Args:
        pixel_range: (lowest, highest) value of a pixel.
        num_classes: labels are -1 (unlabelled) to num_classes - 1.

    Attributes:
        batches: how many batches there were.
        found: (4,), the fault (0: none), the number of its batch, from 0, and the
            lowest and highest value in it.
        labelled: the sum of the weights of the labelled rows.
    """

    def __init__(self, pixel_range, num_classes):
        super().__init__(name="batch_check", dtype="float32")
        self.pixel_range, self.num_classes = pixel_range, num_classes
        self.batches = self.add_variable((), initializer="zeros", name="batches")
        self.found = self.add_variable((4,), initializer="zeros", name="found")
        self.labelled = self.add_variable((), initializer="zeros", name="labelled")

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
        # Of NaN, minimum and maximum are not NaN on every backend; a sum is.
        finite = ops.isfinite(ops.sum(images))
        fine = ops.logical_and(lowest >= least, highest <= most)
        faults = [
            (NOT_FINITE, ops.logical_not(finite), lowest, highest),
            (OUT_OF_RANGE, ops.logical_not(fine), lowest, highest),
        ]
        # Labels may be the bytes of an image file, which hold no -1.
        first, last = ops.min(labels), ops.max(labels)
        wrong = last > ops.cast(self.num_classes - 1, last.dtype)
        if not str(keras.backend.standardize_dtype(labels.dtype)).startswith("uint"):
            wrong = ops.logical_or(wrong, first < -1)
        faults.append((LABELS, wrong, first, last))
        if sample_weight is not None:
            first, last = ops.min(sample_weight), ops.max(sample_weight)
            fine = ops.logical_and(ops.isfinite(ops.sum(sample_weight)), first >= 0)
            faults.append((WEIGHTS, ops.logical_not(fine), first, last))
        # Last, as they are a consequence of what is wrong with images.
        finite = ops.isfinite(ops.sum(ops.cast(logits, "float32")))
        faults.append((LOGITS, ops.logical_not(finite), 0.0, 0.0))
        found = ops.convert_to_tensor(self.found)
        for fault, is_here, first, last in faults:
            row = [fault, self.batches, first, last]
            row = ops.stack([ops.cast(value, "float32") for value in row])
            is_first = ops.logical_and(is_here, found[0] == NONE)
            found = ops.where(is_first, row, found)
        self.found.assign(found)
        self.batches.assign_add(1.0)
        self.labelled.assign_add(ops.sum(labelled))

    def result(self):
        # An empty dictionary: Keras logs nothing under the metric's name.
        return {}

    def explain(self):
        """Return what is wrong with a batch and what to do, None if nothing is."""
        fault, batch, lowest, highest = ops.convert_to_numpy(self.found).tolist()
        if fault == NONE:
            return None
        found = {
            NOT_FINITE: "its images hold NaN or infinite values: clean or drop these "
            "rows",
            OUT_OF_RANGE: f"its pixels must be in {list(self.pixel_range)} and are "
            f"from {lowest:g} to {highest:g}: scale the images (`x / 255`), or give "
            "the model the `pixel_range` that they have",
            LABELS: f"its labels must be -1 (unlabelled) to {self.num_classes - 1} and "
            f"are from {lowest:.0f} to {highest:.0f}: number the classes from 0",
            WEIGHTS: "its `sample_weight` must be finite and at least 0, and is from "
            f"{lowest:g} to {highest:g}",
            LOGITS: "its images are fine, but the model's logits are not finite. "
            "Lower the learning rate; under 'mixed_float16', which ends at 65,504, "
            "take 'mixed_bfloat16'",
        }[int(fault)]
        return (
            f"Batch {batch:.0f} (batches count from 0, in the order in which they "
            f"came) cannot be used: {found}."
        )
