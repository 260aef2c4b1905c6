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


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_the_teacher_follows_in_half_precision_too(policy):
    """Its mean is of float32 weights, of which a step moves a thousandth."""
    keras.config.set_dtype_policy(policy)
    try:
        model = made(0.0)
    finally:
        keras.config.set_dtype_policy("float32")
    model.steps.assign(5000)
    student = [v + 0 for v in model.network.get_weights()]
    before = [v + 0 for v in model.teacher.get_weights()]
    for _ in range(3):
        model.train_on_batch(X, Y)
    wanted = [s + 0.999**3 * (t - s) for s, t in zip(student, before, strict=True)]
    for found, expected in zip(model.teacher.get_weights(), wanted, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


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


def normalising():
    """A network of a batch normalisation and a dense layer."""
    image = keras.Input((5, 5, 1))
    normalised = keras.layers.BatchNormalization(momentum=0.75)(image)
    logits = keras.layers.Dense(3)(keras.layers.Flatten()(normalised))
    return keras.Model(image, logits)


def test_the_teacher_normalises_by_its_batch_and_keeps_moments_of_its_own():
    model = MeanTeacher(normalising(), keras.layers.Rescaling(0.9), consistency=3.0)
    randomise(model).compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    # The teacher moves by half.
    model.steps.assign(1)
    old = [v + 0 for v in model.teacher.get_weights()]
    student = [v + 0 for v in model.network.get_weights()]
    history = model.fit(X, Y, batch_size=8, verbose=0).history
    seen = 0.9 * np.float64(X)
    mean, variance = seen.mean(), seen.var()

    def logits(gamma, beta, kernel, bias):
        normalised = (seen - mean) / np.sqrt(variance + 1e-3) * gamma + beta
        return normalised.reshape(8, -1) @ kernel + bias

    learned = [0, 1, 4, 5]  # gamma, beta, kernel, bias; 2 and 3 are the moments
    halfway = [(old[i] + student[i]) / 2 for i in learned]
    one, other = logits(*(student[i] for i in learned)), logits(*halfway)
    squares = ((softmax(one) - softmax(other)) ** 2).mean()
    assert history["consistency"][0] == pytest.approx(squares, rel=1e-4)
    for i, wanted in zip(learned, halfway, strict=True):
        np.testing.assert_allclose(model.teacher.get_weights()[i], wanted, atol=1e-6)
    for i, moment in ((2, mean), (3, variance)):
        found, wanted = model.teacher.get_weights()[i], 0.75 * old[i] + 0.25 * moment
        np.testing.assert_allclose(found, wanted, rtol=1e-4)
        assert not np.allclose(found, model.network.get_weights()[i])


def test_what_is_frozen_in_the_student_stays_in_the_teacher():
    model = MeanTeacher(normalising(), keras.layers.Rescaling(0.9))
    randomise(model)
    moments = model.network.layers[1]
    moments.trainable = False
    model.compile(keras.optimizers.SGD(0.1))
    before = [v + 0 for v in model.network.get_weights()]
    model.teacher.set_weights(before)
    model.fit(X, Y, batch_size=8, epochs=2, verbose=0)
    for part in (model.network, model.teacher):
        after = part.get_weights()
        for i in range(4):
            np.testing.assert_array_equal(after[i], before[i])
        assert not np.array_equal(after[4], before[4])
    # Thawed, it is learned, and the teacher follows.
    moments.trainable = True
    model.compile(keras.optimizers.SGD(0.1))
    model.fit(X, Y, batch_size=8, epochs=2, verbose=0)
    for part in (model.network, model.teacher):
        for found, old in zip(part.get_weights()[:4], before, strict=False):
            assert not np.array_equal(found, old)


def test_changes_of_the_other_format_are_refused():
    flip = keras.layers.RandomFlip(data_format="channels_first")
    with pytest.raises(ValueError, match="must change channels_last images"):
        MeanTeacher(network(), flip)
