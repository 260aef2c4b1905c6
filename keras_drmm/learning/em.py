"""EM: what hard and soft EM have in common."""

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass

from keras import ops

from keras_drmm.learning.m_step import MStep


@dataclass(frozen=True)
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
    """

    closed_form = True
    needs_labels = False
    # Whether `posterior` leaves one hypothesis an image.
    is_hard = False

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
        return [MStep()]

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
