"""HardEM: learning by the most probable configuration and closed forms."""

from dataclasses import dataclass

import keras
from keras import ops

from keras_drmm.em.em import EM
from keras_drmm.layers.deprecation import renamed_arguments


@renamed_arguments(rows_per_gram="gram_divisor")
@keras.saving.register_keras_serializable(package="keras_drmm")
@dataclass(frozen=True)
class HardEM(EM):
    r"""Hard EM (Algorithm 1): an image belongs to its best configuration alone.

    $$\textrm{E-step:}\ \hat c_n, \hat g_n = \arg\max_{c,g} \gamma_{ncg}, \qquad
    \textrm{M-step:}\ \theta = \arg\max_\theta \sum_n \ln p(I_n, \hat c_n, \hat g_n;
    \theta)$$

    An epoch of `fit` is a sweep over all rows with the M-step at its end. The loss
    never rises from epoch to epoch: of an `RMM` it is the mean of -max ln p(I, c, g),
    in nats an image, of a `DRMM` the mean squared error of a rendered pixel. A labelled
    row has the class of its label, and no label is needed. The optimizer and
    `batch_size` do not matter, but for the memory of a batch.

    Callbacks see the weights that an epoch has measured, from before its M-step:
    `EarlyStopping` restores the best of those, `ModelCheckpoint` writes them, and
    `BackupAndRestore` loses a sweep, which `keras_drmm.callbacks.Resume` does not.

    Args:
        batches_per_m_step: an M-step follows each so many batches instead of a sweep;
            the loss may then rise. None for whole sweeps.
        step: how much of the way to the closed form an M-step goes, above 0 to 1. A
            `DRMM` starts with it and adapts it from sweep to sweep.
        gram_divisor: n takes what a `DRMM` knows of its templates' overlap (Gram
            matrices, step sizes) from the first ceil(B / n) rows of a batch, which
            saves time; the direction of steepest descent is that of all rows.

    Raises:
        ValueError: an argument is out of range.

    Example:

    >>> model = RMM((4, 4, 1), num_classes=3, num_nuisances=2)
    >>> model.compile(algorithm=HardEM())
    >>> history = model.fit(np.random.rand(50, 4, 4, 1), epochs=3, verbose=0)

    Source: Patel, Nguyen, Baraniuk (2016), Algorithm 1 and equation (13).
    """

    is_hard = True

    def posterior(self, scores, axis=-1):
        """Return the best score and its one-hot row, the first of equal ones."""
        best = ops.argmax(scores, axis=axis)
        shares = ops.one_hot(best, scores.shape[axis], axis=axis, dtype=scores.dtype)
        return ops.max(scores, axis=axis), shares
