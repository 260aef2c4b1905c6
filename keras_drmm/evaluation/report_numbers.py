"""ReportNumbers: what a page of `report` says, as numbers."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np


# Arrays have no single answer to whether they are equal.
@dataclass(frozen=True, eq=False)
class ReportNumbers:
    """The numbers of a page that `report` wrote. Shares are from 0 to 1.

    Attributes:
        rows: number of validation rows.
        errors: how many of them are classified wrongly.
        error: their share.
        error_interval: (low, high), Wilson's 95 % interval of the error.
        confusion: number of rows by (label, predicted class), (K, K).
        recall: share of each class' rows that are found, (K,); NaN without rows.
        recall_interval: Wilson's 95 % interval of it, (K, 2); NaN without rows.
        precision: share of the rows taken for a class that are of it, (K,); NaN if
            there are none.
        balanced_accuracy: mean recall of the classes that have rows.
        temperature: by which all logits of the page were divided.
        calibration_error: of the page's probabilities.
        calibration_error_by_chance: what a perfectly calibrated classifier with the
            same probabilities would have on so many rows, on average.
        calibration_error_scaled: after temperature scaling, fitted to one half of the
            rows and measured on the other.
        fold_temperatures: the temperatures of the two halves.
        pseudo_labels: as of `pseudo_label_quality`, of validation and unlabelled rows.
        reject: as of `reject_curve`.
        shares: as of `class_shares`, of the unlabelled images; None without any.
        foreign: as of `foreign_images` for the unlabelled images, at most 10,000 of
            them, the most foreign first: `row` in the data set, `weight`, `score`;
            `share` and `count` are of all, and `chance` is by how much chance moves the
            share, about, with so many labels. None without unlabelled images, or where
            a class has a single label.
        shared: validation rows that are among the training images, as of
            `data.shared_images`; `row` and `other` count in the data set.
        suspicious: as of `suspicious_labels`, of the shown labels; `row` counts in the
            data set.
        to_label: rows of the data set to label next.
        annotation_csv: path of the table to fill in, None if there is no image to
            label.
    """

    rows: int
    errors: int
    error: float
    error_interval: tuple[float, float]
    confusion: np.ndarray
    recall: np.ndarray
    recall_interval: np.ndarray
    precision: np.ndarray
    balanced_accuracy: float
    temperature: float
    calibration_error: float
    calibration_error_by_chance: float
    calibration_error_scaled: float
    fold_temperatures: tuple[float, float]
    pseudo_labels: dict[str, np.ndarray]
    reject: dict[str, np.ndarray]
    shares: dict | None
    foreign: dict | None
    shared: dict[str, np.ndarray]
    suspicious: dict[str, np.ndarray]
    to_label: np.ndarray
    annotation_csv: Path | None
