"""Wrong labels that were planted among real images."""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from keras_drmm.evaluation import suspicious_labels


def planted(share=0.1):
    """Digits, their labels with some wrong, and which are."""
    random = np.random.default_rng(0)
    x, y = load_digits(return_X_y=True)
    is_wrong = random.random(len(y)) < share
    wrong = (y + random.integers(1, 10, len(y))) % 10
    return x / 16, np.where(is_wrong, wrong, y), is_wrong, y


def found_in(probabilities, labels, is_wrong):
    """Shares of the wrong labels in a list as long as they are many, and flagged."""
    found = suspicious_labels(probabilities, labels, count=len(labels))
    first = found["row"][: is_wrong.sum()]
    flagged = found["row"][found["flagged"]]
    return is_wrong[first].mean(), is_wrong[flagged].sum() / is_wrong.sum(), found


def test_four_of_five_planted_labels_are_found_by_held_out_probabilities():
    x, labels, is_wrong, y = planted()
    model = LogisticRegression(max_iter=200)
    held_out = cross_val_predict(model, x, labels, cv=3, method="predict_proba")
    in_list, flagged, found = found_in(held_out, labels, is_wrong)
    assert in_list > 0.8
    assert flagged > 0.8
    # What is suggested for a flagged wrong label is mostly right.
    rows = found["row"][found["flagged"]]
    is_planted = is_wrong[rows]
    right = found["suggested"][found["flagged"]][is_planted] == y[rows][is_planted]
    assert right.mean() > 0.85


def test_a_model_that_learned_them_by_heart_finds_none():
    x, labels, is_wrong, _ = planted()
    trees = ExtraTreesClassifier(50, random_state=0)
    held_out = cross_val_predict(trees, x, labels, cv=3, method="predict_proba")
    assert found_in(held_out, labels, is_wrong)[1] > 0.7
    by_heart = trees.fit(x, labels).predict_proba(x)
    assert found_in(by_heart, labels, is_wrong)[1] == 0
