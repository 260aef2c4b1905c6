"""The objective of Mean Teacher and the way of its teacher."""

import keras
import numpy as np
import pytest

from keras_drmm.baselines import MeanTeacher
from tests.baselines.build import X, Y, cross_entropy, log_softmax, network, randomise


def made(rate, **options):
    model = MeanTeacher(network(), keras.layers.Rescaling(0.9), **options)
    randomise(model).compile(keras.optimizers.SGD(rate), run_eagerly=True)
    return model


def softmax(logits):
    return np.exp(log_softmax(logits))


@pytest.mark.smoke
def test_the_student_agrees_with_the_teacher():
    model = made(0.0, consistency=3.0, ramp_steps=4)
    # At step 2 of 4 the ramp is exp(-5 / 4), and the teacher moves by a third.
    model.steps.assign(2)
    student = [v + 0 for v in model.network.get_weights()]
    before = [v + 0 for v in model.teacher.get_weights()]
    history = model.fit(X, Y, batch_size=8, verbose=0).history
    wanted = [t + (s - t) / 3 for s, t in zip(student, before, strict=True)]
    for found, expected in zip(model.teacher.get_weights(), wanted, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)
    shown = Y >= 0
    one, other = (v.predict(0.9 * X, verbose=0) for v in (model.network, model.teacher))
    labelled = cross_entropy(one[shown], Y[shown])
    squares = ((softmax(one) - softmax(other)) ** 2).mean()
    assert history["consistency"][0] == pytest.approx(squares, rel=1e-4)
    expected = labelled + 3.0 * np.exp(-5 / 4) * squares
    assert history["loss"][0] == pytest.approx(expected, rel=1e-4)


def test_the_teacher_is_the_mean_of_past_students():
    """The first student, then running means with weights 1/2 and, as a says, 0.4."""
    model = made(0.1, decay=0.6)
    students = []
    for _ in range(3):
        students.append([v + 0 for v in model.network.get_weights()])
        model.train_on_batch(X, Y)
    for found, *past in zip(model.teacher.get_weights(), *students, strict=True):
        first, second, third = past
        assert not np.array_equal(first, third)
        wanted = 0.6 * (first + second) / 2 + 0.4 * third
        np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_predictions_are_the_teachers():
    model = made(0.0)
    found = model.predict(X, verbose=0)
    theirs = model.teacher.predict(X, verbose=0)
    np.testing.assert_allclose(found, theirs, rtol=1e-5, atol=1e-6)
    assert not np.allclose(found, model.network.predict(X, verbose=0))
    # In a test step the student sees changed images, the teacher these.
    values = model.evaluate(X, Y, batch_size=8, verbose=0, return_dict=True)
    changed = model.network.predict(0.9 * X, verbose=0)
    squares = ((softmax(changed) - softmax(found)) ** 2).mean()
    assert values["consistency"] == pytest.approx(squares, rel=1e-4)


def test_a_frozen_model_keeps_its_teacher_and_a_thawed_one_learns_no_teacher():
    model = made(0.1)
    before = [v + 0 for v in model.teacher.get_weights()]
    model.trainable = False
    model.compile("sgd", run_eagerly=True)
    model.evaluate(X, Y, verbose=0)
    model.trainable = True
    taught = {id(v) for v in model.teacher.weights}
    assert not taught & {id(v) for v in model.trainable_variables}
    assert len(model.trainable_variables) == len(model.network.trainable_variables)
    for found, expected in zip(model.teacher.get_weights(), before, strict=True):
        np.testing.assert_array_equal(found, expected)
