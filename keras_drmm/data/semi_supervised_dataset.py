"""Batches of labelled and unlabelled images."""

import copy
import warnings
import zlib
from collections.abc import Callable

import keras
import numpy as np

from keras_drmm.data.autotuner import without_autotuner
from keras_drmm.data.batch_plan import plan_batches
from keras_drmm.data.images import BLOCK, scale_images
from keras_drmm.data.random_streams import Stream, random_stream
from keras_drmm.data.stratification import equal_counts
from keras_drmm.layers.arguments import as_array, check_labels, standardize_integer

# (images, rows, epoch, random) -> images
Augment = Callable[[np.ndarray, np.ndarray, int, np.random.Generator], np.ndarray]


class SemiSupervisedDataset(keras.utils.PyDataset):
    """Batches for training with few labels; `semi_supervised` creates it.

    A batch is `(images, labels)`: float32 images of shape
    (batch size, height, width, channels) within [0, 1], and int32 labels of shape
    (batch size,), which are -1 at unlabelled rows. With `sample_weight` it is
    `(images, labels, weights)`, the weights float32 of shape (batch size,). All batches
    are of the same size and hold labelled rows at the same places, spread evenly over
    the batch.

    An epoch is one pass over the unlabelled rows in a new order. Rows that do not fill
    a batch are left out; they differ from epoch to epoch. The labelled rows are
    repeated in shuffled passes that continue from batch to batch and from epoch to
    epoch. Without unlabelled rows, an epoch is one pass over the labelled rows.

    The batches depend on the seed, `epoch` and `augment` alone. `on_epoch_end()`, which
    `fit()` and `evaluate()` call, moves on to the next epoch. To resume training at
    epoch k, set `dataset.epoch = k` and call `fit(dataset, initial_epoch=k, ...)`.

    `fit()` shuffles the batches of an epoch itself unless it is given `shuffle=False`,
    which is needed for the exact order. Do not use `steps_per_epoch`: Keras would then
    carry batches of one epoch over to the next. Leave `workers` at 1 as well: with more
    workers Keras may deliver batches of one epoch in the next, and nothing is gained,
    because a batch takes much less than a millisecond.

    Args:
        x: images that `check_raw_images` accepts. They are kept, not copied.
        labels: int32 class of each row, of shape (n,). Only the labels of labelled and
            validation rows are used.
        labelled_indices: rows of `x` whose labels are shown, at least 1.
        unlabelled_indices: rows of `x` that are shown without their labels.
        validation_indices: rows of `x` that are kept for validation.
        num_classes: number of classes.
        batch_size: number of rows in a batch.
        labelled_per_batch: number of labelled rows in a batch, see `plan_batches`.
        seed: seed of the order, 0 or larger.
        augment: changes the images of a batch, see `semi_supervised`.
        sample_weight: float32 weight of each row, of shape (n,), or None for 1.

    Attributes:
        epoch: number of the epoch that the batches are from, starting with 0.
        labelled_indices: as given.
        unlabelled_indices: as given.
        validation_indices: as given.
        num_classes: as given.
        sample_weight: as given.
        x: as given.

    Raises:
        ValueError: `batch_size` or `labelled_per_batch` is out of range.
    """

    def __init__(
        self,
        x: np.ndarray,
        labels: np.ndarray,
        *,
        labelled_indices: np.ndarray,
        unlabelled_indices: np.ndarray,
        validation_indices: np.ndarray,
        num_classes: int,
        batch_size: int,
        labelled_per_batch: int | None,
        seed: int,
        augment: Augment | None = None,
        sample_weight: np.ndarray | None = None,
    ) -> None:
        super().__init__()
        self.epoch = 0
        self.labelled_indices = labelled_indices
        self.unlabelled_indices = unlabelled_indices
        self.validation_indices = validation_indices
        self.num_classes = num_classes
        self.sample_weight = sample_weight
        self.x = x
        self._labels = labels
        self._seed = seed
        self._augment = augment
        self._plan = plan_batches(
            len(labelled_indices),
            len(unlabelled_indices),
            batch_size,
            labelled_per_batch,
        )
        # The rows of a batch that it shows.
        self._part = slice(None)
        self._epoch_and_rows: tuple[int, np.ndarray] | None = None
        self._keras_resets_next = False

    @property
    def validation(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The validation set, in the form of `fit(validation_data=...)`.

        Returns:
            float32 images of shape (n, height, width, channels) within [0, 1] and
            int32 labels of shape (n,), converted again at each access, or None if there
            are no validation rows.
        """
        rows = self.validation_indices
        if len(rows) == 0:
            return None
        return scale_images(self.x[rows]), self._labels[rows]

    @property
    def shown_labels(self) -> np.ndarray:
        """The labels of all rows of `x`, as training sees them.

        Returns:
            int32 labels of shape (n,), with -1 for rows whose label is hidden.
        """
        shown = np.full_like(self._labels, -1)
        shown[self.labelled_indices] = self._labels[self.labelled_indices]
        return shown

    def checksums(self) -> dict[str, int]:
        """Return sums over what the batches are made of, but for `augment`.

        Returns:
            {name: sum}. Of data sets of other images, labels, rows, weights or seeds
            one differs.
        """
        columns = {
            "images": self.x,
            "shown labels": self.shown_labels,
            "unlabelled rows": self.unlabelled_indices,
            "validation rows": self.validation_indices,
            "validation labels": self._labels[self.validation_indices],
            "weights": self.sample_weight,
        }
        sums = {k: _checksum(v) for k, v in columns.items() if v is not None}
        return {**sums, "seed": self._seed}

    def labelled_only(self, batch_size: int) -> "SemiSupervisedDataset":
        """Return batches of the labelled rows alone, with the same validation rows.

        Args:
            batch_size: number of rows in a batch.

        Returns:
            A data set with the same seed and without unlabelled rows.
        """
        return self._with(
            unlabelled_indices=self.unlabelled_indices[:0],
            batch_size=batch_size,
            labelled_per_batch=None,
        )

    def shard(self, index: int, count: int) -> "SemiSupervisedDataset":
        """Return a part of each batch, for one of several processes that share it.

        The parts of all processes, one after the other, are the batch: each process has
        the same draw of labelled rows and the same order.

        Args:
            index: number of the part, from 0.
            count: number of parts.

        Returns:
            A data set whose batches have 1 / `count` of the rows. It is made last: it
            has no `labelled_only`, `rebalanced` and `shard` of its own.

        Raises:
            ValueError: the rows of a batch are no multiple of `count`, there is no such
                part, or this is a part already.
        """
        self._check_whole("shard")
        count = standardize_integer(count, "count")
        index = standardize_integer(index, "index", minimum=0)
        rows = len(self._plan.is_labelled)
        if rows % count or index >= count:
            raise ValueError(
                f"`index` must be below `count`, which must divide the {rows} rows of "
                f"a batch, got index={index} and count={count}."
            )
        part = copy.copy(self)
        size = rows // count
        part._part = slice(index * size, (index + 1) * size)
        return part

    def rebalanced(self, classes: np.ndarray) -> "SemiSupervisedDataset":
        """Return batches in which the unlabelled rows are of each class equally often.

        Of a class that most images are of, a part of the rows is left out at random;
        those of a rare class are repeated. A network that learns to be sure of its
        answers takes rare images for frequent ones, as these are most of what it sees;
        of balanced rows it does not. The classes come from a first network:

        >>> first.fit(dataset, epochs=10)
        >>> guesses = first.predict(to_unit_range(dataset.x)).argmax(axis=1)
        >>> second.fit(dataset.rebalanced(guesses), epochs=10)

        Args:
            classes: integers of shape (n,), the class of each row of `x`. Only those
                of unlabelled rows are looked at.

        Returns:
            A data set with the same labelled and validation rows, the same number of
            unlabelled ones, batch size and seed.

        Raises:
            ValueError: `classes` has another length, holds something else than
                integers from 0 to `num_classes` - 1, or there are no unlabelled rows.
        """
        classes, rows = as_array(classes, "classes"), self.unlabelled_indices
        check_labels(classes, len(self.x), self.num_classes)
        if len(rows) == 0:
            raise ValueError("There are no unlabelled rows to rebalance.")
        guessed = classes.reshape(-1)[rows]
        if guessed.min() < 0:
            raise ValueError(
                f"`classes` must be from 0 to {self.num_classes - 1} for each "
                "unlabelled row, got -1. Give a model's predictions."
            )
        random = random_stream(self._seed, Stream.REBALANCING)
        found = np.unique(guessed)
        if len(found) < self.num_classes:
            missing = np.setdiff1d(np.arange(self.num_classes), found).tolist()
            warnings.warn(
                f"No unlabelled row is of the classes {missing}, by `classes`: they "
                "are learned from their labelled rows alone.",
                stacklevel=2,
            )
        counts = equal_counts(len(rows), len(found), random)
        chosen = [
            _repeated(rows[guessed == one], count, random)
            for one, count in zip(found, counts, strict=True)
        ]
        plan = self._plan
        return self._with(
            unlabelled_indices=np.concatenate(chosen),
            batch_size=len(plan.is_labelled),
            labelled_per_batch=int(plan.is_labelled.sum()),
        )

    def _check_whole(self, made: str) -> None:
        if self._part != slice(None):
            raise ValueError(
                f"This data set is a part of each batch, from which no {made} is made: "
                "call `shard` last."
            )

    def _with(self, **changes) -> "SemiSupervisedDataset":
        """Return a data set of the same images, labels and seed."""
        self._check_whole("other data set")
        kept = {
            "labelled_indices": self.labelled_indices,
            "validation_indices": self.validation_indices,
            "num_classes": self.num_classes,
            "seed": self._seed,
            "augment": self._augment,
            "sample_weight": self.sample_weight,
        }
        return SemiSupervisedDataset(self.x, self._labels, **{**kept, **changes})

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return self._plan.num_batches

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        """Make a batch of the current epoch.

        Args:
            index: position of the batch in the epoch.

        Returns:
            The images and the labels of the batch, and the weights of its rows if there
            are any.

        Raises:
            IndexError: the epoch has no such batch.
            ValueError: `augment` returned images of another shape.
        """
        epoch, index = self.epoch, range(len(self))[index]
        rows = self._current_rows()[index]
        labels = np.where(self._plan.is_labelled, self._labels[rows], np.int32(-1))
        images = scale_images(self.x[rows])
        if self._augment is not None:
            random = random_stream(self._seed, Stream.AUGMENTATION, epoch, index)
            images = self._augmented(images, rows, epoch, random)
        batch = [images, labels]
        if self.sample_weight is not None:
            batch.append(self.sample_weight[rows])
        return tuple(column[self._part] for column in batch)

    @keras.utils.PyDataset.workers.getter
    def workers(self) -> int:
        """Number of threads that make the batches for `fit()`."""
        # Keras reads this once, when fit(), evaluate() or predict() is given the data
        # set. Before the first epoch, fit() calls on_epoch_end() once to reset the data
        # set, sometimes after on_epoch_begin() and a batch that builds the model.
        # Nothing else distinguishes this call from the end of an epoch.
        self._keras_resets_next = True
        return self._workers

    def as_tf_dataset(self):
        """Return the same batches as a `tf.data.Dataset` without an autotuner.

        Keras turns any other data set into one with an autotuner, for which the end of
        each epoch waits; see `without_autotuner`. Each pass over this one is an epoch,
        starting with `epoch`.

        Returns:
            A `tf.data.Dataset` of these batches, for the TensorFlow backend only.

        Raises:
            ModuleNotFoundError: TensorFlow is not installed.
        """
        import tensorflow as tf

        def batches():
            for index in range(len(self)):
                batch = self[index]
                # Here and not after the loop: Keras knows the number of batches and
                # asks for no more.
                if index == len(self) - 1:
                    self.epoch += 1
                yield batch

        dataset = tf.data.Dataset.from_generator(
            batches,
            output_signature=tuple(tf.TensorSpec(v.shape, v.dtype) for v in self[0]),
        )
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(self)))
        return without_autotuner(dataset)

    def on_epoch_end(self) -> None:
        """Move on to the next epoch."""
        if self._keras_resets_next:
            self._keras_resets_next = False
        else:
            self.epoch += 1

    def _augmented(self, images, rows, epoch, random) -> np.ndarray:
        assert self._augment is not None
        augmented = np.asarray(self._augment(images, rows, epoch, random), "float32")
        if augmented.shape != images.shape:
            raise ValueError(
                f"`augment` must leave images of shape {images.shape} at their shape, "
                f"got {self._augment!r}, which returned {augmented.shape}."
            )
        return augmented

    def _current_rows(self) -> np.ndarray:
        # Several threads may find the order missing and make it. All of them make the
        # same one, and a single assignment replaces epoch and rows together.
        epoch, cached = self.epoch, self._epoch_and_rows
        if cached is None or cached[0] != epoch:
            cached = self._epoch_and_rows = epoch, self._rows_of(epoch)
        return cached[1]

    def _rows_of(self, epoch: int) -> np.ndarray:
        is_labelled, num_batches = self._plan
        rows = np.empty((num_batches, len(is_labelled)), dtype=np.intp)
        if len(self.unlabelled_indices) == 0:
            rng = random_stream(self._seed, Stream.LABELLED_ORDER, epoch)
            order = rng.permutation(self.labelled_indices)[: rows.size]
            return order.reshape(rows.shape)
        rng = random_stream(self._seed, Stream.UNLABELLED_ORDER, epoch)
        places = rows[:, ~is_labelled]
        order = rng.permutation(self.unlabelled_indices)[: places.size]
        rows[:, ~is_labelled] = order.reshape(places.shape)
        places = rows[:, is_labelled]
        order = self._labelled_run(epoch * places.size, places.size)
        rows[:, is_labelled] = order.reshape(places.shape)
        return rows

    def _labelled_run(self, start: int, length: int) -> np.ndarray:
        # The labelled rows form an endless sequence of shuffled passes. This returns
        # the part from `start` on, so that an epoch does not need the ones before it.
        size = len(self.labelled_indices)
        passes = range(start // size, (start + length - 1) // size + 1)
        run = np.concatenate(
            [
                random_stream(self._seed, Stream.LABELLED_ORDER, index).permutation(
                    self.labelled_indices
                )
                for index in passes
            ]
        )
        return run[start - passes.start * size :][:length]


def _checksum(rows):
    """Return a sum over an array, which may be larger than memory."""
    total = 0
    for start in range(0, len(rows), BLOCK):
        block = np.ascontiguousarray(rows[start : start + BLOCK])
        total = zlib.crc32(block.tobytes(), total)
    return total


def _repeated(rows, count, random):
    """Return `count` of the rows: each equally often, but for a remainder."""
    times, rest = divmod(count, len(rows))
    more = random.permutation(rows)[:rest]
    return np.concatenate([np.tile(rows, times), more])
