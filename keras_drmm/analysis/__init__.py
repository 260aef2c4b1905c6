"""What a trained model has learned: pictures of it, and numbers."""

from keras_drmm.analysis.active_paths import ActivePaths
from keras_drmm.analysis.activity_maximisation import maximise_activity
from keras_drmm.analysis.deletion import DeletionInsertion, deletion_insertion
from keras_drmm.analysis.evidence import evidence
from keras_drmm.analysis.filters import plot_filters
from keras_drmm.analysis.level_reconstructions import (
    plot_level_reconstructions,
    reconstruct_from_level,
)
from keras_drmm.analysis.logit_templates import logit_templates
from keras_drmm.analysis.nuisance_probe import probe_nuisances
from keras_drmm.analysis.nuisance_transfer import plot_nuisance_transfer
from keras_drmm.analysis.reconstructions import plot_reconstructions
from keras_drmm.analysis.rendered_filters import (
    plot_rendered_filters,
    render_filters,
)
from keras_drmm.analysis.samples import plot_samples
from keras_drmm.analysis.style_interpolation import (
    interpolate_styles,
    plot_style_interpolation,
)
from keras_drmm.analysis.style_transfer import plot_style_transfer

__all__ = [
    "ActivePaths",
    "DeletionInsertion",
    "deletion_insertion",
    "evidence",
    "interpolate_styles",
    "logit_templates",
    "maximise_activity",
    "plot_filters",
    "plot_level_reconstructions",
    "plot_nuisance_transfer",
    "plot_reconstructions",
    "plot_rendered_filters",
    "plot_samples",
    "plot_style_interpolation",
    "plot_style_transfer",
    "probe_nuisances",
    "reconstruct_from_level",
    "render_filters",
]
