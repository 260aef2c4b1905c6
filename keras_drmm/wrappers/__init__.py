"""The models as estimators of scikit-learn."""

from keras_drmm.wrappers.drmm_classifier import DRMMClassifier

__all__ = ["DRMMClassifier"]
