"""Lee's objective and its ramp."""

import numpy as np
import pytest
from keras import ops

from tests.baselines.build import BASELINES, X, Y, cross_entropy, randomise


@pytest.mark.smoke
def test_loss_is_lees_over_the_ramp():
    """α = 0.5 from 1 to 3 steps: weights 0, 0, 0.25, 0.5, 0.5."""
    model = randomise(BASELINES["PseudoLabel"]())
    # Without a learning rate the logits stay.
    model.compile("sgd")
    model.optimizer.learning_rate = 0.0
    logits = model.predict(X, verbose=0)
    shown = Y >= 0
    labelled = cross_entropy(logits[shown], Y[shown])
    guessed = cross_entropy(logits[~shown], logits[~shown].argmax(1))
    history = model.fit(X, Y, batch_size=8, epochs=5, verbose=0).history
    expected = labelled + np.array([0, 0, 0.25, 0.5, 0.5]) * guessed
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-5)
    assert int(model.steps) == 5
    # Evaluation takes no step.
    model.evaluate(X, Y, verbose=0)
    assert int(model.steps) == 5


def test_without_labels_all_rows_are_guessed_and_with_all_none():
    model = randomise(BASELINES["PseudoLabel"]())
    model.steps.assign(10)
    outputs = model.passes(ops.convert_to_tensor(X))
    logits = ops.convert_to_numpy(outputs.logits)
    expected = cross_entropy(logits, logits.argmax(1))
    for labels in (None, ops.full((8,), -1, "int32")):
        values = model.terms(outputs, labels)
        assert float(values["cross_entropy"][1]) == 0
        assert float(values["pseudo_label"][0]) == pytest.approx(expected, rel=1e-5)
    values = model.terms(outputs, ops.zeros((8,), "int32"))
    assert float(values["pseudo_label"][1]) == 0
