"""EM: what hard and soft EM have in common."""

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import ClassVar

from keras import ops

from keras_drmm.em.m_step import MStep
from keras_drmm.layers.arguments import standardize_integer


@dataclass(frozen=True, kw_only=True)
class EM(ABC):
    """Base of the EM algorithms: E-steps over a sweep of the data, then an M-step.

    An epoch of `fit` is a sweep. The algorithm says how competing hypotheses share an
    image, by `posterior`; the model knows its hypotheses and its closed forms:

    - `expect(images, labels, posterior)` scores a batch's hypotheses in nats, calls
      `posterior` wherever some exclude each other, and returns an `Expectation`;
    - `accumulate(statistics)` adds a batch's statistics to non-trainable weights;
    - `m_step()` sets the parameters to their closed forms and forgets the statistics,
      `reset_statistics()` forgets them alone; both run outside of compiled steps;
    - `initialize(x, y)` and `initialized`: parameters to start from.

    Args:
        batches_per_m_step, step, rows_per_gram: see `HardEM`.
    """

    batches_per_m_step: int | None = None
    step: float = 1.0
    rows_per_gram: int = 1

    closed_form: ClassVar[bool] = True
    needs_labels: ClassVar[bool] = False
    # Whether `posterior` leaves one hypothesis an image.
    is_hard: ClassVar[bool] = False

    def __post_init__(self):
        if not (isinstance(self.step, int | float) and 0 < self.step <= 1):
            raise ValueError(
                f"`step` must be above 0 and at most 1, got {self.step!r}."
            )
        standardize_integer(self.rows_per_gram, "rows_per_gram")
        if self.batches_per_m_step is not None:
            standardize_integer(self.batches_per_m_step, "batches_per_m_step")

    @property
    def weights(self):
        """No terms: the objective is the mean of what `posterior` maximises."""
        return {}

    @abstractmethod
    def posterior(self, scores, axis=-1):
        """Share an image among hypotheses that exclude each other.

        Args:
            scores: tensor of ln p(I, hypothesis), in nats.
            axis: of the hypotheses.

        Returns:
            (what their shares maximise, without the axis; the shares q, which sum to
            1 over the axis).
        """

    def callbacks(self):
        """Return the callbacks that `fit` adds, after those of the user."""
        return [MStep(self.batches_per_m_step)]

    def e_step(self, model, images, labels, training):
        """Return the `Expectation` of a batch."""
        return model.expect(images, labels, self.posterior)

    def objective(self, e_step, labels, prior, step):
        """Return what falls with each sweep, nats an image, and no further terms."""
        return -ops.mean(e_step.evidence), {}

    def get_config(self):
        return asdict(self)

    @classmethod
    def from_config(cls, config):
        return cls(**config)
