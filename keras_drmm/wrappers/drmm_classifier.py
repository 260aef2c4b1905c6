"""DRMMClassifier: a model of this library as an estimator of scikit-learn."""

import math
import random
import warnings
from contextlib import contextmanager

import keras
import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from keras_drmm import data, zoo
from keras_drmm.evaluation.class_shares import class_shares
from keras_drmm.layers import Level
from keras_drmm.layers.arguments import (
    check_choice,
    check_model,
    describe,
    standardize_input_shape,
    standardize_integer,
)
from keras_drmm.layers.output_checks import check_gives_logits
from keras_drmm.models import DRMM
from keras_drmm.zoo.epochs_for import LEAST_EPOCHS
from keras_drmm.zoo.for_images import SMALLEST
from keras_drmm.zoo.settings import load_and_compile

# What pixels may be by their type. A wider image at `predict` is of another type.
_TYPE_RANGES = (0, 1), (0, 255)


class DRMMClassifier(ClassifierMixin, BaseEstimator):
    r"""A scikit-learn classifier of images, which learns from unlabelled ones too.

    The label -1 marks an unlabelled row, as in `sklearn.semi_supervised`. `fit` makes
    batches of labelled and unlabelled rows by `keras_drmm.data.semi_supervised`, and
    the posterior of the class is

    $$q(c | I) = \mathrm{softmax}_c(\text{logits}(I))$$

    Args:
        model: function (image_shape, num_classes) -> compiled Keras model of logits,
            such as the functions of `keras_drmm.zoo` that learn by `EG` or EM; if rows
            are unlabelled, its loss must leave labels of -1 out. Pickling needs one
            that is defined in a module. None takes `keras_drmm.zoo.for_images`, or for
            images with a side below 8 a DRMM of one level of 32 templates of 3x3.
        image_shape: (H, W, C) of an image, for flat rows or to check that of images.
            None takes the shape of the images; flat rows are square grey images if
            their number of columns is a square number, otherwise one row of pixels,
            (1, D, 1), with a warning.
        epochs: number of passes over the unlabelled rows, or over the labelled rows if
            all are. None is 10 and, where `model` is None, more of few rows: as many as
            make 1,000 training steps, by `keras_drmm.zoo.epochs_for`. A `model` may
            learn by EM, whose sweeps would be too many then.
        batch_size: number of rows in a batch; all rows, if there are fewer. Rows that
            do not fill a batch are left out, others in each epoch.
        random_state: integer, `numpy.random.RandomState`, or None for NumPy's own. The
            same integer gives the same weights, bit for bit, on one machine and
            backend. `fit` sets the seeds of Keras and its backend and leaves those of
            Python and NumPy as they were.
        verbose: as in `keras.Model.fit`.

    Attributes:
        classes_: sorted labels but for -1, (num_classes,).
        transduction_: labels of the training rows, (N,): as given or, for unlabelled
            rows, as predicted.
        image_shape_: (H, W, C) of an image.
        pixel_range_: (lowest, highest) pixel, which become 0 and 1.
        n_features_in_: H * W * C.
        feature_names_in_: of the columns, where they have names.
        model_: the Keras model.
        history_: {name: list with a value for each epoch} of what Keras logged.

    Shapes:
        X: (N, H, W), (N, H, W, C) or flat (N, H * W * C), numbers. `pixel_range_` is
        (0, 255) for uint8, (0, 1) for other numbers within that, and otherwise the
        range in `fit`, as of a `MinMaxScaler` for all pixels in common. Pixels outside
        are clipped, with a warning if the range is one of the first two.
        y: (N,) labels: integers or, where rows are unlabelled, objects such as
        ["cat", -1, "dog"].

    Example:

    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> few = np.where(np.arange(len(y)) < 100, y, -1)
    >>> classifier = keras_drmm.wrappers.DRMMClassifier(epochs=2, random_state=0)
    >>> classifier.fit(X, few).predict_proba(X[:3]).shape
    (3, 10)
    >>> classifier.image_shape_, classifier.pixel_range_
    ((8, 8, 1), (0.0, 16.0))
    """

    # Nothing of `keras.wrappers.SKLearnClassifier` (Keras 3.15) is left to inherit. It
    # one-hot encodes targets, -1 as a class among them; takes flat rows alone; calls
    # `model(X=..., y=...)` and insists on a `loss`, which EG has not; has neither
    # `predict_proba` nor `random_state`; keeps a `History`, which has the model, in
    # `history_`; and its `__sklearn_clone__` passes on three arguments of its own.

    def __init__(
        self,
        model=None,
        *,
        image_shape=None,
        epochs=None,
        batch_size=100,
        random_state=None,
        verbose=0,
    ):
        self.model = model
        self.image_shape = image_shape
        self.epochs = epochs
        self.batch_size = batch_size
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X, y):
        """Learn from images and the labels of some of them.

        Args:
            X: images or flat rows.
            y: labels, -1 for an unlabelled row.

        Returns:
            The classifier.

        Raises:
            ValueError: `X` or `y` are not as described, hold NaN, or have labels of
                fewer than two classes; `image_shape` is not that of the rows; or
                another argument is out of range.
            TypeError: `model` is no function that returns a Keras model.

        Warns:
            UserWarning: the model learned by `EG` with `marginal_kl`, and labels and
                unlabelled images are of different shares by `class_shares`.
        """
        epochs = LEAST_EPOCHS if self.epochs is None else self.epochs
        epochs = standardize_integer(epochs, "epochs")
        check_choice(self.verbose, "verbose", (0, 1, 2, "auto"))
        rows, shape = _flatten(X)
        rows, y = validate_data(self, rows, y)
        self.image_shape_ = self._find_image_shape(shape)
        self.pixel_range_ = _find_pixel_range(rows)
        images = self._to_images(rows)

        is_labelled = _find_labelled(y)
        check_classification_targets(y[is_labelled])
        self.classes_, numbers = np.unique(y[is_labelled], return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                "`y` must have labels of 2 or more classes, got "
                f"{len(self.classes_) or 'no'} class: {self.classes_.tolist()}. -1 is "
                "no class but marks an unlabelled row: number the classes from 0."
            )
        targets = np.full(len(y), -1)
        targets[is_labelled] = numbers

        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        dataset = data.semi_supervised(
            images, targets, None, batch_size=self.batch_size, seed=seed
        )
        if self.epochs is None and self.model is None:
            epochs = zoo.epochs_for(dataset)
        with _seeded(seed):
            self.model_ = self._make_model()
            history = self.model_.fit(
                # It shuffles itself, by its own seed.
                dataset,
                epochs=epochs,
                shuffle=False,
                verbose=self.verbose,
            )
        self.history_ = history.history
        self.transduction_ = y.copy()
        if not is_labelled.all():
            posterior = self._posterior(images[~is_labelled])
            self.transduction_[~is_labelled] = self.classes_[posterior.argmax(axis=1)]
            self._compare_shares(posterior, np.bincount(numbers))
        return self

    def _compare_shares(self, posterior, counts):
        """Warn if a pull towards the labels' shares is one towards wrong ones."""
        algorithm = getattr(self.model_, "algorithm", None)
        if not getattr(algorithm, "marginal_kl", 0):
            return
        found = class_shares(posterior, counts)
        if found["differ"]:
            warnings.warn(
                "The labels are of other shares than the unlabelled images: "
                f"{found['label_shares'].round(2).tolist()} beside about "
                f"{found['shares'].round(2).tolist()}, in the order of `classes_`. The "
                "model was pulled towards the former: give a `model` that learns by "
                "`EG(marginal_kl=0)`, such as `keras_drmm.zoo.for_images`.",
                stacklevel=3,
            )

    def predict(self, X):
        """Return the most probable class of each image, (N,).

        Args:
            X: images or flat rows.

        Raises:
            sklearn.exceptions.NotFittedError: `fit` was not called before.
            ValueError: the images have another shape than in `fit`, or hold NaN.
        """
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def predict_proba(self, X):
        """Return the posterior q(c|I) of each image, (N, num_classes).

        Its columns are those of `classes_`.

        Args:
            X: images or flat rows.

        Raises:
            sklearn.exceptions.NotFittedError: `fit` was not called before.
            ValueError: the images have another shape than in `fit`, or hold NaN.
        """
        check_is_fitted(self, "model_")
        rows, shape = _flatten(X)
        if len(shape) > 1 and _with_channels(shape) != self.image_shape_:
            raise ValueError(
                f"`X` must have images of shape {self.image_shape_}, as in `fit`, got "
                f"{shape}."
            )
        rows = validate_data(self, rows, reset=False)
        low, high = self.pixel_range_
        if self.pixel_range_ in _TYPE_RANGES and (
            rows.min() < low or rows.max() > high
        ):
            warnings.warn(
                f"`X` has pixels from {rows.min()} to {rows.max()}, but in `fit` they "
                f"were within [{low:g}, {high:g}]: the others are clipped. Give pixels "
                "of the same type and scale as in `fit`.",
                stacklevel=2,
            )
        if high == 255 and rows.dtype.kind == "f" and 0 < rows.max() <= 1:
            _warn_black(rows, "`fit` saw", 3)
        return self._posterior(self._to_images(rows))

    def _find_image_shape(self, shape):
        """Return (H, W, C) for rows of a shape without the batch axis."""
        found = _with_channels(shape)
        if self.image_shape is not None:
            given = standardize_input_shape(self.image_shape, "image_shape")
            if len(shape) > 1 and given != found:
                raise ValueError(
                    f"`image_shape` must be {found}, that of the images in `X`, or "
                    f"None, got {given}."
                )
            if math.prod(given) != math.prod(shape):
                raise ValueError(
                    f"`image_shape` must have as many pixels as the {shape[0]} columns "
                    f"of `X`, got {given}, which has {math.prod(given)}."
                )
            return given
        if len(shape) > 1:
            return found
        (columns,) = shape
        side = math.isqrt(columns)
        if side**2 == columns:
            return side, side, 1
        warnings.warn(
            f"{columns} columns of `X` make no square image: each row is taken as an "
            f"image of shape {(1, columns, 1)}. Give `image_shape`, of images or to "
            "confirm that.",
            stacklevel=3,
        )
        return 1, columns, 1

    def _make_model(self):
        """Return a new model, compiled."""
        make = _make_default if self.model is None else self.model
        # A Keras model can be called, too.
        if not callable(make) or isinstance(make, keras.Model):
            raise TypeError(
                "`model` must be a function (image_shape, num_classes) -> compiled "
                f"Keras model, or None, got {describe(make)}."
            )
        model = make(self.image_shape_, len(self.classes_))
        advice = "`model` must be a function that returns it, compiled."
        check_model(model, "model(...)", keras.Model, advice)
        if not model.compiled:
            raise ValueError(
                f"`model` must return a compiled model, got {model.name!r}, which is "
                "not. Call its `compile`."
            )
        logits = tuple(model(np.zeros((1, *self.image_shape_), "float32")).shape)
        if logits != (1, len(self.classes_)):
            raise ValueError(
                f"`model` must return a model of {len(self.classes_)} logits, one for "
                f"each class, got outputs of shape {logits} for an image."
            )
        check_gives_logits(model, "model(...)")
        return model

    def _to_images(self, rows):
        """Return flat rows as float32 images within [0, 1]."""
        ends = np.reshape(self.pixel_range_, (2, 1))
        # Imported where it is needed: `import keras_drmm` would wait for it.
        from sklearn.preprocessing import MinMaxScaler

        scaler = MinMaxScaler(clip=True).fit(ends)
        pixels = scaler.transform(rows.reshape(-1, 1)).astype("float32")
        return pixels.reshape(len(rows), *self.image_shape_)

    def _posterior(self, images):
        """Return q(c|I) in float64, whose rows add up to 1."""
        logits = self.model_.predict(images, batch_size=self.batch_size, verbose=0)
        return softmax(logits.astype("float64"), axis=1)


