"""The search for the objective: what each term does for 100 labels of MNIST.

    python -m recipes.ablation --variant baseline --draw 0
    python -m recipes.ablation --list

Trains a model of the zoo, by default the 5-level DRMM, with one change to an objective,
and appends its error on `--validation` images, training images whose labels are hidden,
to `recipes/results/ablation.csv`. The variants named `zoo, ...` change the objective
that was chosen, the others the one that the search began with. The test images are not
loaded. `report.py` writes the table, with a sentence a row on what the change is.
"""

import argparse
import os
import time

MNIST_IMAGES = 60_000


def main():
    """Train one variant and record it."""
    options = parse()
    os.environ["KERAS_BACKEND"] = options.backend
    import keras

    from keras_drmm import data, zoo
    from recipes.common import results
    from recipes.tables.cells import SEMI_SUPERVISED, Cell
    from recipes.tables.training import make_dataset, validation_error
    from recipes.tables.variants import VARIANTS

    if options.list:
        for name, variant in VARIANTS.items():
            print(f"{name}: {variant.meaning}")
        return
    if options.variant not in VARIANTS:
        raise SystemExit(f"There is no variant {options.variant!r}: see --list.")
    variant, commit = VARIANTS[options.variant], results.commit()
    keras.config.set_dtype_policy(options.dtype)
    keras.utils.set_random_seed(options.seed)
    (x, y), _ = data.load("mnist", options.data_dir)
    cell = Cell(1, SEMI_SUPERVISED, options.model, options.labels, options.draw)
    dataset = make_dataset(cell, x, y, options.validation)
    steps = options.epochs * len(dataset)
    image_shape = dataset[0][0].shape[1:]
    model = getattr(zoo, options.model)(image_shape, training_steps=steps)
    variant.compile(model, steps)
    batches = dataset.as_tf_dataset() if options.backend == "tensorflow" else dataset
    start = time.perf_counter()
    model.fit(batches, epochs=options.epochs, shuffle=False, verbose=2)
    row = {
        "variant": options.variant,
        "model": options.model,
        "labels": options.labels,
        "draw": options.draw,
        "seed": options.seed,
        "epochs": options.epochs,
        "validation_images": len(dataset.validation_indices),
        "seconds": round(time.perf_counter() - start),
        "machine": results.machine(),
        "backend": options.backend,
        "commit": commit,
        "command": results.command(),
        "validation_error": validation_error(model, dataset),
    }
    print(row)
    # No column for a test error.
    columns = ("variant", *results.COLUMNS[2:-1], "validation_images")
    results.append_row(results.RESULTS / "ablation.csv", row, columns)


def parse():
    """Read the command line."""
    from recipes.common.precision import PRECISIONS
    from recipes.tables.training import MODELS

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--variant", default="baseline", help="see --list")
    parser.add_argument("--list", action="store_true", help="name all variants")
    parser.add_argument("--model", choices=MODELS, default="drmm_conv_small")
    parser.add_argument("--labels", type=int, default=100)
    parser.add_argument("--draw", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--validation", type=int, default=5000, help="images")
    parser.add_argument("--dtype", choices=PRECISIONS, default="float32")
    parser.add_argument(
        "--backend", choices=("tensorflow", "jax", "torch"), default="tensorflow"
    )
    parser.add_argument("--data-dir", help="folder of data sets, see keras_drmm.data")
    options = parser.parse_args()
    hidden = MNIST_IMAGES - options.labels
    if not 0 < options.validation < hidden:
        parser.error(
            f"--validation must be from 1 to {hidden - 1}: the other images whose "
            "labels are hidden are learned from."
        )
    return options


if __name__ == "__main__":
    from recipes.common.allocator import keep_memory

    keep_memory()
    main()
