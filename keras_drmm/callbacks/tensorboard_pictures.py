"""TensorBoardPictures: what a model renders, as TensorBoard shows it during `fit`."""

import struct
import tempfile
import time
from pathlib import Path
from typing import Any

import keras

from keras_drmm import analysis
from keras_drmm.analysis.grid import check_has
from keras_drmm.layers.arguments import standardize_integer


class TensorBoardPictures(keras.callbacks.Callback):
    """Writes pictures of a model and the terms of its objective for TensorBoard.

    Before the first epoch and after each `every` epochs it writes, with the number of
    epochs as the step:

    - `reconstructions`: images, reconstructions, how classes look on average
      (`analysis.plot_reconstructions`);
    - `samples` of each class (`analysis.plot_samples`), blots before `fit_prior`;
    - `filters`, the first level's templates (`analysis.plot_filters`).

    After each epoch it writes each number of Keras' logs under its name: the loss, its
    terms, the metrics. Keras' own `TensorBoard` needs TensorFlow; this one needs it on
    no backend. Look with `tensorboard --logdir FOLDER`.

    Args:
        folder: for the event file; made where it is missing.
        images: (N, H, W, C), floats in the model's pixel range.
        labels: integers (N,), with each class at least once.
        every: number of epochs between pictures.
        columns: number of samples of a class.

    Raises:
        ValueError: `every` or `columns` is no integer of at least 1; at the start of
            `fit`, images or labels are not what the model takes.
        TypeError: at the start of `fit`, the model does not render or has no levels.
        ImportError: tensorboard or matplotlib is missing: `pip install
            keras-drmm[board]`.

    Example:

    >>> import tempfile
    >>> (x, y), _ = keras_drmm.data.load("mnist")
    >>> images, labels = keras_drmm.data.to_unit_range(x[:50]), y[:50]
    >>> board = keras_drmm.callbacks.TensorBoardPictures(
    ...     tempfile.mkdtemp(), images, labels
    ... )
    >>> model = keras_drmm.zoo.drmm_lenet()
    >>> history = model.fit(images, labels, epochs=1, verbose=0, callbacks=[board])

    """

    def __init__(self, folder, images, labels, every=1, columns=4):
        super().__init__()
        self.folder = Path(folder)
        self.images, self.labels = images, labels
        self.every = standardize_integer(every, "every")
        self.columns = standardize_integer(columns, "columns")
        self._writer: Any = None

    def on_train_begin(self, logs=None):
        try:
            from tensorboard.summary.writer.event_file_writer import EventFileWriter
        except ImportError as error:
            raise ImportError(
                "`TensorBoardPictures` needs tensorboard: `pip install "
                "keras-drmm[board]`."
            ) from error
        kind = "a rendering model with levels"
        check_has(self.model, render=kind, sample=kind, levels=kind)
        self._writer = EventFileWriter(str(self.folder))
        # Now, so that what cannot be plotted is known before anything is learned.
        self._write_pictures(step=0)

    def on_epoch_end(self, epoch, logs=None):
        step = epoch + 1
        for name, value in (logs or {}).items():
            self._write(name, step, simple_value=float(value))
        if step % self.every == 0:
            self._write_pictures(step)

    def on_train_end(self, logs=None):
        self._writer.close()

    def _write_pictures(self, step):
        plots = {
            "reconstructions": lambda path: analysis.plot_reconstructions(
                self.model, self.images, self.labels, path
            ),
            "samples": lambda path: analysis.plot_samples(
                self.model, path, self.columns
            ),
            "filters": lambda path: analysis.plot_filters(self.model, path),
        }
        for name, plot in plots.items():
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "picture.png"
                plot(path)
                self._write(name, step, image=path.read_bytes())
        self._writer.flush()

    def _write(self, name, step, simple_value=None, image=None):
        """Write a number, or the content of a PNG file."""
        from tensorboard.compat.proto import event_pb2, summary_pb2

        value = summary_pb2.Summary.Value(tag=name, simple_value=simple_value)
        if image is not None:
            # As the header of the file says, which comes first.
            width, height = struct.unpack(">II", image[16:24])
            value.image.width, value.image.height = width, height
            value.image.colorspace, value.image.encoded_image_string = 4, image
        summary = summary_pb2.Summary(value=[value])
        self._writer.add_event(
            event_pb2.Event(wall_time=time.time(), step=step, summary=summary)
        )
