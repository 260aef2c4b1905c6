"""Expectation: what the E-step of an EM algorithm knows about a batch."""

from typing import Any, NamedTuple


class Expectation(NamedTuple):
    """What an EM algorithm learns from a batch: its objective and what to add up.

    Attributes:
        logits: (B, num_classes), of the unclamped rows, for metrics.
        evidence: (B,), what EM maximises for each image, in nats: ln p(I), or ln p(I,
            c) of a labelled row, for soft EM; the max-sum score for hard EM.
        statistics: sufficient statistics of the batch, as the model's `accumulate`
            takes them.

    Source: Patel, Nguyen, Baraniuk (2016), Appendix B.1, B.2.
    """

    logits: Any
    evidence: Any
    statistics: Any
