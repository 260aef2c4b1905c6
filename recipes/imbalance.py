"""Learn from few labels where most of the images are of one class.

    python -m recipes.imbalance --frequent 0.9 --draw 0
    python -m recipes.imbalance --short

5,000 images of MNIST, a share `--frequent` of which are fours and the others nines. A
person has labelled ten of each. The 2-level DRMM learns from them in four ways, 12
epochs each:

- `labels alone`, for as many steps;
- `zoo`: the zoo's objective, whose `marginal_kl` pulls to the labels' shares;
- `no pull`: the same without `marginal_kl`, as `zoo.for_images` learns;
- `rebalanced`: another one like this, of batches in which each class that the one
  before guessed is seen equally often, `dataset.rebalanced(guesses)`.

The balanced error is the mean of the two classes' errors on their 1,991 test images,
which are read once for each model, after training. Nothing was selected on them: the
ways were compared on training images that are not among the 5,000. Rows are appended to
`recipes/results/imbalance.csv`. `--short` learns for one epoch and records nothing.
"""

import argparse
import dataclasses
import time

from recipes.common import results
from recipes.common.command import choose_backend, keep_memory, make_parser

# The digits that are most alike, the frequent one first.
DIGITS = (4, 9)
IMAGES, LABELS_A_CLASS, EPOCHS = 5000, 10, 12
LABELS_ALONE, ZOO, NO_PULL, REBALANCED = "labels alone", "zoo", "no pull", "rebalanced"


def main():
    """Learn in each way, report and record."""
    options = parse()
    choose_backend(options.backend)
    import keras

    from keras_drmm import data

    origin = results.origin(options.backend)
    mnist, test = data.load("mnist")
    images, labels = choose(mnist, options.frequent, options.draw)
    dataset = data.semi_supervised(images, labels, None, seed=options.draw)
    guesses = None
    for method in (LABELS_ALONE, ZOO, NO_PULL, REBALANCED):
        keras.utils.set_random_seed(options.seed)
        start = time.process_time()
        model = learn(method, dataset, guesses, options.epochs)
        seconds = time.process_time() - start
        if method == NO_PULL:
            guesses = model.predict(data.to_unit_range(images), verbose=0).argmax(1)
        frequent, rare = errors(model, *test)
        row = {
            "frequent": options.frequent,
            "method": method,
            "draw": options.draw,
            "seed": options.seed,
            "epochs": options.epochs,
            "cpu_seconds": round(seconds, 1),
            **origin,
            "error_frequent": round(frequent, 2),
            "error_rare": round(rare, 2),
            "balanced_error": round((frequent + rare) / 2, 2),
        }
        results.record("imbalance", row, not options.short)


def choose(mnist, frequent, seed):
    """Return images of both digits and their labels: 0, 1, and -1 for most.

    Args:
        mnist: its training images and their labels.
        frequent: share of the first digit.
        seed: of the choice.
    """
    import numpy as np

    x, y = mnist
    random = np.random.default_rng(seed)
    counts = round(IMAGES * frequent), round(IMAGES * (1 - frequent))
    rows, labels = [], []
    for number, (digit, count) in enumerate(zip(DIGITS, counts, strict=True)):
        found = random.permutation(np.flatnonzero(y == digit))[:count]
        shown = np.full(len(found), -1)
        shown[:LABELS_A_CLASS] = number
        rows.append(found)
        labels.append(shown)
    order = random.permutation(sum(map(len, rows)))
    return x[np.concatenate(rows)[order]], np.concatenate(labels)[order]


def learn(method, dataset, guesses, epochs):
    """Return a model that learned from a data set in one of the ways.

    Args:
        method: `LABELS_ALONE`, `ZOO`, `NO_PULL` or `REBALANCED`.
        dataset: of all 5,000 images.
        guesses: the class of each image as the model of `NO_PULL` has it.
        epochs: passes over `dataset`.
    """
    from keras_drmm import zoo

    model = zoo.drmm_lenet((*dataset.x.shape[1:], 1), len(DIGITS))
    changes = {} if method == ZOO else {"marginal_kl": 0}
    if method == LABELS_ALONE:
        # As many steps as the others take.
        labelled = dataset.labelled_only(batch_size=len(dataset.labelled_indices))
        epochs, dataset = epochs * len(dataset), labelled
        changes["entropy"] = 0
    if method == REBALANCED:
        dataset = dataset.rebalanced(guesses)
    algorithm = dataclasses.replace(model.algorithm, **changes)
    model.compile(model.optimizer, algorithm=algorithm)
    model.fit(dataset, epochs=epochs, verbose=0)
    return model


def errors(model, images, labels):
    """Return the share of errors in percent on test images of each digit."""
    from keras_drmm import data

    found = []
    for number, digit in enumerate(DIGITS):
        own = data.to_unit_range(images[labels == digit])
        guesses = model.predict(own, batch_size=500, verbose=0).argmax(axis=1)
        found.append(100 * float((guesses != number).mean()))
    return found


def parse(arguments=None):
    """Read the command line."""
    parser = make_parser(__doc__, "draw", "seed", "backend")
    parser.add_argument("--frequent", type=share, default=0.9, help="default: 0.9")
    parser.add_argument("--short", action="store_true", help="a check, not recorded")
    options = parser.parse_args(arguments)
    options.epochs = 1 if options.short else EPOCHS
    return options


def share(text):
    """Read a share that leaves ten labelled images of each class."""
    value = float(text)
    if not 0.5 <= value <= 0.995:
        raise argparse.ArgumentTypeError(f"must be from 0.5 to 0.995, got {text}.")
    return value


if __name__ == "__main__":
    keep_memory()
    main()
