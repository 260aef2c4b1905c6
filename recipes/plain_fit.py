"""Learn from few labels by the two lines that every user writes first.

    python -m recipes.plain_fit --draw 0
    python -m recipes.plain_fit --data digits --draw 0
    python -m recipes.plain_fit --short

`zoo.drmm_conv_small()` and `fit(dataset, epochs=...)`, and no argument beyond: learning
rate and warm-up follow `fit`. MNIST has 60,000 training images, 100 of them labelled,
and 10,000 test images. scikit-learn's 1,797 digits of 8x8 pixels, which nothing here
was tuned on, are enlarged to 16x16 and a third of them is held out; 50 others are
labelled.

Nothing is selected, and the held-out images are classified once, at the end. A row is
appended to `recipes/results/plain_fit.csv`. `--short` learns 2 epochs of the digits, a
check, and records nothing.
"""

import time

from recipes.common import results
from recipes.common.command import at_least, choose_backend, keep_memory, make_parser
from recipes.common.measure import error

# Labelled images and epochs.
SETTINGS = {"mnist": (100, 5), "digits": (50, 30)}


def main():
    """Train, report and record."""
    options = parse()
    choose_backend(options.backend)
    import keras

    from keras_drmm import data, zoo

    origin = results.origin(options.backend)
    keras.utils.set_random_seed(options.seed)
    (x, y), (x_test, y_test) = load(options.data, options.draw)
    labels = SETTINGS[options.data][0]
    dataset = data.semi_supervised(x, y, labels, seed=options.draw)
    start = time.perf_counter()
    model = zoo.drmm_conv_small(dataset[0][0].shape[1:])
    model.fit(dataset, epochs=options.epochs, verbose=2)
    seconds = time.perf_counter() - start
    row = {
        "data": options.data,
        "labels": labels,
        "draw": options.draw,
        "seed": options.seed,
        "epochs": options.epochs,
        "steps": int(model.optimizer.iterations),
        "seconds": round(seconds, 1),
        **origin,
        "test_error": error(model, data.to_unit_range(x_test), y_test),
    }
    results.record("plain_fit", row, not options.short)


def load(name, draw):
    """Return (images (n, H, W, 1), labels) to learn from and those held out.

    Args:
        name: "mnist" or "digits".
        draw: seed of the third of the digits that is held out.
    """
    from keras_drmm import data

    if name == "mnist":
        return data.load("mnist")
    import numpy as np
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    # A pixel, 0 to 16, becomes a square of four.
    images = np.kron(digits.images / 16, np.ones((1, 2, 2)))[..., None]
    x, x_test, y, y_test = train_test_split(
        images.astype("float32"),
        digits.target,
        test_size=1 / 3,
        stratify=digits.target,
        random_state=draw,
    )
    return (x, y), (x_test, y_test)


def parse(arguments=None):
    """Read the command line."""
    parser = make_parser(__doc__, "draw", "seed", "backend")
    parser.add_argument("--data", choices=SETTINGS, default="mnist")
    parser.add_argument("--epochs", type=at_least(1), help="default: 5 or 30")
    parser.add_argument("--short", action="store_true", help="a check, not recorded")
    options = parser.parse_args(arguments)
    if options.short:
        options.data, options.epochs = "digits", 2
    options.epochs = options.epochs or SETTINGS[options.data][1]
    return options


if __name__ == "__main__":
    keep_memory()
    main()
