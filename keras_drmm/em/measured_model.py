"""MeasuredModel: what a sweep of EM measured, and where to go from there."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class MeasuredModel:
    """The best weights measured, and the change to try from there.

    Attributes:
        objective: that of the weights.
        levels: `MeasuredLevel`s, the finest first.
        top, top_change: of the templates on top.
        bias, prior: b_c and π_c.
        shares: of the classes in the sweep, which π_c moves to.
        rows: of each class.
        messages: Σ I^(L) of each class.
        logs: {name: value} of all that was measured of the weights.
    """

    objective: float
    levels: list
    top: Any
    top_change: Any
    bias: Any
    prior: Any
    shares: Any
    rows: Any
    messages: Any
    logs: dict = field(default_factory=dict)
