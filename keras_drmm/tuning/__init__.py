"""Search for settings with keras-tuner, which the extra `tuner` installs."""

try:
    from keras_drmm.tuning.eg_hypermodel import EGHyperModel
    from keras_drmm.tuning.semi_supervised_hypermodel import SemiSupervisedHyperModel
except ModuleNotFoundError as error:
    if error.name != "keras_tuner":
        raise
    raise ModuleNotFoundError(
        "keras_drmm.tuning needs keras-tuner: pip install 'keras-drmm[tuner]'.",
        name=error.name,
    ) from error

__all__ = ["EGHyperModel", "SemiSupervisedHyperModel"]
