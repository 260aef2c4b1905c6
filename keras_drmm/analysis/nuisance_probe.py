"""probe_nuisances: what each level tells about the factors behind images."""

import numpy as np

from keras_drmm.analysis.grid import check_has
from keras_drmm.layers.arguments import as_array, standardize_integer

# Ridge regression chooses among these by leave-one-out errors of its own images.
_PENALTIES = np.logspace(-1, 5, 7)
# Kinds of NumPy's dtypes.
_CLASSES = "iub"
# Of units of variance 1, the inverse penalty of logistic regression.
_INVERSE_PENALTY = 0.01


def probe_nuisances(model, images, factors, folds=5, components=512, seed=0):
    r"""Return how well linear probes read factors from the messages of each level.

    A probe sees I^(ℓ), flat, and predicts a factor f of the image, a class or numbers.
    It is fitted on all folds of the images but one and measured on that one:

    $$\mathrm{accuracy} = \frac{1}{N} \sum_n [\hat f(I_n^{(\ell)}) = f_n], \qquad
    R^2 = 1 - \frac{\sum_n \|f_n - \hat f(I_n^{(\ell)})\|^2}
    {\sum_n \|f_n - \bar f\|^2}$$

    - Integers are classes: logistic regression, and its accuracy.
    - Floats are numbers: ridge regression, and R². It is at most 1, and 0 or less if a
      probe does not beat the mean. Of several columns, such as the sine and cosine of
      an angle, the sums are over all of them.

    A level of more than `components` units is projected to as many numbers at random,
    by one Gaussian matrix a level that depends on `seed` alone: it keeps distances up
    to about $\sqrt{2 / \mathrm{components}}$, has seen no image, and treats trained and
    untrained models alike. Then each column has mean 0 and variance 1 over the images
    that the probe is fitted on.

    Args:
        model: a `DRMM` or a factor model.
        images: (N, H, W, C), floats in the model's pixel range. Take others than the
            model learned from.
        factors: {name: integers (N,), or floats (N,) or (N, k)}.
        folds: number of folds.
        components: the most numbers that a probe sees.
        seed: of the projection, the folds and the order of images in them.

    Returns:
        {name: (L + 1,) float64}: the mean over folds for I^(0), the pixels, I^(1), ...,
        I^(L).

    Raises:
        TypeError: the model has no levels.
        ValueError: an argument is not as described.

    Example:

    >>> random = np.random.default_rng(0)
    >>> left = np.arange(60) % 2
    >>> images = random.uniform(0, 0.1, (60, 8, 8, 1)).astype("float32")
    >>> images[left == 1, :, :4] += random.uniform(0.5, 0.9, (30, 1, 1, 1))
    >>> factors = {"left": left, "light": images.max(axis=(1, 2, 3))}
    >>> model = keras_drmm.zoo.for_images((8, 8, 1), num_classes=2)
    >>> found = keras_drmm.analysis.probe_nuisances(model, images, factors)
    >>> found["left"].shape, float(found["left"][0])  # the pixels and 3 levels
    ((4,), 1.0)

    Source: Patel, Nguyen, Baraniuk (2016), section 3.4 and Figure 2 (left); Alain,
    Bengio (2016), "Understanding intermediate layers using linear classifier probes".
    """
    check_has(model, levels="a `DRMM` or a factor model")
    images = as_array(images, "images")
    folds = standardize_integer(folds, "folds", minimum=2)
    components = standardize_integer(components, "components")
    seed = standardize_integer(seed, "seed", minimum=0)
    factors = _standardize(factors, len(images), folds)
    messages = [images, *model.infer(images).messages[1:]]
    scores: dict = {name: [] for name in factors}
    for number, message in enumerate(messages):
        seen = _project(message.reshape(len(message), -1), components, seed + number)
        for name, values in factors.items():
            scores[name].append(_score(seen, values, folds, seed))
    return {name: np.array(found) for name, found in scores.items()}


def _standardize(factors, rows, folds):
    """Return the factors as arrays."""
    if not isinstance(factors, dict) or not factors:
        raise ValueError(
            "`factors` must be {name: values, one for each image} and not empty, got "
            f"{factors!r}."
        )
    found = {}
    for name, values in factors.items():
        values = as_array(values, f"factors[{name!r}]")
        is_class = values.dtype.kind in _CLASSES
        if len(values) != rows or values.ndim > (1 if is_class else 2):
            raise ValueError(
                f"`factors[{name!r}]` must be integers (N,), floats (N,) or floats "
                f"(N, k) for N = {rows} images, got shape {values.shape} of "
                f"{values.dtype}."
            )
        if not np.isfinite(values).all() or np.all(values == values[0]):
            raise ValueError(
                f"`factors[{name!r}]` must be finite and vary over images, got "
                f"{'the same for all' if np.isfinite(values).all() else 'NaN'}."
            )
        if is_class and np.unique(values, return_counts=True)[1].min() < folds:
            raise ValueError(
                f"`factors[{name!r}]` must have each class at least {folds} times, "
                "once for each of the `folds`; for a number give floats."
            )
        if not is_class and rows < 2 * folds:
            # Of a single image there is no variance that R² could be a part of.
            raise ValueError(
                f"`images` must be at least {2 * folds}, two for each of the `folds`, "
                f"to predict the numbers `factors[{name!r}]`, got {rows}."
            )
        found[name] = values
    return found


def _project(units, components, seed):
    """Return (N, at most `components`): the units, or their random projection."""
    if units.shape[1] <= components:
        return units.astype("float64")
    random = np.random.default_rng(seed)
    matrix = random.standard_normal((units.shape[1], components), dtype="float32")
    # What all images have in common would only cost digits.
    return ((units - units.mean(axis=0)) @ matrix).astype("float64")


def _score(seen, values, folds, seed):
    """Return the mean over folds of a probe's accuracy or R²."""
    # Imported here: they take longer than all of this library.
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.metrics import make_scorer, r2_score
    from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if values.dtype.kind in _CLASSES:
        probe = LogisticRegression(C=_INVERSE_PENALTY, max_iter=1000)
        split, scoring = StratifiedKFold, "accuracy"
    else:
        probe = RidgeCV(_PENALTIES)
        split = KFold
        scoring = make_scorer(r2_score, multioutput="variance_weighted")
    order = split(folds, shuffle=True, random_state=seed)
    pipeline = make_pipeline(StandardScaler(), probe)
    return cross_val_score(pipeline, seen, values, scoring=scoring, cv=order).mean()
