"""MNIST by the Rendering Mixture Model and exact EM: errors, likelihood, samples.

    python -m recipes.rmm_mnist --labels 100 --draw 0
    python -m recipes.rmm_mnist --labels all
    python -m recipes.rmm_mnist --short

Learns `zoo.rmm` by soft EM on the training images, of which `--labels` keep their
label; 5,000 others are kept for validation, and nothing is selected by them. The test
set is read once, at the end. Writes samples of every class to `--output` and appends a
row to `recipes/results/rmm_mnist.csv`: errors in percent, mean ln p(I) of test images
in nats. A minute on one core.

`--short` takes 2,000 images and 3 sweeps, seconds; its row is not recorded.
"""

import argparse
import os
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]

VALIDATION_IMAGES = 5000


def main():
    """Train, report and record."""
    options = parse()
    # Keras reads the backend when it is imported.
    os.environ["KERAS_BACKEND"] = options.backend
    import keras
    import numpy as np

    from keras_drmm import analysis, data, zoo
    from recipes.common import results
    from recipes.common.measure import error

    commit = results.commit()
    keras.utils.set_random_seed(options.seed)
    (x, y), (x_test, y_test) = data.load("mnist")
    if options.short:
        x, y = x[: VALIDATION_IMAGES + 2000], y[: VALIDATION_IMAGES + 2000]
    dataset = data.semi_supervised(
        x, y, options.labels, validation=VALIDATION_IMAGES, seed=options.draw
    )
    # Not those that validate.
    learned = [*dataset.labelled_indices, *dataset.unlabelled_indices]
    images, labels = data.to_unit_range(x[learned]), dataset.shown_labels[learned]

    model = zoo.rmm()
    start = time.perf_counter()
    history = model.fit(
        images, labels, batch_size=1000, epochs=options.epochs, verbose=2
    ).history
    seconds = time.perf_counter() - start
    options.output.mkdir(parents=True, exist_ok=True)
    analysis.plot_samples(model, options.output / "samples.png", columns=5)

    # The test images are used here, for the first and only time.
    x_test = data.to_unit_range(x_test)
    row = {
        "table": "1",
        "setting": "semi-supervised",
        "model": "rmm",
        "labels": len(dataset.labelled_indices),
        "draw": options.draw,
        "seed": options.seed,
        "epochs": options.epochs,
        "seconds": round(seconds, 1),
        "machine": results.machine(),
        "backend": options.backend,
        "commit": commit,
        "command": results.command(),
        "validation_error": error(model, *dataset.validation),
        "test_error": error(model, x_test, y_test),
        "rises": int(np.sum(np.diff(history["loss"]) > 0)),
        "test_log_prob": round(
            float(model.log_prob(x_test, batch_size=1000).mean()), 2
        ),
    }
    print(row)
    if not options.short:
        results.append_row(results.RESULTS / "rmm_mnist.csv", row, tuple(row))


def parse():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--labels",
        type=lambda v: None if v == "all" else int(v),
        default=100,
        help="how many labels, or all",
    )
    parser.add_argument("--draw", type=int, default=0, help="which labels are drawn")
    parser.add_argument("--seed", type=int, default=0, help="of the first templates")
    parser.add_argument("--epochs", type=int, default=20, help="sweeps of EM")
    parser.add_argument(
        "--backend", choices=("tensorflow", "jax", "torch"), default="tensorflow"
    )
    parser.add_argument("--output", type=Path, default=PROJECT / "runs" / "rmm_mnist")
    parser.add_argument("--short", action="store_true", help="a check, not recorded")
    options = parser.parse_args()
    if options.short:
        options.epochs = 3
    return options


if __name__ == "__main__":
    from recipes.common.allocator import keep_memory

    keep_memory()
    main()
