"""MNIST by hard EM alone: what the classes of RFM and DRMM are worth.

    python -m recipes.em_mnist --model rfm
    python -m recipes.em_mnist --model drmm_lenet --labels 0

Learns a model of the zoo, without batch normalisation, from `--images` of MNIST, of
which `--labels` show theirs. With `--labels 0` 100 labels name the classes afterwards
that EM found: each is what most of its labelled images are. The test set is read once,
at the end.

Rows go to `recipes/results/em_mnist.csv`.
"""

import argparse
import os
import time

NAMING_LABELS = 100


def main():
    """Learn, name the classes, measure and record."""
    options = parse()
    os.environ["KERAS_BACKEND"] = options.backend
    import keras
    import numpy as np

    from keras_drmm import HardEM, data
    from recipes.common import results
    from recipes.common.measure import error
    from recipes.em_benchmark.setup import batches

    commit = results.commit()
    keras.utils.set_random_seed(options.seed)
    (x, y), (x_test, y_test) = data.load("mnist", options.data_dir)
    order = np.random.default_rng(options.draw).permutation(len(x))
    training, held_out = order[: options.images], order[-5000:]
    images, truth = data.to_unit_range(x[training]), y[training].astype("int32")
    labels = np.where(np.arange(len(images)) < options.labels, truth, -1)
    model = plain(options.model)
    model.compile(algorithm=HardEM(step=0.25, rows_per_gram=4))
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
        "machine": results.machine(),
        "backend": options.backend,
        "commit": commit,
        "command": results.command(),
        "validation_error": error(named, data.to_unit_range(x[held_out]), y[held_out]),
        "test_error": error(named, data.to_unit_range(x_test), y_test),
    }
    results.append_row(results.RESULTS / "em_mnist.csv", row)
    print(row)


class Named:
    """A model whose classes have the names that most of their labelled images have."""

    def __init__(self, model, images, labels):
        import numpy as np

        self.model = model
        found = model.predict(images, verbose=0).argmax(axis=1)
        # (class found, name): how many; a class without any image is named 0.
        self.votes = np.zeros((model.num_classes, model.num_classes))
        np.add.at(self.votes, (found, labels), 1)

    def predict(self, images, **options):
        """Return scores of the names, one-hot."""
        import numpy as np

        found = self.model.predict(images, **options).argmax(axis=1)
        return np.eye(self.votes.shape[1])[self.votes.argmax(axis=1)[found]]


def plain(name):
    """Return a model of the zoo whose levels do not normalise."""
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
        return DRFM(levels, factors=model.factors, **arguments)
    return DRMM(levels, **arguments)


def parse():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--model", choices=("rfm", "drmm_lenet", "drmm_conv_small"), default="rfm"
    )
    parser.add_argument("--labels", type=int, default=100, help="how many are shown")
    parser.add_argument("--images", type=int, default=10_000, help="to learn from")
    parser.add_argument("--sweeps", type=int, default=8)
    parser.add_argument("--draw", type=int, default=0, help="which images are drawn")
    parser.add_argument("--seed", type=int, default=0, help="of the initial weights")
    parser.add_argument(
        "--backend", choices=("tensorflow", "jax", "torch"), default="tensorflow"
    )
    parser.add_argument("--data-dir", help="folder of data sets, see keras_drmm.data")
    return parser.parse_args()


if __name__ == "__main__":
    from recipes.common.allocator import keep_memory

    keep_memory()
    main()
