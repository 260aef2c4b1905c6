"""EM: what the algorithms HardEM and SoftEM have in common."""

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import ClassVar

from keras_drmm.em.drmm_trainer import DRMMTrainer
from keras_drmm.em.rmm_trainer import RMMTrainer
from keras_drmm.layers.arguments import standardize_integer, standardize_number
from keras_drmm.models import DRMM, RMM

TRAINERS = {DRMM: DRMMTrainer, RMM: RMMTrainer}


@dataclass(frozen=True, kw_only=True)
class EM(ABC):
    """Base of the EM algorithms: the settings, and how hypotheses share an image.

    `model.compile(algorithm=...)` binds the algorithm: it makes the trainer for that
    kind of model, which has E-step, statistics, M-step and their state. An epoch of
    `fit` is a sweep of E-steps over the data, with the M-step at its end.

    Args:
        batches_per_m_step, step, gram_divisor: see `HardEM`.
    """

    batches_per_m_step: int | None = None
    step: float = 1.0
    gram_divisor: int = 1

    needs_labels: ClassVar[bool] = False
    # Whether `posterior` leaves one hypothesis an image.
    is_hard: ClassVar[bool] = False

    def __post_init__(self):
        self._set("step", standardize_number(self.step, "step", above=0, most=1))
        self._set(
            "gram_divisor", standardize_integer(self.gram_divisor, "gram_divisor")
        )
        if self.batches_per_m_step is not None:
            batches = standardize_integer(self.batches_per_m_step, "batches_per_m_step")
            self._set("batches_per_m_step", batches)

    def _set(self, name, value):
        # The fields are frozen for users.
        object.__setattr__(self, name, value)

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

    def bind(self, model):
        """Return the trainer that makes `model` learn by this algorithm.

        Raises:
            ValueError: the model has no closed-form M-step.
        """
        for kind in type(model).__mro__:
            if kind in TRAINERS:
                return TRAINERS[kind](model, self)
        raise ValueError(
            f"{type(model).__name__} has no closed-form M-step, which {self} needs. "
            "Learn by gradients: `algorithm=keras_drmm.EG()`."
        )

    def get_config(self):
        return asdict(self)

    @classmethod
    def from_config(cls, config):
        return cls(**config)
