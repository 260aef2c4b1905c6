"""How far a classifier that learned from few labels can be trusted."""

from keras_drmm.evaluation.annotation_csv import write_annotation_csv
from keras_drmm.evaluation.calibration_error import calibration_error
from keras_drmm.evaluation.class_shares import class_shares
from keras_drmm.evaluation.confidence_interval import confidence_interval
from keras_drmm.evaluation.cross_validated_temperature import (
    cross_validated_temperature,
)
from keras_drmm.evaluation.foreign_images import foreign_images
from keras_drmm.evaluation.images_to_label import images_to_label
from keras_drmm.evaluation.pseudo_label_quality import pseudo_label_quality
from keras_drmm.evaluation.reject_curve import reject_curve
from keras_drmm.evaluation.report import report
from keras_drmm.evaluation.report_numbers import ReportNumbers
from keras_drmm.evaluation.suspicious_labels import suspicious_labels
from keras_drmm.evaluation.temperature_scaling import TemperatureScaling

__all__ = [
    "ReportNumbers",
    "TemperatureScaling",
    "calibration_error",
    "class_shares",
    "confidence_interval",
    "cross_validated_temperature",
    "foreign_images",
    "images_to_label",
    "pseudo_label_quality",
    "reject_curve",
    "report",
    "suspicious_labels",
    "write_annotation_csv",
]
