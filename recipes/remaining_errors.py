"""Show which errors of a preset remain, and how confident it is of them.

    python -m recipes.remaining_errors --preset drmm_conv_small_mnist_100

Classifies the training images whose labels the preset did not see. This preset is wrong
about 552 of 59,900 images, and takes a 1 for a 2 in 122 of them. It takes a minute and
a half on one core of an AMD EPYC; `rfm_mnist_100` takes 14 seconds.

Appends a row to `recipes/results/remaining_errors.csv`. The picture
`docs/images/remaining_errors_NAME.png` has the images of the most frequent confusions
with the highest posterior, below labelled images of the first confusion's class.
Nothing is selected by these errors, and no test image is read.
"""

import time
from collections import Counter

from recipes.common import results
from recipes.common.results import IMAGES
from recipes.tables import presets

CONFUSIONS, COLUMNS = 3, 12


def main(arguments=None):
    """Measure, plot and record."""
    options = parse(arguments)
    origin = results.origin(options.backend)
    card, model = presets.load(options, ("labels", "draw"))
    # Import Keras, so they come after the choice of a backend.
    import keras

    from keras_drmm import data

    start = time.perf_counter()
    x, y, dataset = presets.load_training(card, model, options.data_dir)
    shown = dataset.shown_labels
    images, labels = data.to_unit_range(x[shown < 0]), y[shown < 0]
    logits = model.predict(images, batch_size=500, verbose=0)
    posterior = keras.ops.convert_to_numpy(keras.ops.softmax(logits))
    total, confusions = measure(posterior, labels)
    if confusions:
        label, _ = next(iter(confusions))
        rows = {f"labelled {label}": data.to_unit_range(x[shown == label])}
        rows |= most_confident(images, labels, posterior, confusions)
        path = IMAGES / f"remaining_errors_{card['name']}.png"
        plot(rows, model.pixel_range, path)
    row = {
        "preset": card["name"],
        **total,
        "confusions": "; ".join(
            f"{label} for {taken_for}: {count}, {sure}"
            for (label, taken_for), (count, sure) in confusions.items()
        ),
        "seconds": round(time.perf_counter() - start),
        **origin,
    }
    # Comes last, so that a failed picture leaves no row.
    results.record("remaining_errors", row)


def measure(posterior, labels):
    """Count the wrongly classified images, in all and by the most frequent confusions.

    An image is sure if its highest posterior exceeds `CONFIDENCE`.

    Args:
        posterior: q(c|I), (N, C).
        labels: integers (N,).

    Returns:
        ({name of a count: its value}, {(label, taken for): (number of images, number of
        sure ones)} with the most frequent confusion first).
    """
    from keras_drmm.learning.pseudo_labels import CONFIDENCE

    classes, is_sure = posterior.argmax(-1), posterior.max(-1) > CONFIDENCE
    is_wrong = classes != labels
    pairs = list(zip(labels.tolist(), classes.tolist(), strict=True))
    counts = Counter(pair for pair, wrong in zip(pairs, is_wrong, strict=True) if wrong)
    sure = Counter(pair for pair, is_one in zip(pairs, is_sure, strict=True) if is_one)
    total = {
        "images": len(labels),
        "wrong": int(is_wrong.sum()),
        "sure": int(is_sure.sum()),
        "sure_and_wrong": int((is_sure & is_wrong).sum()),
    }
    most = counts.most_common(CONFUSIONS)
    return total, {pair: (count, sure[pair]) for pair, count in most}


def most_confident(images, labels, posterior, confusions):
    """Return {name of a confusion: its images, the most confident first}."""
    import numpy as np

    classes, rows = posterior.argmax(-1), {}
    for label, taken_for in confusions:
        found = np.flatnonzero((labels == label) & (classes == taken_for))
        order = np.argsort(-posterior[found, taken_for])
        rows[f"{label} taken\nfor {taken_for}"] = images[found[order]]
    return rows


def parse(arguments=None):
    """Read the command line."""
    return presets.parse(__doc__, arguments)


def plot(rows, pixel_range, path):
    """Write a picture of rows of images, all as long as the shortest."""
    from keras_drmm.analysis.grid import save_grid

    columns = min(COLUMNS, *map(len, rows.values()))
    save_grid({name: row[:columns] for name, row in rows.items()}, pixel_range, path)


if __name__ == "__main__":
    main()
