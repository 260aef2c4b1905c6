"""Search for the settings of EG by keras-tuner, which the extra `tuner` installs."""

try:
    from keras_drmm.tuning.eg_hypermodel import EGHyperModel
except ModuleNotFoundError as error:
    if error.name != "keras_tuner":
        raise
    raise ModuleNotFoundError(
        "keras_drmm.tuning needs keras-tuner: pip install 'keras-drmm[tuner]'.",
        name=error.name,
    ) from error

__all__ = ["EGHyperModel"]
