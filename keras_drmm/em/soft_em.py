"""SoftEM: learning by responsibilities and closed forms."""

from dataclasses import dataclass

import keras
from keras import ops

from keras_drmm.em.em import EM
from keras_drmm.layers.arguments import standardize_number
from keras_drmm.layers.deprecation import renamed_arguments


@renamed_arguments(rows_per_gram="gram_divisor")
@keras.saving.register_keras_serializable(package="keras_drmm")
@dataclass(frozen=True)
class SoftEM(EM):
    r"""Soft EM: an image is shared by all configurations, as (12) says.

    $$\textrm{E-step:}\ \gamma_{ncg} = \frac{p(I_n, c, g)^{1/T}}{\sum_{c' g'} p(I_n,
    c', g')^{1/T}}, \qquad \textrm{M-step:}\ \theta = \arg\max_\theta \sum_{ncg}
    \gamma_{ncg} \ln p(I_n, c, g; \theta)$$

    An epoch of `fit` is a sweep over all rows with the M-step at its end. Of an `RMM`
    the loss is the mean of $-T \ln \sum_{cg} p(I, c, g)^{1/T}$, in nats an image, for T
    = 1 the negative log-likelihood. In a `DRMM` the switches of each cell and channel
    have probabilities (mean field) and the class is ĉ; the loss is the expected squared
    error of a rendered pixel, given the finest level's input, and T is in the units of
    a match. The loss never rises from epoch to epoch. A labelled row has the class of
    its label, and no label is needed. The optimizer and `batch_size` do not matter, but
    for the memory of a batch.

    Callbacks see the weights that an epoch has measured, from before its M-step:
    `EarlyStopping` restores the best of those, `ModelCheckpoint` writes them, and
    `BackupAndRestore` loses a sweep, which `keras_drmm.callbacks.Resume` does not.

    Args:
        temperature: T; 1 is exact EM of an `RMM`, T -> 0 is hard EM (13).
        batches_per_m_step: as of `HardEM`, like the following.
        step: how much of the way an M-step goes.
        gram_divisor: which part of a batch Gram matrices are made of.

    Raises:
        ValueError: an argument is out of range.

    Example:

    >>> model = RMM((4, 4, 1), num_classes=3, num_nuisances=2)
    >>> model.compile(algorithm=SoftEM())
    >>> history = model.fit(np.random.rand(50, 4, 4, 1), epochs=3, verbose=0)

    Source: Patel, Nguyen, Baraniuk (2016), equation (12) and section 3.3.
    """

    temperature: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        temperature = standardize_number(
            self.temperature,
            "temperature",
            above=0,
            advice="For the limit 0 use `HardEM()`.",
        )
        self._set("temperature", temperature)

    def posterior(self, scores, axis=-1):
        """Return the tempered log-sum and the responsibilities."""
        scores = scores / self.temperature
        evidence = self.temperature * ops.logsumexp(scores, axis=axis)
        return evidence, ops.softmax(scores, axis=axis)
