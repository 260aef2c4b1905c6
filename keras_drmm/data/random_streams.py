"""Independent random streams of one seed."""

import enum

import numpy as np


class Stream(enum.IntEnum):
    """What a random stream decides.

    Each decision has a stream of its own, so that none of them shifts another: the
    labelled rows, for example, do not depend on how many epochs have run.
    """

    VALIDATION = 0
    LABELLED_DRAW = 1
    UNLABELLED_ORDER = 2
    LABELLED_ORDER = 3


def random_stream(seed: int, stream: Stream, index: int = 0) -> np.random.Generator:
    """Create the generator for one decision.

    Args:
        seed: Seed of the data set, 0 or larger.
        stream: The decision.
        index: Number of the epoch or the pass that the decision is for.

    Returns:
        A generator that is always in the same state for the same arguments.
    """
    sequence = np.random.SeedSequence(seed, spawn_key=(int(stream), index))
    return np.random.default_rng(sequence)
