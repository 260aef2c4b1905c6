"""What a trained model holds, as pictures."""

from keras_drmm.analysis.reconstructions import plot_reconstructions

__all__ = ["plot_reconstructions"]
