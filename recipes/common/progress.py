"""One line that says how far a training is, and a start without noise."""

import contextlib
import os
import sys
import tempfile
import time

# Back to the line's beginning, and clear it: the next one may be shorter.
AGAIN = "\r\x1b[K"


class ProgressLine:
    """Writes how far a training is over itself, and at its end what came of it.

    Where the output is no terminal, each tenth of the way has a line of its own.

    Args:
        name: of what learns.
        epochs: number of epochs in all.
        steps: number of steps of an epoch.
    """

    def __init__(self, name, epochs, steps):
        self.name, self.epochs, self.steps = name, epochs, steps
        self.start, self.last, self.tenths = time.monotonic(), -1.0, 0
        self.first = None  # seconds and share of the first step that this process made

    def callback(self):
        """Return a Keras callback that tells of each step of a `fit`.

        Its epoch is Keras' own: a data set that is read in advance is ahead of it.
        """
        import keras

        epochs = [0]
        return keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: epochs.append(epoch),
            on_train_batch_end=lambda step, logs: self.step(epochs[-1], step),
        )

    def step(self, epoch, step):
        """Tell of a step, at most once a second; both count from 0."""
        now = time.monotonic() - self.start
        done = (epoch * self.steps + step + 1) / (self.epochs * self.steps)
        self.first = self.first or (now, done)
        terminal, tenths = sys.stdout.isatty(), int(10 * done)
        if now - self.last < 1 or not (terminal or tenths > self.tenths):
            return
        self.last, self.tenths = now, tenths
        line = f"{self.name}: {done:4.0%}, {now:.0f} s"
        if done > self.first[1]:
            pace = (now - self.first[0]) / (done - self.first[1])
            line += f", about {pace * (1 - done):.0f} s left"
        print(f"{AGAIN}{line} " if terminal else f"{line}\n", end="", flush=True)

    def end(self, result):
        """Write the last line."""
        before = AGAIN if sys.stdout.isatty() else ""
        print(f"{before}{self.name}: {result}", flush=True)


@contextlib.contextmanager
def quiet_start():
    """Keep back what libraries write to stderr, unless an error follows.

    TensorFlow's C++ parts write some lines as they start, whatever its log level is.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            yield
        except BaseException:
            said.seek(0)
            os.write(kept, said.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
