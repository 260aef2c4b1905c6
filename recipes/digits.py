"""Learn from few labels of scikit-learn's digits, beside scikit-learn's own estimators.

    python -m recipes.digits --images 600 --draw 0
    python -m recipes.digits --images 1400 --draw 0
    python -m recipes.digits --short

Ten images of each digit have a label, the others of `--images` have none, and 397 are
held out. For one `--draw` all methods learn the same ones:

- `drmm_classifier`: `wrappers.DRMMClassifier()`, no argument but its seed;
- `label_spreading`: scikit-learn's, over the graph of the nearest images by pixels;
- `self_training`: scikit-learn's, of a support vector machine of pixels.

That ten epochs of such few images are too few was seen on these digits. The 1,000 steps
of today's default were set before any row was recorded.
Held-out images are classified once, at the end. A row for each method is
appended to `recipes/results/digits.csv`. `--short` learns an epoch, a check, and
records nothing.
"""

import time

from recipes.common import results
from recipes.common.command import choose_backend, make_parser

LABELS, IMAGES, TRAINING = 100, (600, 1400), 1400


def main(arguments=None):
    """Learn, report and record."""
    options = parse(arguments)
    choose_backend(options.backend)
    import numpy as np

    from keras_drmm import data
    from keras_drmm.wrappers import DRMMClassifier
    from recipes.untuned import methods

    origin = results.origin(options.backend)
    (x, y), (x_test, y_test) = load(options.images, options.draw)
    shown = data.semi_supervised(x, y, LABELS, seed=options.draw)

    def drmm_classifier(dataset, epochs, seed):
        model = DRMMClassifier(epochs=epochs, random_state=seed)
        model.fit(dataset.x, dataset.shown_labels)
        return model.predict, len(model.history_["loss"])

    learners = drmm_classifier, methods.label_spreading, methods.self_training
    for learn in learners:
        start = time.process_time()
        classify, epochs = learn(shown, 1 if options.short else None, options.seed)
        seconds = time.process_time() - start
        row = {
            "images": options.images,
            "model": learn.__name__,
            "labels": LABELS,
            "draw": options.draw,
            "seed": options.seed,
            "epochs": epochs,
            "cpu_seconds": round(seconds, 1),
            **origin,
            "test_error": round(100 * float(np.mean(classify(x_test) != y_test)), 2),
        }
        results.record("digits", row, not options.short)


def load(images, draw):
    """Return (images (n, 8, 8) within [0, 1], digits) to learn from, and held out.

    Args:
        images: how many to learn from.
        draw: seed of the choice of both; those held out are the same for all numbers.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    scaled = (digits.images / 16).astype("float32")
    x, x_test, y, y_test = train_test_split(
        scaled,
        digits.target,
        train_size=TRAINING,
        stratify=digits.target,
        random_state=draw,
    )
    if images < TRAINING:
        x, _, y, _ = train_test_split(
            x, y, train_size=images, stratify=y, random_state=draw
        )
    return (x, y), (x_test, y_test)


def parse(arguments=None):
    """Read the command line."""
    parser = make_parser(__doc__, "draw", "seed", "backend")
    parser.add_argument("--images", type=int, choices=IMAGES, default=IMAGES[0])
    parser.add_argument("--short", action="store_true", help="a check, not recorded")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
