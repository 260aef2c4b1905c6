"""Independent random streams from one seed."""

import enum

import numpy as np


class Stream(enum.IntEnum):
    """What a random stream decides.

    Each decision has a stream of its own, so that they do not influence each other: the
    choice of labelled rows, for example, does not depend on how many epochs have run.
    """

    VALIDATION = 0
    LABELLED_DRAW = 1
    UNLABELLED_ORDER = 2
    LABELLED_ORDER = 3
    AUGMENTATION = 4
    REBALANCING = 5


def random_stream(seed: int, stream: Stream, *index: int) -> np.random.Generator:
    """Create the generator for one decision.

    Args:
        seed: seed of the data set, 0 or larger.
        stream: the decision.
        *index: numbers of the epoch or pass, and of the batch, that the decision is
            for.

    Returns:
        A generator, always in the same state for the same arguments.
    """
    sequence = np.random.SeedSequence(seed, spawn_key=(int(stream), *(index or (0,))))
    return np.random.default_rng(sequence)
