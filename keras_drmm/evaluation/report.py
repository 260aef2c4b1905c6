"""report: a page that says how far a trained classifier can be trusted."""

import warnings

import numpy as np
from scipy.special import softmax

from keras_drmm.data import SemiSupervisedDataset, shared_images
from keras_drmm.data.images import BLOCK, scale_images
from keras_drmm.evaluation.annotation_csv import (
    check_has_no_labels,
    standardize_path,
    write_annotation_csv,
)
from keras_drmm.evaluation.calibration_error import (
    bin_by_confidence,
    calibration_error,
)
from keras_drmm.evaluation.checks import (
    check_no_probabilities,
    names_or_numbers,
    standardize_logits,
)
from keras_drmm.evaluation.class_shares import class_shares
from keras_drmm.evaluation.confidence_interval import confidence_interval
from keras_drmm.evaluation.foreign_images import foreign_images
from keras_drmm.evaluation.images_to_label import images_to_label
from keras_drmm.evaluation.page import Picture, as_percent, write_page
from keras_drmm.evaluation.pictures import check_matplotlib
from keras_drmm.evaluation.pseudo_label_quality import pseudo_label_quality
from keras_drmm.evaluation.reject_curve import reject_curve
from keras_drmm.evaluation.report_numbers import ReportNumbers
from keras_drmm.evaluation.suspicious_labels import suspicious_labels
from keras_drmm.evaluation.temperature_scaling import TemperatureScaling
from keras_drmm.layers.arguments import (
    check_model,
    describe,
    standardize_integer,
    standardize_number,
)

# Draws of labels for what calibration error chance alone makes.
_DRAWS = 200
# Pixels in a row or column by which images are compared, and positions of messages, at
# most.
_COMPARED_SIZE, _POSITIONS = 32, 8
# Unlabelled images among which foreign ones are looked for, and labelled ones that tell
# them, at most: the graph of more takes minutes.
_MOST_ROWS = 10_000


