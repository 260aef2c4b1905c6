"""What a trained model has learned: pictures of it, and numbers."""

from keras_drmm.analysis.active_paths import ActivePaths
from keras_drmm.analysis.filters import plot_filters
from keras_drmm.analysis.nuisance_transfer import plot_nuisance_transfer
from keras_drmm.analysis.reconstructions import plot_reconstructions
from keras_drmm.analysis.samples import plot_samples
from keras_drmm.analysis.style_transfer import plot_style_transfer

__all__ = [
    "ActivePaths",
    "plot_filters",
    "plot_nuisance_transfer",
    "plot_reconstructions",
    "plot_samples",
    "plot_style_transfer",
]
