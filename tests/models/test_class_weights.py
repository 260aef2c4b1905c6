"""`class_weight` gives each row the weight of its class, an unlabelled one weight 1."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_drmm.models.learner import Learner

X = np.arange(1, 13, dtype="float32").reshape(12, 1, 1, 1)
Y = np.array([0, -1, 2, 1, -1, 0, 1, -1, 2, 0, 0, -1])
CLASSES = {0: 3.0, 2: 0.0}
CASES = {
    "some": (CLASSES, [3, 1, 0, 1, 1, 3, 1, 1, 0, 3, 3, 1]),
    "unlabelled": ({**CLASSES, -1: 0.5}, [3, 0.5, 0, 1, 0.5, 3, 1, 0.5, 0, 3, 3, 0.5]),
    "NumPy": ({np.int64(1): np.float32(2)}, [1, 1, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1]),
    "none": (None, [1] * 12),
}


class Pixels(Learner):
    """Returns the pixel of an image."""

    num_classes, image_shape = 3, (1, 1, 1)

    def __init__(self):
        super().__init__()
        self.scale = self.add_weight(shape=(), initializer="ones", name="scale")
        self.built = True

    def classify(self, images, training=False):
        return self.scale * ops.reshape(images, (-1, 1))


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return X[index * 4 : index * 4 + 4], Y[index * 4 : index * 4 + 4]


def tf_data(labels=Y):
    tf = pytest.importorskip("tensorflow")
    return tf.data.Dataset.from_tensor_slices((X, labels)).batch(4)


INPUTS = {
    "arrays": lambda: (X, Y),
    "column": lambda: (X, Y[:, None]),
    "PyDataset": lambda: (Batches(),),
    "tf.data": lambda: (tf_data(),),
    "tf.data, column": lambda: (tf_data(Y[:, None]),),
}


class Pixel(keras.losses.Loss):
    """A row's pixel, whatever its label."""

    ignore_class = -1

    def call(self, y_true, y_pred):
        return ops.reshape(y_pred, (-1,))


def fit(*data, **options):
    model = Pixels()
    optimizer = keras.optimizers.SGD(0.0)
    model._compile(None, optimizer, None, "auto", {}, loss=Pixel())
    options = {"batch_size": 4} | options if len(data) == 2 else options
    return model.fit(*data, shuffle=False, verbose=0, **options).history["loss"][0]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", INPUTS)
def test_loss_is_the_weighted_mean(name, case):
    class_weight, weights = CASES[case]
    found = fit(*INPUTS[name](), class_weight=class_weight)
    assert found == pytest.approx(np.mean(X.ravel() * weights), rel=1e-6)


def test_only_the_rows_learned_from_are_weighted():
    options = {"class_weight": CLASSES, "validation_split": 1 / 3}
    assert fit(X, Y, **options) == pytest.approx(
        np.mean(X[:8].ravel() * CASES["some"][1][:8]), rel=1e-6
    )


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ([1.0, 2.0, 1.0], r"must be a dictionary .* got .*1.0.*dict\(enumerate"),
        ({3: 1.0}, "integers from 0 to 2, or -1 .* got 3"),
        ({-2: 1.0}, "integers from 0 to 2, or -1 .* got -2"),
        ({1.0: 1.0}, "integers from 0 to 2, or -1 .* got 1.0"),
        ({"1": 1.0}, "integers from 0 to 2, or -1 .* got '1'"),
        ({True: 1.0}, "integers from 0 to 2, or -1 .* got True"),
        ({1: -1.0}, r"number of at least 0, got -1.0"),
        ({1: np.nan}, r"number of at least 0, got nan"),
        ({1: np.inf}, r"number of at least 0, got inf"),
        ({1: None}, "got None"),
    ],
)
def test_impossible_weights_are_refused(class_weight, message):
    with pytest.raises(ValueError, match=f"`class_weight.*{message}"):
        fit(X, Y, class_weight=class_weight)


def test_generators_are_refused():
    batches = (batch for batch in [(X, Y)])
    with pytest.raises(ValueError, match=r"`class_weight` is for .* got a generator"):
        fit(batches, class_weight=CLASSES)


def test_weights_of_rows_and_of_classes_are_refused_together():
    tf = pytest.importorskip("tensorflow")
    data = tf.data.Dataset.from_tensors((X, Y, np.ones(12)))
    with pytest.raises(ValueError, match="`class_weight` needs batches"):
        fit(data, class_weight=CLASSES)
    with pytest.raises(ValueError, match="class_weight"):
        fit(X, Y, class_weight=CLASSES, sample_weight=np.ones(12))