def report(
    model,
    dataset,
    path,
    *,
    class_names=None,
    temperature=None,
    count=25,
    files=None,
    learned_counts=None,
) -> ReportNumbers:
    """Write a page that says how far a trained classifier can be trusted.

    It is one HTML file that needs nothing else, not even a network: error and its
    confidence interval, recall and precision of each class, confusions, calibration
    before and after temperature scaling, quality of pseudo-labels, error if only the
    surest images are answered, shares of the classes, images of none of them, labels
    that may be wrong, and images to label next. Each number comes with a sentence that
    says how to read it. Beside it is `NAME_to_label.csv`, a table of the images to
    label, to be filled in. The page warns if validation images are among the training
    images, by `data.shared_images`, and if the shares of labels and images differ.

    All but the last four come from the validation rows, which the model must not have
    learned, nor its settings have been chosen by.

    Args:
        model: a Keras model of logits, or anything whose `predict(images, verbose=0)`
            returns logits (N, K).
        dataset: `data.SemiSupervisedDataset` with at least 2 validation rows.
        path: of the HTML file, which is overwritten. A table beside it in which labels
            were filled in is not.
        class_names: K strings, or None for the numbers of classes.
        temperature: divides all logits of the page, for example what
            `cross_validated_temperature` returned. None leaves them as they are.
        count: number of pictures in each list.
        files: name of each image's file, one for each row of the data set, such as
            those that `data.load_folder` returns: page and table then name files. None
            numbers the rows.
        learned_counts: integers (K,), how many labels of each class the model learned,
            where it learned other ones than those of the labelled rows. None takes
            these; the page has no shares of the classes where they are validation rows,
            which the model did not learn.

    Returns:
        The numbers of the page.

    Raises:
        FileExistsError: the table beside the page has labels that were filled in.
        FileNotFoundError: the folder of `path` does not exist.
        ImportError: matplotlib is missing: `pip install keras-drmm[plots]`.
        TypeError: `model`, `dataset` or `path` is something else.
        ValueError: another argument is not as described, the data set has no validation
            rows, or the model returns no logits of at least two classes.
            After any error nothing was written.

    Warns:
        UserWarning: the model's pixels have another range than the data set's.

    Example:

    >>> (x, y), _ = keras_drmm.data.load("mnist")
    >>> dataset = keras_drmm.data.semi_supervised(x[:400], y[:400], 50, validation=100)
    >>> model = keras_drmm.zoo.from_preset("rfm_mnist_100")
    >>> numbers = keras_drmm.evaluation.report(model, dataset, "trust.html", count=5)
    >>> numbers.rows, len(numbers.to_label)
    (100, 5)
    """
    check_matplotlib()
    if not hasattr(model, "predict"):
        raise TypeError(
            f"`model` must be a model with `predict`, got {describe(model)}."
        )
    check_model(dataset, "dataset", SemiSupervisedDataset)
    path = standardize_path(path)
    table = path.with_name(f"{path.stem}_to_label.csv")
    check_has_no_labels(table)
    count = standardize_integer(count, "count")
    if temperature is None:
        temperature = 1.0
    temperature = standardize_number(temperature, "temperature", above=0)
    if files is not None and len(files) != len(dataset.x):
        raise ValueError(
            f"`files` must have a name for each of the {len(dataset.x)} rows of the "
            f"data set, got {describe(files)}."
        )
    if len(dataset.validation_indices) < 2:
        raise ValueError(
            "`dataset` must have at least 2 validation rows, got "
            f"{len(dataset.validation_indices)}. Make it by `data.semi_supervised(..., "
            "validation=...)`."
        )

    pixels = getattr(model, "pixel_range", (0.0, 1.0))
    if np.isfinite(pixels).all() and tuple(pixels) != (0.0, 1.0):
        warnings.warn(
            f"`{model.name}` takes pixels in {list(pixels)}, and is shown those of "
            "`dataset`, in [0, 1]: the page is right only if it learned such images.",
            stacklevel=2,
        )
    logits = _predict(model, dataset, dataset.validation_indices)
    check_no_probabilities(logits, "model")
    logits = logits / temperature
    if class_names is None:
        class_names = getattr(model, "class_names", None)
    names = names_or_numbers(class_names, logits.shape[1])
    _, labels = dataset.validation
    shown = dataset.shown_labels
    unlabelled = np.setdiff1d(dataset.unlabelled_indices, dataset.validation_indices)
    probabilities, of_labelled, of_unlabelled = (
        softmax(v, axis=1)
        for v in (
            logits,
            _predict(model, dataset, dataset.labelled_indices) / temperature,
            _predict(model, dataset, unlabelled, logits.shape[1]) / temperature,
        )
    )

    suspicious = suspicious_labels(of_labelled, shown[dataset.labelled_indices], count)
    suspicious["row"] = dataset.labelled_indices[suspicious["row"]]
    chosen = np.arange(0)
    if len(unlabelled):
        chosen = images_to_label(of_unlabelled, _pixels(dataset, unlabelled), count)
    were_learned = not np.isin(
        dataset.labelled_indices, dataset.validation_indices
    ).any()
    if learned_counts is None and were_learned:
        known = shown[dataset.labelled_indices]
        learned_counts = np.bincount(known, minlength=logits.shape[1])
    shares = None
    if len(unlabelled) and learned_counts is not None:
        shares = class_shares(of_unlabelled, learned_counts)
    scaled, fold_temperatures = _scale_by_halves(logits, labels)
    numbers = ReportNumbers(
        **_measure_errors(probabilities.argmax(axis=1), labels, len(names)),
        temperature=temperature,
        calibration_error=calibration_error(probabilities, labels),
        calibration_error_by_chance=_calibration_error_by_chance(probabilities),
        calibration_error_scaled=calibration_error(scaled, labels),
        fold_temperatures=tuple(temperature * v for v in fold_temperatures),
        pseudo_labels=pseudo_label_quality(
            np.concatenate([probabilities, of_unlabelled]),
            np.concatenate([labels, np.full(len(unlabelled), -1)]),
        ),
        reject=reject_curve(probabilities, labels),
        shares=shares,
        foreign=_find_foreign(model, dataset, unlabelled),
        shared=_shared_with_training(dataset, unlabelled),
        suspicious=suspicious,
        to_label=unlabelled[chosen],
        annotation_csv=table if len(chosen) else None,
    )

    def picture(row, text):
        image = _images(dataset, np.array([row]))[0]
        return Picture(image, f"row {row}" if files is None else files[row], text)

    page = write_page(
        getattr(model, "name", type(model).__name__),
        names,
        numbers,
        bin_by_confidence(probabilities, labels, bins=10),
        mistakes=[
            picture(
                dataset.validation_indices[i],
                f"labelled {names[labels[i]]}, taken for "
                f"{names[probabilities[i].argmax()]} at "
                f"{as_percent(probabilities[i].max())}",
            )
            for i in _most_confident_errors(probabilities, labels)[:count]
        ],
        foreign=[]
        if numbers.foreign is None
        else [
            picture(row, f"of the classes at {as_percent(weight)}")
            for row, weight in zip(
                numbers.foreign["row"][:count], numbers.foreign["weight"], strict=False
            )
        ],
        suspicious=[
            picture(
                row,
                f"labelled {names[label]} ({as_percent(own)}), perhaps {names[other]}"
                f"{' – flagged' if flagged else ''}",
            )
            for row, label, other, own, _, flagged in zip(
                *suspicious.values(), strict=True
            )
        ],
        to_label=[
            picture(
                unlabelled[i],
                f"{names[of_unlabelled[i].argmax()]} at "
                f"{as_percent(of_unlabelled[i].max())}?",
            )
            for i in chosen
        ],
        were_learned=were_learned,
    )
    if len(chosen):
        rows = numbers.to_label.tolist()
        write_annotation_csv(
            table,
            rows if files is None else [files[row] for row in rows],
            of_unlabelled[chosen],
            class_names=names,
        )
    path.write_text(page, encoding="utf-8")
    return numbers


