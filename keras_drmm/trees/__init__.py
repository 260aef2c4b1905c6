"""The evolutionary DRMM, which is a decision tree, and forests of them."""

from keras_drmm.trees.evolutionary_drmm import EvolutionaryDRMM
from keras_drmm.trees.evolutionary_forest import EvolutionaryForest

__all__ = ["EvolutionaryDRMM", "EvolutionaryForest"]
