"""Compare plain `fit` on TensorFlow with `fit` of the same batches, ready-made.

    python -m recipes.benchmark_fit
    python -m recipes.benchmark_fit --short

Keras gives the data sets that it makes of arrays and PyDatasets an autotuner, for which
the end of each epoch waits: epochs lasted 0.31, 0.62, 1.27, 2.55, 5.1 s whatever the
work. Models turn it off in `fit`, so that arrays and a `SemiSupervisedDataset` should
take as long as a `tf.data.Dataset` of the same batches that never had one.

The two sides take turns, and the medians of their seconds an epoch are compared, so
that the ratios hold even if the machine's speed drifts. Batches have 100 images of
28x28x1. A run takes about `--steps` steps at every size, as many epochs as that makes:
what a fit costs once is spread over the epochs of a usual training. Rows go to
`recipes/results/benchmark_fit.csv`. `--short` takes one run of the smallest size and
records nothing.
"""

import statistics
import time

from recipes.common import results
from recipes.common.command import at_least, choose_backend, make_parser

# The model of the cheapest step, which shows best what is lost beside steps.
MODEL = "rfm"
ROWS = (1500, 2500, 4000, 6000, 8000)
BATCH = 100
# The highest ratio that is good enough.
GOAL = 1.05


def main():
    """Measure, print and record."""
    options = parse()
    choose_backend("tensorflow")
    origin = results.origin("tensorflow")
    for rows in ROWS[: 1 if options.short else None]:
        for row in compare(rows, epochs_of(rows, options.steps), options.runs):
            results.record("benchmark_fit", row | origin, not options.short)


def parse(arguments=None):
    """Read the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--runs", type=at_least(1), default=3, help="for each size")
    parser.add_argument("--steps", type=at_least(1), default=320, help="of a run")
    parser.add_argument("--short", action="store_true", help="1 run, not recorded")
    options = parser.parse_args(arguments)
    if options.short:
        options.runs = options.steps = 1
    return options


def epochs_of(rows, steps):
    """Return the number of epochs of so many rows that take about `steps` steps."""
    return max(1, round(steps / (rows / BATCH)))


def compare(rows, epochs, runs):
    """Return the rows of a size."""
    import tensorflow as tf

    from keras_drmm import data, zoo

    (x, y), _ = data.load("mnist")
    x, y = x[:rows], y[:rows]
    model = getattr(zoo, MODEL)()
    arrays = data.to_unit_range(x), y.astype("int32")
    ready = tf.data.Dataset.from_tensor_slices(arrays).shuffle(rows)
    ready = data.without_autotuner(ready.batch(BATCH).prefetch(2))
    dataset = data.semi_supervised(x, y, BATCH, batch_size=BATCH)
    inputs = {
        "arrays": (arrays, (ready,)),
        "SemiSupervisedDataset": ((dataset,), (dataset.as_tf_dataset(),)),
    }
    found = []
    for kind, sides in inputs.items():
        seconds = ([], [])
        # The first run compiles and is not counted.
        for run in range(runs + 1):
            for times, side in zip(seconds, sides, strict=True):
                batch_size = BATCH if len(side) == 2 else None
                start = time.perf_counter()
                model.fit(
                    *side,
                    batch_size=batch_size,
                    epochs=epochs,
                    shuffle=batch_size is not None,
                    verbose=0,
                )
                if run:
                    times.append((time.perf_counter() - start) / epochs)
        found.append(summary(kind, rows, seconds, epochs))
    return found


def summary(kind, rows, seconds, epochs):
    """Return a row of the medians of seconds an epoch, (plain, ready-made)."""
    plain, ready_made = map(statistics.median, seconds)
    return {
        "model": MODEL,
        "input": kind,
        "rows": rows,
        "plain": round(plain, 4),
        "ready_made": round(ready_made, 4),
        "unit": "s/epoch",
        "ratio": round(plain / ready_made, 3),
        "goal": GOAL,
        "epochs": epochs,
        "runs": len(seconds[0]),
    }


if __name__ == "__main__":
    main()
