"""Learn MNIST with a Rendering Mixture Model by exact EM.

    python -m recipes.rmm_mnist --labels 100 --draw 0
    python -m recipes.rmm_mnist --labels all
    python -m recipes.rmm_mnist --short

Learns `zoo.rmm` by soft EM on the training images, of which `--labels` are labelled.
Test errors: 24.9 % with 100 labels (mean of draws 0 to 2) and 6.2 % with all labels
(mean of seeds 0 to 2); the mean ln p(I) of test images is 220 nats. A run takes a
minute on two cores of an AMD EPYC.

5,000 other images are kept for validation, and nothing is selected by them. The test
set is used once, at the end. Writes samples of every class to `--output` and appends a
row to `recipes/results/rmm_mnist.csv`. `--short` learns 3 sweeps over 2,000 images, a
check in seconds, and records nothing.
"""

import time
from pathlib import Path

from recipes.common import results
from recipes.common.command import choose_backend, keep_memory, make_parser
from recipes.common.measure import error, load_mnist


def main():
    """Train, report and record."""
    options = parse()
    choose_backend(options.backend)
    import keras
    import numpy as np

    from keras_drmm import analysis, zoo

    origin = results.origin(options.backend)
    keras.utils.set_random_seed(options.seed)
    training, validation, (x_test, y_test) = load_mnist(
        options.labels, options.draw, options.short
    )
    images, labels = training
    model = zoo.rmm()
    start = time.perf_counter()
    history = model.fit(
        images, labels, batch_size=1000, epochs=options.epochs, verbose=2
    ).history
    seconds = time.perf_counter() - start
    options.output.mkdir(parents=True, exist_ok=True)
    analysis.plot_samples(model, options.output / "samples.png", columns=5)

    # The test images are used here, for the first and only time.
    row = {
        "table": "1",
        "setting": "semi-supervised",
        "model": "rmm",
        "labels": int((labels >= 0).sum()),
        "draw": options.draw,
        "seed": options.seed,
        "epochs": options.epochs,
        "seconds": round(seconds, 1),
        **origin,
        "validation_error": error(model, *validation),
        "test_error": error(model, x_test, y_test),
        "rises": int(np.sum(np.diff(history["loss"]) > 0)),
        "test_log_prob": round(
            float(model.log_prob(x_test, batch_size=1000).mean()), 2
        ),
    }
    results.record("rmm_mnist", row, not options.short)


def parse(arguments=None):
    """Read the command line."""
    parser = make_parser(__doc__, "draw", "seed", "backend")
    parser.add_argument(
        "--labels",
        type=lambda v: None if v == "all" else int(v),
        default=100,
        help="number of labelled images, or all",
    )
    parser.add_argument("--epochs", type=int, default=20, help="sweeps of EM")
    parser.add_argument("--output", type=Path, default=results.RUNS / "rmm_mnist")
    parser.add_argument("--short", action="store_true", help="a check, not recorded")
    options = parser.parse_args(arguments)
    if options.short:
        options.epochs = 3
    return options


if __name__ == "__main__":
    keep_memory()
    main()
