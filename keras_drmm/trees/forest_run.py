"""ForestRun: what a `fit` of a forest is about, beside images and labels."""

from collections.abc import Mapping
from types import MappingProxyType

import keras
import numpy as np

from keras_drmm.layers.arguments import standardize_seed


class ForestRun:
    """Settings and seed of a `fit`, for `keras_drmm.callbacks.Resume` to keep.

    Each tree draws from a stream of its own, which only the seed and its number decide:
    so it grows alike, whatever grew before it in this process.

    Args:
        seed: an integer, or None to go on with `keras.utils.set_random_seed`'s.
        epochs: sweeps of hard EM at a level.

    Attributes:
        weights: of an objective, which there is none of.
        given: arrays that tell this run from another one.
    """

    weights: Mapping[str, float] = MappingProxyType({})

    def __init__(self, seed, epochs):
        seed = standardize_seed(seed)
        self.given = [np.array([epochs, -1 if seed is None else seed])]
        if seed is None:
            seed = int(keras.random.randint((), 0, 2**31 - 1))
        self.seed, self.epochs = seed, epochs

    def generator(self, tree=None):
        """Return the NumPy generator of a tree, or of what all trees share."""
        return np.random.default_rng(
            self.seed if tree is None else [self.seed, tree + 1]
        )

    def state(self):
        """Return what a run goes on from, {name: array}."""
        return {"seed": np.array(self.seed)}

    def restore(self, state):
        """Go on from what `state` returned."""
        self.seed = standardize_seed(int(state["seed"]))
