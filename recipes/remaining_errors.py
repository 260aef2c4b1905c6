"""Which errors remain: what a preset takes for what, and how sure of it it is.

    python -m recipes.remaining_errors --preset drmm_conv_small_mnist_100

Classifies the training images whose labels the preset was not shown. Writes a row to
`recipes/results/remaining_errors.csv`, and of the most frequent confusions the images
with the highest posterior to `docs/images/remaining_errors_NAME.png`, below images of
the first one's class that were labelled. Nothing is selected by them, and no test image
is read. One to two minutes on one core.
"""

import os
import time
from collections import Counter
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]

IMAGES = PROJECT / "docs" / "images"
CONFUSIONS, COLUMNS = 3, 12


def main(arguments=None):
    """Measure, draw and record."""
    from recipes.common import presets

    options = presets.parse(__doc__.split("\n")[0], arguments)
    # Keras reads the backend when it is imported.
    os.environ["KERAS_BACKEND"] = options.backend
    import keras

    from keras_drmm import data
    from recipes.common import results

    start = time.perf_counter()
    keras.config.set_dtype_policy("float32")
    card, model = presets.load(options.preset, ("labels", "draw"))
    x, y, dataset = presets.load_training(card, model, options.data_dir)
    shown = dataset.shown_labels
    images, labels = data.to_unit_range(x[shown < 0]), y[shown < 0]
    logits = model.predict(images, batch_size=500, verbose=0)
    posterior = keras.ops.convert_to_numpy(keras.ops.softmax(logits))
    total, confusions = measure(posterior, labels)
    if confusions:
        label, _ = next(iter(confusions))
        rows = {f"labelled {label}": data.to_unit_range(x[shown == label])}
        rows |= surest(images, labels, posterior, confusions)
        path = IMAGES / f"remaining_errors_{card['name']}.png"
        draw(rows, model.pixel_range, path)
    row = {
        "preset": card["name"],
        **total,
        "confusions": "; ".join(
            f"{label} for {taken_for}: {count}, {sure}"
            for (label, taken_for), (count, sure) in confusions.items()
        ),
        "seconds": round(time.perf_counter() - start),
        **results.origin(options.backend),
    }
    print(row)
    # The last step: what could not be drawn leaves no row.
    results.append_row(results.RESULTS / "remaining_errors.csv", row, tuple(row))


def measure(posterior, labels):
    """Count the images that are wrong, in all and of the most frequent confusions.

    Args:
        posterior: q(c|I), (N, C).
        labels: integers (N,).

    Returns:
        ({what: how many of all images}, {(label, taken for): (how many, of these
        sure)}, the most frequent first).
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


def surest(images, labels, posterior, confusions):
    """Return {name of a confusion: its images, the highest posterior first}."""
    import numpy as np

    classes, rows = posterior.argmax(-1), {}
    for label, taken_for in confusions:
        found = np.flatnonzero((labels == label) & (classes == taken_for))
        order = np.argsort(-posterior[found, taken_for])
        rows[f"{label} taken\nfor {taken_for}"] = images[found[order]]
    return rows


def draw(rows, pixel_range, path):
    """Write a picture of rows of images, of each as many as all have."""
    from keras_drmm.analysis.grid import save_grid

    columns = min(COLUMNS, *map(len, rows.values()))
    save_grid({name: row[:columns] for name, row in rows.items()}, pixel_range, path)


if __name__ == "__main__":
    main()
