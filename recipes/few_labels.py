"""Learn from few labels of data that no setting was chosen on, beside other methods.

    python -m recipes.few_labels --data letters --draw 0
    python -m recipes.few_labels --data cifar10_grey --data-dir data --model convnet
    python -m recipes.few_labels --data objects --short

Ten images of each class have a label. For one `--draw` all methods learn from the same
ones, and each with its default settings:

- `drmm`: `zoo.for_images(...)` and `fit`, 10 epochs;
- `convnet`: the stock convnet of the same levels, from the labelled images alone;
- `pseudo_label`: that convnet by pseudo-label, in the batches of `drmm`;
- `label_spreading`: scikit-learn's, over the graph of the nearest images by pixels;
- `self_training`: scikit-learn's, of a support vector machine of pixels.

Letters and objects are drawn, 4,000 to learn from and 2,000 to test on. The first 4,000
training images of CIFAR-10 and all its test images are made grey. Nothing is selected,
and the test images are classified once, at the end. A row for each method, or for that
of `--model`, is appended to `recipes/results/few_labels.csv`. `--short` learns an epoch
of 1,000 images, a check, and records nothing.
"""

import time

from recipes.common import results
from recipes.common.command import choose_backend, keep_memory, make_parser
from recipes.untuned import loading, methods

LABELS_A_CLASS = 10
SHORT_IMAGES = 1000


def main(arguments=None):
    """Learn, report and record."""
    options = parse(arguments)
    choose_backend(options.backend)
    import keras

    from keras_drmm import data

    origin = results.origin(options.backend)
    (x, y), (x_test, y_test) = loading.load(options.data, options.data_dir)
    if options.short:
        x, y, x_test, y_test = (v[:SHORT_IMAGES] for v in (x, y, x_test, y_test))
    labels = LABELS_A_CLASS * (int(y.max()) + 1)
    for name in [options.model] if options.model else methods.METHODS:
        # As if it was the only one.
        keras.utils.set_random_seed(options.seed)
        dataset = data.semi_supervised(x, y, labels, seed=options.draw)
        start = time.perf_counter()
        classify, epochs = methods.METHODS[name](
            dataset, 1 if options.short else None, options.seed
        )
        seconds = time.perf_counter() - start
        wrong = classify(data.to_unit_range(x_test)) != y_test
        row = {
            "data": options.data,
            "model": name,
            "labels": labels,
            "draw": options.draw,
            "seed": options.seed,
            "epochs": epochs,
            "seconds": round(seconds, 1),
            **origin,
            "test_error": round(100 * float(wrong.mean()), 2),
        }
        results.record("few_labels", row, not options.short)


def parse(arguments=None):
    """Read the command line."""
    parser = make_parser(__doc__, "draw", "seed", "backend", "data-dir")
    parser.add_argument("--data", choices=loading.NAMES, default="letters")
    parser.add_argument("--model", choices=methods.METHODS, help="default: all")
    parser.add_argument("--short", action="store_true", help="a check, not recorded")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    keep_memory()
    main()
