"""Resume: a run that was stopped goes on as if it had not been."""

import io
import signal
import sys
import threading
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_drmm.callbacks.fingerprint import (
    check_same,
    fingerprint,
    fingerprint_of_data,
)
from keras_drmm.callbacks.nested import flatten
from keras_drmm.callbacks.random_state import read_random, set_random
from keras_drmm.callbacks.run_folder import RunFolder
from keras_drmm.callbacks.run_lock import RunLock
from keras_drmm.callbacks.run_state import check_arrays, check_manifest, read_state
from keras_drmm.data.shuffled_rows import ShuffledRows, put_in_batches

# Arguments of `fit` that decide what a run learns from, beside the data themselves.
TOLD_APART = (
    *("batch_size", "shuffle", "steps_per_epoch"),
    *("class_weight", "validation_split"),
)


class Resume(keras.callbacks.Callback):
    """Keeps a run in a folder: after a stop, the same `fit` goes on where it was.

    Weights, optimizer and history are then those of a run that was never stopped, by
    `EG`, `HardEM`, `SoftEM`, a baseline or a Keras loss, and of an evolutionary forest,
    whose epochs are its trees. A state is kept before the
    first batch, after each epoch and at the end: all variables of the model and the
    optimizer (moments, averaged weights, loss scale), what EM knows beside them (the
    best sweep, the size of the step), what the learning rate and the warm-up follow,
    the states of all random numbers (of layers, augmentation, Keras, Python, NumPy and
    PyTorch), the epoch, and a row of logs for each epoch. EM's M-step comes before.

    On SIGTERM a state is also kept at the end of the batch; then happens what would
    have happened at once. The epoch goes on after that batch: those before it are read
    again, not learned, and callbacks are told of them.

    A state is written beside those before, of which the last is kept, and counts once
    it is whole and on the disk. A damaged one is left out with a warning. A finished
    run returns at once with its weights and its history.

    Arrays are shuffled by a seed of the run and the epoch, not by Keras. A data set
    goes on if it has an attribute `epoch` that its batches depend on, as
    `keras_drmm.data.semi_supervised` returns it; any other one starts anew, of which a
    warning tells. Other callbacks keep nothing: `EarlyStopping` counts anew.

    Args:
        folder: of this run alone; made where it is missing. Of a finished run it may
            be removed.
        dataset: the data set whose `epoch` is to be set, where `fit` is given another
            form of it, as `dataset.as_tf_dataset()` is. By default what `fit` is given.
            The run is told from one of other data by its method `checksums`, if it has
            that, and otherwise by its first batch.

    Attributes:
        rows: {"epoch": its number, from 0, and what was logged} of each epoch.

    Raises:
        ValueError: in `fit`, before anything is learned: the folder is that of another
            model, optimizer, algorithm, data, number of epochs, size or order of
            batches, or weights of classes, of which the message says what differs; or
            it has no whole state.
        RuntimeError: another process is at work on this folder.
        OSError: a state cannot be written. What was kept before is whole.

    Warns:
        UserWarning: the newest state is damaged, and the one before is gone on from; or
            the data set starts anew.

    Example:

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> model = RMM((4, 4, 1), num_classes=3, num_nuisances=2)
    >>> model.compile(algorithm=HardEM())
    >>> images = np.random.rand(50, 4, 4, 1)
    >>> history = model.fit(images, epochs=3, verbose=0, callbacks=[Resume(folder)])
    >>> again = model.fit(images, epochs=3, verbose=0, callbacks=[Resume(folder)])
    >>> again.history["loss"] == history.history["loss"]
    True

    """

    def __init__(self, folder, dataset=None):
        super().__init__()
        self.folder = Path(folder)
        self.dataset = dataset
        self.rows: list = []
        # Whose `epoch` is set, in this `fit`.
        self._data: Any = None
        self._run: Any = None
        # What was read and is not set yet: (manifest, arrays).
        self._found: Any = None
        self._skip: Any = None
        self._epoch = 0
        self._is_told_of_fit = self._is_asked_to_stop = False
        self._previous: Any = None

    def begin_fit(self, model, given):
        """Read the folder, and take over the order of the rows.

        The models of this library call it; the steps of a plain Keras model begin with
        `on_train_begin`.

        Args:
            model: that is about to learn.
            given: {name: value} of the arguments of its `fit`, which may change.
        """
        self._is_told_of_fit, self._previous = True, None
        x, steps = given["x"], given["steps_per_epoch"]
        arguments = {name: given[name] for name in TOLD_APART if name in given}
        if hasattr(x, "shape"):
            arrays = x, given["y"], given["sample_weight"]
            data = fingerprint_of_data(x, arrays)
            if given["shuffle"]:
                put_in_batches(given)
        else:
            read = x if self.dataset is None else self.dataset
            data = fingerprint_of_data(read, steps=steps)
        self._data = self.dataset
        if self._data is None and hasattr(given["x"], "epoch"):
            self._data = given["x"]
        is_known = hasattr(x, "shape") or self._data is not None
        self._is_in_order = is_known and steps is None
        self._epoch = given["initial_epoch"]
        self._open(model, {**data, **arguments}, given["epochs"])
        self._listen()

    def end_fit(self):
        """Leave the folder, however `fit` ended."""
        if self._previous is not None:
            signal.signal(signal.SIGTERM, self._previous)
        if self._skip is not None:
            self.model.train_function = self._skip.function
        if self._run is not None:
            self._lock.release()
        if self.model is not None:
            self.model._initial_epoch = None
        self._run = self._found = self._skip = self._data = self._previous = None
        self._is_told_of_fit = False

    def on_train_begin(self, logs=None):
        if not self._is_told_of_fit:
            self._data, self._epoch = self.dataset, 0
            self._is_in_order = self._data is not None
            data = self._is_in_order and fingerprint_of_data(self._data)
            self._open(self.model, data, self.params["epochs"])
        model = self.model
        if not model.built:
            raise ValueError(
                f"`{model.name}` has no weights yet to keep: call it on a batch, or "
                "build it, before `fit`."
            )
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        if self._found is None:
            if isinstance(self._data, ShuffledRows):
                # Now: what EM starts from is drawn as without this callback.
                self._data.seed = int(keras.random.randint((), 0, 2**31 - 1))
            self._save(self._epoch)
            return
        manifest, state = self._found
        self.rows = manifest["rows"]
        self._set_state(manifest, state)
        is_over = manifest["is_finished"] or manifest["is_stopped"]
        epochs, epoch = self.params["epochs"], manifest["epoch"]
        # As Keras' own `BackupAndRestore` tells where to begin.
        model._initial_epoch = epochs if is_over else epoch
        if not (is_over or self._is_in_order) and (epoch or manifest["batch"]):
            warnings.warn(
                "The data set has no `epoch` to set: it begins anew, and the run is "
                "only as good as one that was never stopped if this does not matter. "
                "Give arrays, or what `keras_drmm.data.semi_supervised` returns.",
                stacklevel=2,
            )
        if self.params.get("verbose"):
            print(_tell(self.folder, manifest, epochs), flush=True)

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        if self._data is not None:
            self._data.epoch = epoch
        if self._found is None:
            return
        manifest, state = self._found
        if manifest["batch"]:
            # Keras, and EM, have just forgotten what was seen of this epoch.
            self._set_trainer(state)
            with self._explained_state():
                check_arrays(self.model.metrics_variables, state["metrics"], "metrics")
            _assign(self.model.metrics_variables, state["metrics"])
            self._skip = _Skip(self.model, manifest["batch"], manifest["logs"])
            self.model.train_function = self._skip
        self._go_on()

    def on_train_batch_end(self, batch, logs=None):
        if self._skip is not None and batch + 1 >= self._skip.batches:
            self.model.train_function = self._skip.function
            self._skip = None
        if self._is_asked_to_stop:
            # What is skipped is kept already. "auto": how many there are will differ.
            if self._skip is None and self.model.steps_per_execution != "auto":
                self._save(self._epoch, batch + 1, logs)
            self._obey()

    def on_epoch_end(self, epoch, logs=None):
        self.rows.append({"epoch": epoch, **_numbers(logs)})
        self._save(epoch + 1)
        if self._is_asked_to_stop:
            self._obey()

    def on_train_end(self, logs=None):
        is_finished = False
        if self._found is not None:
            # No epoch was left.
            is_finished = self._found[0]["is_finished"]
            if is_finished:
                self._set_state(*self._found)
            self._go_on()
        if not is_finished:
            self._save(self.params["epochs"], is_finished=True)
        if not self._is_told_of_fit:
            self.end_fit()

    def _open(self, model, data, epochs):
        """Become the owner of the folder, and read what it has."""
        self.rows, self._found = [], None
        self._fingerprint = fingerprint(model, data, epochs)
        try:
            self._run = RunFolder(self.folder)
            self._lock = RunLock(self.folder)
            self._lock.acquire()
        except OSError as error:
            raise self._explained(error, "The folder cannot be used") from error
        try:
            found = self._run.read()
            if found is None:
                return
            manifest, content = found
            with self._explained_state():
                check_manifest(manifest)
            check_same(manifest["run"], self._fingerprint, self.folder)
            with self._explained_state():
                if manifest["epoch"] > epochs:
                    raise ValueError(f"it is of epoch {manifest['epoch']} of {epochs}")
                self._found = manifest, read_state(content)
        except ValueError:
            self._lock.release()
            raise

    @contextmanager
    def _explained_state(self):
        """Within this, a ValueError is one of the state that was read."""
        try:
            yield
        except ValueError as error:
            raise ValueError(
                f"The newest state in {self.folder} has its checksums, but it is none "
                f"that can be gone on from: {error}. Nothing was learned now. Restore "
                "the folder from a copy, remove it to start anew, or give another one."
            ) from error

    def _set_state(self, manifest, state):
        """Set the variables to what was read."""
        model = self.model
        own = (("model", model.variables), ("optimizer", model.optimizer.variables))
        with self._explained_state():
            for name, variables in own:
                check_arrays(variables, state[name], name)
        for name, variables in own:
            _assign(variables, state[name])
        self._set_trainer(state)
        if isinstance(self._data, ShuffledRows):
            self._data.seed = manifest["seed"]

    def _set_trainer(self, state):
        trainer = getattr(self.model, "trainer", None)
        if trainer is None:
            return
        with self._explained_state():
            try:
                trainer.restore(state["trainer"])
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise ValueError(f"what the algorithm keeps: {error!r}") from error

    def _go_on(self):
        """Set what begins with the first batch: history and random numbers."""
        history = self.model.history
        history.epoch = [row["epoch"] for row in self.rows]
        history.history = {}
        for row in self.rows:
            for name, value in row.items():
                if name != "epoch":
                    history.history.setdefault(name, []).append(value)
        with self._explained_state():
            set_random(self._found[1]["random"].tobytes())
        self.model._initial_epoch = None
        self._found = None

    def _save(self, epoch, batch=0, logs=None, is_finished=False):
        """Keep the state.

        Args:
            epoch: in which the run goes on.
            batch: with which it does.
            logs: of the batch before.
            is_finished: whether nothing is left.
        """
        model = self.model
        if batch and keras.backend.backend() == "jax":
            # Within an epoch, it is Keras' loop that has the variables' values.
            model.jax_state_sync()
        trainer = getattr(model, "trainer", None)
        state = {
            "model": _arrays(model.variables),
            "optimizer": _arrays(model.optimizer.variables),
            "metrics": _arrays(model.metrics_variables if batch else ()),
            "trainer": {} if trainer is None else trainer.state(),
            "random": np.frombuffer(read_random(), "uint8"),
        }
        content = io.BytesIO()
        np.savez(content, **flatten(state))
        manifest = {
            "run": self._fingerprint,
            "epoch": epoch,
            "batch": batch,
            "is_finished": is_finished,
            "is_stopped": bool(model.stop_training) and not batch,
            "seed": getattr(self._data, "seed", None),
            "logs": _numbers(logs),
            "rows": self.rows,
        }
        try:
            self._run.write(manifest, content.getvalue())
        except OSError as error:
            raise self._explained(
                error, "What was kept before is whole, but a state cannot be written"
            ) from error

    def _explained(self, error, what):
        """Return an OSError as one that says what to do."""
        text = (
            f"{what}: {error.strerror or error}. See that {self.folder} may be written "
            "and its disk has room, and start the run again."
        )
        return OSError(error.errno, text)

    def _listen(self):
        """Note a SIGTERM instead of ending within a step."""
        self._is_asked_to_stop = False
        # Python hands signals to the main thread alone.
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.getsignal(signal.SIGTERM) or signal.SIG_DFL
            signal.signal(signal.SIGTERM, self._note)

    def _note(self, *_):
        self._is_asked_to_stop = True

    def _obey(self):
        """Let a SIGTERM do what it would have done."""
        sys.stdout.flush()
        signal.signal(signal.SIGTERM, self._previous)
        signal.raise_signal(signal.SIGTERM)
        # Whoever had asked for the signal did not end the run.
        self._listen()


