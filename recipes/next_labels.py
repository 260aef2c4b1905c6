"""Compare 100 labels that a model asks for with 100 labels of random images.

    python -m recipes.next_labels --draw 0
    python -m recipes.next_labels --data objects --draw 0
    python -m recipes.next_labels --short

`zoo.for_images(...)` learns from 100 labelled letters, and all others without labels,
as in `python -m recipes.few_labels`. Then 100 more are labelled, and a new model learns
from the 200: once those that `keras_drmm.evaluation.images_to_label` proposes by the
first model's probabilities and what its last level but one finds, averaged over the
image; once as many at random.

Nothing is selected, and the test images are classified once by each model. Three rows
are appended to `recipes/results/next_labels.csv`. `--short` learns an epoch of 1,000
images, a check, and records nothing.
"""

import time

import numpy as np

from recipes.common import results
from recipes.common.command import choose_backend, keep_memory, make_parser
from recipes.common.measure import error
from recipes.few_labels import SHORT_IMAGES
from recipes.untuned import loading, methods

LABELS = 100


def main(arguments=None):
    """Learn three times, report and record."""
    options = parse(arguments)
    choose_backend(options.backend)
    from keras_drmm import data

    origin = results.origin(options.backend)
    (x, y), (x_test, y_test) = loading.load(options.data, options.data_dir)
    if options.short:
        x, y, x_test, y_test = (v[:SHORT_IMAGES] for v in (x, y, x_test, y_test))
    shown = data.semi_supervised(x, y, LABELS, seed=options.draw).shown_labels
    hidden = np.flatnonzero(shown < 0)

    def record(chosen, labels):
        model, seconds = learn(x, labels, options)
        row = {
            "data": options.data,
            "chosen": chosen,
            "labels": int((labels >= 0).sum()),
            "draw": options.draw,
            "seed": options.seed,
            "epochs": options.epochs,
            "seconds": round(seconds, 1),
            **origin,
            "test_error": error(model, data.to_unit_range(x_test), y_test),
        }
        results.record("next_labels", row, not options.short)
        return model

    first = record("the first", shown)
    random = np.random.default_rng(options.draw)
    for chosen, rows in {
        "proposed": hidden[propose(first, data.to_unit_range(x[hidden]))],
        "random": random.choice(hidden, LABELS, replace=False),
    }.items():
        labels = shown.copy()
        labels[rows] = y[rows]
        record(chosen, labels)


def learn(x, labels, options):
    """Return a new model that has learned from images and labels, and the seconds."""
    import keras

    from keras_drmm import data

    keras.utils.set_random_seed(options.seed)
    dataset = data.semi_supervised(x, labels, None, seed=options.draw)
    start = time.perf_counter()
    model = methods.learned_drmm(dataset, options.epochs)
    return model, time.perf_counter() - start


def propose(model, images):
    """Return which of the images to label next."""
    from keras import ops

    from keras_drmm.evaluation import images_to_label

    probabilities, features = [], []
    for part in np.split(images, range(500, len(images), 500)):
        found = model.infer(part)
        probabilities.append(ops.convert_to_numpy(ops.softmax(found.logits)))
        # (B, H, W, C) -> (B, C)
        features.append(ops.convert_to_numpy(ops.mean(found.messages[-2], axis=(1, 2))))
    return images_to_label(
        np.concatenate(probabilities), np.concatenate(features), LABELS
    )


def parse(arguments=None):
    """Read the command line."""
    parser = make_parser(__doc__, "draw", "seed", "backend", "data-dir")
    parser.add_argument("--data", choices=loading.NAMES, default="letters")
    parser.add_argument("--short", action="store_true", help="a check, not recorded")
    options = parser.parse_args(arguments)
    options.epochs = 1 if options.short else methods.EPOCHS
    return options


if __name__ == "__main__":
    keep_memory()
    main()
