"""Which errors remain: what a preset takes for what, and how sure of it it is.

    python recipes/remaining_errors.py --preset drmm_conv_small_mnist_100

Classifies the training images whose labels the preset was not shown. Writes a row to
`recipes/results/remaining_errors.csv`, and of the most frequent confusions the images
with the highest posterior to `docs/images/remaining_errors_NAME.png`. Nothing is
selected by them, and no test image is read. A minute on one core.
"""

import argparse
import os
import sys
import time
from collections import Counter
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

IMAGES = PROJECT / "docs" / "images"
# A posterior above is sure, as `neighbour_labels` has it.
SURE = 0.99
CONFUSIONS, COLUMNS = 3, 12


def main(arguments=None):
    """Measure, record and draw."""
    options = parse(arguments)
    # Keras reads the backend when it is imported.
    os.environ["KERAS_BACKEND"] = options.backend
    import keras

    from keras_drmm import data, zoo
    from keras_drmm.zoo.preset import Preset
    from recipes import results, training
    from recipes.cells import SEMI_SUPERVISED, Cell

    start = time.perf_counter()
    keras.config.set_dtype_policy("float32")
    card, model = Preset(options.preset).metadata, zoo.from_preset(options.preset)
    (x, y), _ = data.load(card["data"], options.data_dir)
    cell = Cell(1, SEMI_SUPERVISED, model.name, card["labels"], card["draw"])
    is_hidden = training.make_dataset(cell, x, y).shown_labels < 0
    images, labels = data.to_unit_range(x[is_hidden]), y[is_hidden].reshape(-1)
    logits = model.predict(images, batch_size=500, verbose=0)
    posterior = keras.ops.convert_to_numpy(keras.ops.softmax(logits))
    total, confusions = measure(posterior, labels)
    row = {
        "preset": card["name"],
        **total,
        "confusions": "; ".join(
            f"{label} for {taken_for}: {count}, {sure}"
            for (label, taken_for), (count, sure) in confusions.items()
        ),
        "seconds": round(time.perf_counter() - start),
        "machine": results.machine(),
        "backend": options.backend,
        "commit": results.commit(),
        "command": results.command(),
    }
    print(row)
    results.append_row(results.RESULTS / "remaining_errors.csv", row, tuple(row))
    path = IMAGES / f"remaining_errors_{card['name']}.png"
    draw(images, labels, posterior, confusions, model.pixel_range, path)


def measure(posterior, labels):
    """Count the images that are wrong, in all and of the most frequent confusions.

    Args:
        posterior: q(c|I), (N, C).
        labels: integers (N,).

    Returns:
        ({what: how many of all images}, {(label, taken for): (how many, of these
        sure)}, the most frequent first).
    """
    classes, is_sure = posterior.argmax(-1), posterior.max(-1) > SURE
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


def draw(images, labels, posterior, confusions, pixel_range, path):
    """Draw the images of each confusion that have the highest posterior, a row each."""
    import numpy as np

    from keras_drmm.analysis.grid import save_grid

    classes, rows = posterior.argmax(-1), {}
    for label, taken_for in confusions:
        found = np.flatnonzero((labels == label) & (classes == taken_for))
        surest = found[np.argsort(-posterior[found, taken_for])][:COLUMNS]
        rows[f"{label} taken\nfor {taken_for}"] = images[surest]
    # Rows of one length, for a model of few errors.
    shown = min(map(len, rows.values()))
    save_grid({name: row[:shown] for name, row in rows.items()}, pixel_range, path)


def parse(arguments):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--preset", required=True, help="name, or path of a folder")
    parser.add_argument("--data-dir", help="folder of data sets, see keras_drmm.data")
    parser.add_argument(
        "--backend", choices=("tensorflow", "jax", "torch"), default="tensorflow"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