def _images(dataset, rows):
    return scale_images(dataset.x[rows])


def _predict(model, dataset, rows, num_classes=None):
    """Return the logits of rows of a data set, (n, K); blocks keep memory small."""
    if not len(rows):
        return np.zeros((0, num_classes))
    logits = []
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        found = model.predict(_images(dataset, block), verbose=0)
        found = standardize_logits(found, "model.predict(images)")
        if len(found) != len(block):
            raise ValueError(
                f"`model.predict` must return a row of logits for each of {len(block)} "
                f"images, got {len(found)}."
            )
        logits.append(found)
    return np.concatenate(logits)


def _measure_errors(predicted, labels, num_classes):
    """Return what `ReportNumbers` has about errors, as a dictionary."""
    # Imported where it is needed: `import keras_drmm` would wait for it.
    from sklearn.metrics import confusion_matrix

    confusion = confusion_matrix(labels, predicted, labels=range(num_classes))
    right = np.diag(confusion)
    of_class, taken_for = confusion.sum(axis=1), confusion.sum(axis=0)
    errors = len(labels) - int(right.sum())
    recall = np.where(of_class > 0, right / np.maximum(of_class, 1), np.nan)
    return {
        "rows": len(labels),
        "errors": errors,
        "error": errors / len(labels),
        "error_interval": confidence_interval(errors, len(labels)),
        "confusion": confusion,
        "recall": recall,
        "recall_interval": np.array(
            [
                confidence_interval(int(k), int(n)) if n else (np.nan, np.nan)
                for k, n in zip(right, of_class, strict=True)
            ]
        ),
        "precision": np.where(taken_for > 0, right / np.maximum(taken_for, 1), np.nan),
        "balanced_accuracy": float(np.nanmean(recall)),
    }


def _shared_with_training(dataset, unlabelled):
    """Return which validation rows are among the training images.

    Args:
        dataset: of the report.
        unlabelled: its unlabelled rows.
    """
    rows = dataset.validation_indices
    learned = np.concatenate([dataset.labelled_indices, unlabelled])
    # A row that is learned and validates is no copy of another.
    learned = np.setdiff1d(learned, rows)
    if len(learned) == 0:
        none = np.arange(0)
        return {"row": none, "other": none, "exact": none.astype(bool)}
    shared = shared_images(dataset.x[rows], dataset.x[learned])
    return {
        "row": rows[shared["row"]],
        "other": learned[shared["other"]],
        "exact": shared["exact"],
    }


