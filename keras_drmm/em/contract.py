"""ExpectationMaximization: the contract of EM, and its loop."""

from abc import ABC, abstractmethod


class ExpectationMaximization(ABC):
    """EM for one kind of model: E-steps over a sweep of the data, then an M-step.

    Every model that learns by EM has a subclass that owns the parameters to start from,
    the two steps, the sufficient statistics and their state.
    """

    @abstractmethod
    def initialize(self, *data):
        """Choose the parameters that the first E-step looks at."""

    @abstractmethod
    def e_step(self, *batch):
        """Infer a batch's hidden variables and their sufficient statistics."""

    @abstractmethod
    def accumulate(self, statistics, sample_weight=None):
        """Add a batch's statistics to those of the sweep, a row as often as it says."""

    @abstractmethod
    def reset_statistics(self):
        """Forget the statistics of the sweep."""

    @abstractmethod
    def m_step(self):
        """Set the parameters to their closed forms and forget the statistics."""
