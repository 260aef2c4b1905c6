"""Classify MNIST with a model that learned by hard EM alone.

    python -m recipes.em_mnist --model rfm
    python -m recipes.em_mnist --model drmm_lenet --labels 0
    python -m recipes.em_mnist --short

Learns a model of the zoo, without batch normalisation, from 10,000 images of MNIST, of
which `--labels` are labelled. With `--labels 0`, 100 labels afterwards name the classes
that EM found: each class is named by the majority of its labelled images.

Test errors with 100 labels, on one core of an Intel Xeon: `rfm` 36.2 % in 108 s,
`drmm_lenet` 80.9 % in 68 s, `drmm_conv_small` 90.2 % in 188 s.

The test set is read once, at the end. Rows go to `recipes/results/em_mnist.csv`.
`--short` learns one sweep over 1,000 images, a check in seconds, and records nothing.
"""

import time

from recipes.common import results
from recipes.common.command import choose_backend, keep_memory, make_parser
from recipes.common.measure import VALIDATION_IMAGES, batches, error

NAMING_LABELS = 100


def main():
    """Learn, name the classes, measure and record."""
    options = parse()
    choose_backend(options.backend)
    import keras
    import numpy as np

    from keras_drmm import HardEM, data

    origin = results.origin(options.backend)
    keras.utils.set_random_seed(options.seed)
    (x, y), (x_test, y_test) = data.load("mnist", options.data_dir)
    order = np.random.default_rng(options.draw).permutation(len(x))
    training, held_out = order[: options.images], order[-VALIDATION_IMAGES:]
    images, truth = data.to_unit_range(x[training]), y[training].astype("int32")
    labels = np.where(np.arange(len(images)) < options.labels, truth, -1)
    model = plain(options.model)
    model.compile(algorithm=HardEM(step=0.25, gram_divisor=4))
    model.initialize(images, labels if options.labels else None)
    start = time.perf_counter()
    model.fit(batches(images, labels, options.seed), epochs=options.sweeps, verbose=2)
    seconds = time.perf_counter() - start
    named = model
    if not options.labels:
        named = Named(model, images[:NAMING_LABELS], truth[:NAMING_LABELS])
    row = {
        "table": "",
        "setting": "semi-supervised" if options.labels else "unsupervised",
        "model": f"{options.model} by hard EM",
        "labels": options.labels,
        "draw": options.draw,
        "seed": options.seed,
        "epochs": options.sweeps,
        "seconds": round(seconds),
        **origin,
        "validation_error": error(named, data.to_unit_range(x[held_out]), y[held_out]),
        "test_error": error(named, data.to_unit_range(x_test), y_test),
    }
    results.record("em_mnist", row, not options.short)


class Named:
    """A model whose classes are named by the majority of their labelled images."""

    def __init__(self, model, images, labels):
        import numpy as np

        self.model = model
        found = model.predict(images, verbose=0).argmax(axis=1)
        # (C, C): counts of (class found, name). A class without images is named 0.
        self.votes = np.zeros((model.num_classes, model.num_classes))
        np.add.at(self.votes, (found, labels), 1)

    def predict(self, images, **options):
        """Return the names, one-hot."""
        import numpy as np

        found = self.model.predict(images, **options).argmax(axis=1)
        return np.eye(self.votes.shape[1])[self.votes.argmax(axis=1)[found]]


def plain(name):
    """Return a model of the zoo without batch normalisation."""
    from keras_drmm import DRFM, DRMM, zoo

    model = getattr(zoo, name)()
    levels = [level.without_normalisation() for level in model.levels]
    arguments = {
        "num_classes": model.num_classes,
        "input_shape": model.image_shape,
        "pooling": model.templates.pooling,
        "templates_initializer": model.templates.templates_initializer,
    }
    if isinstance(model, DRFM):
        return DRFM(levels, num_factors=model.num_factors, **arguments)
    return DRMM(levels, **arguments)


def parse(arguments=None):
    """Read the command line."""
    parser = make_parser(__doc__, "draw", "seed", "backend", "data-dir")
    parser.add_argument(
        "--model", choices=("rfm", "drmm_lenet", "drmm_conv_small"), default="rfm"
    )
    parser.add_argument(
        "--labels", type=int, default=100, help="number of labelled images"
    )
    parser.add_argument(
        "--images", type=int, default=10_000, help="number of images to learn from"
    )
    parser.add_argument("--sweeps", type=int, default=8)
    parser.add_argument("--short", action="store_true", help="a check, not recorded")
    options = parser.parse_args(arguments)
    if options.short:
        options.images, options.sweeps = 1000, 1
    return options


if __name__ == "__main__":
    keep_memory()
    main()