def _find_foreign(model, dataset, unlabelled):
    """Return which unlabelled images are of none of the classes, the likeliest first.

    Returns:
        As `ReportNumbers.foreign`. The labels of validation rows help to tell, too.
    """
    labels = dataset.shown_labels
    labels[dataset.validation_indices] = dataset.validation[1]
    random = np.random.default_rng(0)
    of_classes = [np.flatnonzero(labels == k) for k in np.unique(labels[labels >= 0])]
    if not len(unlabelled) or min(map(len, of_classes)) < 2:
        return None
    of_each = max(2, _MOST_ROWS // len(of_classes))
    known = np.sort(np.concatenate([_some(v, of_each, random) for v in of_classes]))
    looked_at = _some(unlabelled, _MOST_ROWS, random)
    rows = np.concatenate([known, looked_at])
    is_known = np.arange(len(rows)) < len(known)
    found = foreign_images(
        _features(model, dataset, rows), np.where(is_known, labels[rows], -1)
    )
    score, weight = (found[name][~is_known] for name in ("score", "weight"))
    order = np.argsort(score, kind="stable")
    return {
        "row": looked_at[order],
        "weight": weight[order],
        "score": score[order],
        "share": found["share"],
        "count": round(found["share"] * len(unlabelled)),
        "chance": len(known) ** -0.5,
    }


def _some(rows, count, random):
    """Return rows, at random where there are more than `count`."""
    return rows if len(rows) <= count else random.choice(rows, count, replace=False)


def _pixels(dataset, rows):
    """Return images of rows, large ones by some pixels: all would fill the memory."""
    step = -(-max(dataset.x.shape[1:3]) // _COMPARED_SIZE)
    return dataset.x[:, ::step, ::step][rows]


def _features(model, dataset, rows):
    """Return what rows are compared by: messages of the first level, or pixels."""
    if not (hasattr(model, "levels") and hasattr(model, "infer")):
        return _pixels(dataset, rows)
    return np.concatenate(
        [
            _pool(
                model.infer(_images(dataset, rows[start : start + BLOCK])).messages[1]
            )
            for start in range(0, len(rows), BLOCK)
        ]
    )


def _pool(messages):
    """Return means of messages (N, H, W, C) over squares; a rest is left out."""
    number, height, width, channels = messages.shape
    size = -(-max(height, width) // _POSITIONS)
    size = min(size, height, width)
    high, wide = height // size, width // size
    whole = messages[:, : high * size, : wide * size]
    parts = whole.reshape(number, high, size, wide, size, channels)
    return parts.mean(axis=(2, 4))


def _scale_by_halves(logits, labels):
    """Return probabilities scaled by the other half's temperature, and both of these.

    Where all rows of a half are right, its temperature is 1.
    """
    scaled, temperatures = np.empty_like(logits), []
    # Imported where it is needed: `import keras_drmm` would wait for it.
    from sklearn.model_selection import KFold

    for fitted, measured in KFold(2, shuffle=True, random_state=0).split(logits):
        with warnings.catch_warnings():
            # The page says it.
            warnings.simplefilter("ignore", UserWarning)
            scaling = TemperatureScaling().fit(logits[fitted], labels[fitted])
        scaled[measured] = scaling.transform(logits[measured])
        temperatures.append(scaling.temperature)
    return scaled, temperatures


def _calibration_error_by_chance(probabilities):
    """Return the mean calibration error with labels drawn from the probabilities."""
    random = np.random.default_rng(0)
    sums = probabilities.cumsum(axis=1)
    # Rounding may leave a sum just below 1.
    last = probabilities.shape[1] - 1
    draws = [
        (random.random((len(sums), 1)) > sums).sum(axis=1).clip(max=last)
        for _ in range(_DRAWS)
    ]
    return float(np.mean([calibration_error(probabilities, v) for v in draws]))


def _most_confident_errors(probabilities, labels):
    """Return the indices of wrongly classified rows, the most confident first."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    return wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")]