class _Skip:
    """Stands for a train function while batches are read that were learned before.

    Args:
        model: whose train function it is.
        batches: that were learned.
        logs: those of the last one.
    """

    def __init__(self, model, batches, logs):
        self.function, self.batches = model.train_function, batches
        self._logs, self._together = logs, model.steps_per_execution

    def __call__(self, *given):
        """Take what a step is given: on PyTorch data, else an iterator, which reads."""
        backend = keras.backend.backend()
        if backend != "torch":
            for _ in range(self._together):
                next(given[-1], None)
        return (self._logs, given[0]) if backend == "jax" else self._logs


def _tell(folder, manifest, epochs):
    if manifest["is_finished"]:
        return f"The run in {folder} is finished: nothing is left to learn."
    after = f", after {manifest['batch']} batches" if manifest["batch"] else ""
    number = min(manifest["epoch"] + 1, epochs)
    return f"The run in {folder} goes on with epoch {number} of {epochs}{after}."


def _assign(variables, arrays):
    for variable, array in zip(variables, arrays.values(), strict=True):
        variable.assign(array)


def _arrays(variables):
    """Return variables as arrays of types that NumPy's files have."""
    values = [ops.convert_to_numpy(variable) for variable in variables]
    # Half precision without a type of NumPy's own is exact in float32.
    return [v if v.dtype.isbuiltin == 1 else v.astype("float32") for v in values]


def _numbers(logs):
    return {name: float(value) for name, value in (logs or {}).items()}