def _make_default(image_shape, num_classes):
    """Return the model of `model=None`."""
    side = min(image_shape[:2])
    if side >= SMALLEST:
        return zoo.for_images(image_shape, num_classes)
    # Smaller ones are not worth pooling.
    pool_size = 2 if side >= 4 else 1
    level = Level(32, 3, pool_size=pool_size, batch_norm=True)
    model = DRMM([level], image_shape, num_classes, pooling=None)
    return load_and_compile(model, preset=None, training_steps=None)


def _flatten(X):
    """Return images as flat rows (N, D), and their shape without the batch axis.

    Anything else is returned as it is, for `validate_data` to look at.
    """
    if not hasattr(X, "shape"):
        X = np.asarray(X)
    shape = tuple(X.shape[1:])
    if len(shape) in (2, 3):
        X = np.asarray(X).reshape(len(X), math.prod(shape))
    return X, shape


def _with_channels(shape):
    """Return (H, W, C) of (H, W) or (H, W, C)."""
    return (*shape, 1) if len(shape) == 2 else shape


def _find_pixel_range(rows):
    """Return (lowest, highest) of what pixels are taken to be."""
    if rows.dtype == np.uint8:
        if 0 < rows.max() <= 1:
            _warn_black(rows, "numbers of this type are", 4)
        return 0.0, 255.0
    low, high = float(rows.min()), float(rows.max())
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    return low, high


def _warn_black(rows, scale, stacklevel):
    warnings.warn(
        f"`X` has no pixel above {rows.max()}, of {rows.dtype}, where {scale} pixels "
        "up to 255: all images are nearly black. Give pixels of one type and scale, "
        "such as floats from 0 to 1.",
        stacklevel=stacklevel,
    )


def _find_labelled(y):
    """Return which rows have a label, as `SelfTrainingClassifier` takes `y`."""
    if y.dtype.kind not in "US":
        return y != -1
    if np.any(y == np.asarray("-1", dtype=y.dtype)):
        raise ValueError(
            "`y` must be of dtype object where rows are unlabelled, got the string "
            "'-1'. Give `np.array(['cat', -1], dtype=object)`."
        )
    return np.ones(len(y), dtype=bool)


@contextmanager
def _seeded(seed):
    """Within this, Keras draws from a seed; Python's and NumPy's own go on after it."""
    numpys = check_random_state(None)
    states = random.getstate(), numpys.get_state()
    keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(states[0])
        numpys.set_state(states[1])
