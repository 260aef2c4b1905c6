"""Batches of labelled and unlabelled images."""

import keras
import numpy as np

from keras_drmm.data.autotuner import without_autotuner
from keras_drmm.data.batch_plan import plan_batches
from keras_drmm.data.images import scale_images
from keras_drmm.data.random_streams import Stream, random_stream


class SemiSupervisedDataset(keras.utils.PyDataset):
    """Batches for training with few labels; `semi_supervised` creates it.

    A batch is `(images, labels)`: float32 images of shape
    (batch size, height, width, channels) within [0, 1], and int32 labels of shape
    (batch size,), which are -1 at unlabelled rows. All batches are of the same size
    and hold labelled rows at the same places, spread evenly over the batch.

    An epoch is one pass over the unlabelled rows in a new order. Those that do not
    fill a batch are left out, different ones in each epoch. The labelled rows are
    repeated in shuffled passes that go on from batch to batch and from epoch to epoch.
    Without unlabelled rows, an epoch is one pass over the labelled rows.

    The batches are a function of the seed and of `epoch` alone. `on_epoch_end()`, which
    `fit()` and `evaluate()` call, goes on to the next epoch. To resume training at
    epoch k, set `dataset.epoch = k` and call `fit(dataset, initial_epoch=k, ...)`.

    `fit()` takes the batches of an epoch in an order of its own unless it is given
    `shuffle=False`, which the exact order needs. Leave out `steps_per_epoch`: with it,
    Keras goes on with the batches of one epoch in the next. Leave `workers` at 1, too:
    with more, Keras may deliver batches of one epoch in the next, and a batch takes so
    much less than a millisecond that nothing is gained.

    Args:
        x: Images that passed `check_images`. They are kept, not copied.
        labels: int32 class of each row, of shape (n,). The labels of rows that are
            not labelled are not read.
        labelled_indices: Rows of `x` whose labels are shown, at least 1.
        unlabelled_indices: Rows of `x` shown without their labels.
        validation_indices: Rows of `x` kept for validation.
        num_classes: Number of classes.
        batch_size: Number of rows of a batch.
        labelled_per_batch: Number of labelled rows of a batch, see `plan_batches`.
        seed: Seed of the order, 0 or larger.

    Attributes:
        epoch: Number of the epoch that the batches are from, starting with 0.
        labelled_indices: As given.
        unlabelled_indices: As given.
        validation_indices: As given.
        num_classes: As given.

    Raises:
        ValueError: If `batch_size` or `labelled_per_batch` is out of range.
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
    ) -> None:
        super().__init__()
        self.epoch = 0
        self.labelled_indices = labelled_indices
        self.unlabelled_indices = unlabelled_indices
        self.validation_indices = validation_indices
        self.num_classes = num_classes
        self._x = x
        self._labels = labels
        self._seed = seed
        self._plan = plan_batches(
            len(labelled_indices),
            len(unlabelled_indices),
            batch_size,
            labelled_per_batch,
        )
        self._epoch_and_rows: tuple[int, np.ndarray] | None = None
        self._keras_resets_next = False

    @property
    def validation(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The validation set as `fit(validation_data=...)` takes it.

        Returns:
            float32 images of shape (n, height, width, channels) within [0, 1] and
            int32 labels of shape (n,), converted anew by each access, or `None` if
            there are no validation rows.
        """
        rows = self.validation_indices
        if len(rows) == 0:
            return None
        return scale_images(self._x[rows]), self._labels[rows]

    @property
    def shown_labels(self) -> np.ndarray:
        """Labels of all rows of `x` as training sees them.

        Returns:
            int32 labels of shape (n,), -1 at the rows whose label is hidden.
        """
        shown = np.full_like(self._labels, -1)
        shown[self.labelled_indices] = self._labels[self.labelled_indices]
        return shown

    def labelled_only(self, batch_size: int) -> "SemiSupervisedDataset":
        """Return batches of the labelled rows alone, with the same validation rows.

        Args:
            batch_size: Number of rows of a batch.

        Returns:
            A data set of the same seed, without unlabelled rows.
        """
        return SemiSupervisedDataset(
            self._x,
            self._labels,
            labelled_indices=self.labelled_indices,
            unlabelled_indices=self.unlabelled_indices[:0],
            validation_indices=self.validation_indices,
            num_classes=self.num_classes,
            batch_size=batch_size,
            labelled_per_batch=None,
            seed=self._seed,
        )

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return self._plan.num_batches

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Make a batch of the current epoch.

        Args:
            index: Position of the batch in the epoch.

        Returns:
            The images and the labels of the batch.

        Raises:
            IndexError: If the epoch has no such batch.
        """
        rows = self._current_rows()[index]
        labels = np.where(self._plan.is_labelled, self._labels[rows], np.int32(-1))
        return scale_images(self._x[rows]), labels

    @keras.utils.PyDataset.workers.getter
    def workers(self) -> int:
        """Number of threads that make the batches for `fit()`."""
        # Keras reads this once, when fit(), evaluate() or predict() takes the data
        # set. Before the first epoch fit() calls on_epoch_end() once to reset it,
        # sometimes after on_epoch_begin() and a batch to build the model from. No
        # other trace tells this call from the end of an epoch.
        self._keras_resets_next = True
        return self._workers

    def as_tf_dataset(self):
        """Return the same batches as a `tf.data.Dataset` that is not waited for.

        Keras turns any data set into one whose autotuner the end of an epoch waits for,
        see `without_autotuner`. Each pass over this one is an epoch, from `epoch` on.

        Returns:
            A `tf.data.Dataset` of `(images, labels)` batches, for the TensorFlow
            backend only.

        Raises:
            ModuleNotFoundError: TensorFlow is not installed.
        """
        import tensorflow as tf

        def batches():
            for index in range(len(self)):
                batch = self[index]
                # Keras knows the number of batches and asks for no more.
                if index == len(self) - 1:
                    self.epoch += 1
                yield batch

        images, labels = self[0]
        dataset = tf.data.Dataset.from_generator(
            batches,
            output_signature=(
                tf.TensorSpec(images.shape, images.dtype),
                tf.TensorSpec(labels.shape, labels.dtype),
            ),
        )
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(self)))
        return without_autotuner(dataset)

    def on_epoch_end(self) -> None:
        """Go on to the next epoch."""
        if self._keras_resets_next:
            self._keras_resets_next = False
        else:
            self.epoch += 1

    def _current_rows(self) -> np.ndarray:
        # Several threads may find the order missing and make it, but each makes the
        # same one, and one assignment replaces epoch and rows together.
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
        # The labelled rows are one endless row of shuffled passes; this cuts out the
        # part from `start`, so that an epoch can be made without those before it.
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
