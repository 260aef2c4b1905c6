"""Compare EM of a 5-level DRMM with EG: time of a sweep and error after equal time.

    python -m recipes.benchmark_em sweep
    python -m recipes.benchmark_em solve
    python -m recipes.benchmark_em growth
    python -m recipes.benchmark_em learn --method "hard EM" --seed 0
    python -m recipes.benchmark_em filters --method "hard EM" --epochs 10
    python -m recipes.benchmark_em plot
    python -m recipes.benchmark_em learn --method EG --images 500

On one core of an Intel Xeon, on TensorFlow:

- `sweep` times sweeps of EM over 60,000 images and epochs of EG, the median of 2 runs:
  hard EM 122 s, EG 190 s, EG by reconstruction alone 110 s;
- `solve` times the M-step of the level with the most unknowns, statistics and solution,
  0.32 s, and `scipy.linalg.lstsq` on the explicit design matrix of the same images,
  10 s;
- `growth` times a level's statistics as images, channels and kernel grow: seconds;
- `learn` measures the reconstruction error of validation images during the time that 5
  epochs of EG take, without labels. Run `--method EG` first. `backprop` trains the tied
  autoencoder of the same shape, which renders its message instead of a class. With
  `--images 5000`, in about 50 s for each method and seed: EG 0.0102, hard EM 0.0144, in
  mini-batches 0.0131, backprop 0.0180;
- `filters` plots the templates of the first level alone, learned from 60,000 images:
  50 s for an epoch of EG and 90 s for a sweep of hard EM;
- `plot` plots the curves of `learn` from the recorded rows.

The model is conv-small without batch normalisation, which has no M-step. All methods
use the same initializers; EM scales the weights to unit norm and takes class templates
from the data. Rows go to `recipes/results/benchmark_em.csv`, pictures to `docs/images`.
The last command is a check in seconds: fewer than 1,000 `--images` are not recorded.
"""

import itertools
import os
import resource
import statistics
import time

from recipes.common import results
from recipes.common.command import keep_memory, make_parser
from recipes.em_benchmark.setup import METHODS

LEARNING = ("learn", "filters", "plot")


def main():
    """Run one measurement."""
    options = parse()
    options.origin = results.origin(options.backend)
    os.environ["KERAS_BACKEND"] = options.backend
    from recipes.em_benchmark import learning as em_learning

    measures = {"sweep": sweep, "solve": solve, "growth": growth}
    measures |= {name: getattr(em_learning, name) for name in LEARNING}
    measures[options.measure](options)


def sweep(options):
    """Time sweeps of EM and epochs of EG over all images, in turn."""
    from keras_drmm import EG
    from recipes.em_benchmark.setup import (
        BATCH,
        algorithm,
        batches,
        build,
        record,
        training_images,
    )

    x, y = training_images(60_000)
    y[100:] = -1
    # The first has the zoo's objective, but renders every row; 100 rows have labels.
    models = {
        "EG": build(EG(reconstruction=0.05, nonnegativity=0.01)),
        "EG, reconstruction alone": build(algorithm("EG")),
        "hard EM": build(algorithm("hard EM")),
        "hard EM, Gram of all rows": build(algorithm("hard EM", gram_divisor=1)),
        "soft EM": build(algorithm("soft EM, T=0.1")),
    }
    for model in models.values():
        model.initialize(x[:1000], seed=0)
        # Compiles the step.
        model.fit(batches(x[: 2 * BATCH], y[: 2 * BATCH]), verbose=0)
    data = batches(x, y)
    for run, (name, model) in itertools.product(range(options.runs), models.items()):
        start = time.perf_counter()
        model.fit(data, verbose=0)
        record(
            options,
            method=name,
            images=len(x),
            seed=run,
            seconds=time.perf_counter() - start,
        )


def solve(options):
    """Time the M-step of level 4, and least squares on its design matrix."""
    import numpy as np
    import scipy.linalg
    from keras import ops

    from keras_drmm.em.level_statistics import LevelStatistics
    from recipes.em_benchmark.setup import BATCH, record

    images = 1000
    level, unpooled, residual, sizes = problem(128, 3, images)
    kernel = ops.convert_to_numpy(level.conv.kernel)

    def m_step():
        found = LevelStatistics(level, sizes, "statistics")
        update = compiled(found.update_state)
        for rows in range(0, images, BATCH):
            part = slice(rows, rows + BATCH)
            update(unpooled[part], residual[part])
        return found.solve(kernel, ridge=0.0)

    def least_squares():
        # (images * pixels, kh * kw * filters + 1): the patches, and the 1 of α.
        kh, kw = level.conv.kernel_size
        height, width, channels = sizes
        u = np.pad(
            ops.convert_to_numpy(unpooled).astype("float64"),
            [(0, 0), (kh - 1, kh - 1), (kw - 1, kw - 1), (0, 0)],
        )
        design = np.ones((images * height * width, kh * kw * u.shape[3] + 1))
        for i, j in np.ndindex(kh, kw):
            # Pixel x is rendered by template element o at position x - o.
            top, left = kh - 1 - i, kw - 1 - j
            columns = slice((i * kw + j) * u.shape[3], (i * kw + j + 1) * u.shape[3])
            patch = u[:, top : top + height, left : left + width]
            design[:, columns] = patch.reshape(-1, u.shape[3])
        target = ops.convert_to_numpy(residual).astype("float64")
        target = target.reshape(-1, channels)
        return design, scipy.linalg.lstsq(design, target, check_finite=False)[0]

    m_step()
    for run in range(options.runs):
        solutions = {}
        for name, function in (("M-step", m_step), ("scipy lstsq", least_squares)):
            start = time.perf_counter()
            solutions[name] = function()
            seconds = time.perf_counter() - start
            change, alpha, _ = solutions["M-step"]
            flat = change.transpose(0, 1, 3, 2).reshape(-1, sizes[2])
            ours, difference = np.vstack([flat, alpha]), ""
            if name == "scipy lstsq":
                design, best = solutions[name]
                fitted = design @ best
                # The relative difference of the images that the two render.
                difference = np.abs(design @ ours - fitted).max() / np.abs(fitted).max()
            record(
                options,
                method=name,
                images=images,
                channels=128,
                kernel_size=3,
                seed=run,
                seconds=seconds,
                error=difference,
                # The peak of the process so far; the M-step runs first.
                memory_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            )


def growth(options):
    """Time a level's statistics while one of its sizes grows."""
    from keras import ops

    from keras_drmm.em.level_statistics import LevelStatistics
    from recipes.em_benchmark.setup import BATCH, record

    base = {"channels": 64, "kernel_size": 3, "images": BATCH}
    sizes = [
        *({**base, "images": v} for v in (50, 100, 200, 400)),
        *({**base, "channels": v} for v in (16, 32, 128)),
        *({**base, "kernel_size": v} for v in (5, 7)),
    ]
    for case in sizes:
        level, unpooled, residual, shape = problem(**case)
        found = LevelStatistics(level, shape, "statistics")
        update, times = compiled(found.update_state), []
        for _ in range(options.runs + 1):
            start = time.perf_counter()
            update(unpooled, residual)
            # Waits for the backend, which may still compute.
            ops.convert_to_numpy(found.moments)
            times.append(time.perf_counter() - start)
        record(
            options,
            method="statistics",
            **case,
            seconds=statistics.median(times[1:]),
        )


def problem(channels, kernel_size, images):
    """Return a level like conv-small's fourth, unpooled z, a residual and its shape."""
    import numpy as np
    from keras import ops

    from keras_drmm import Level

    rng = np.random.default_rng(0)
    sizes = (8, 8, 64)
    level = Level(channels, kernel_size, padding="valid")
    level.build((None, *sizes))
    x = rng.normal(size=(images, *sizes)).astype("float32")
    message, switches = level.bottom_up(x)
    unpooled = level.pool.unpool(message, switches)
    return level, unpooled, ops.convert_to_tensor(x), sizes


def compiled(function):
    """Return a function as a training step runs it: in a graph on TensorFlow."""
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function)
    return function


def parse(arguments=None):
    """Read the command line."""
    parser = make_parser(__doc__, "seed", "backend")
    parser.add_argument("measure", choices=("sweep", "solve", "growth", *LEARNING))
    parser.add_argument("--method", choices=METHODS, default="hard EM")
    parser.add_argument(
        "--images",
        type=int,
        default=10_000,
        help="number to learn from; fewer than 1,000 are not recorded",
    )
    parser.add_argument("--epochs", type=int, default=10, help="for `filters`")
    parser.add_argument(
        "--rate", type=float, default=2e-3, help="learning rate of EG and backprop"
    )
    parser.add_argument("--runs", type=int, default=3, help="repetitions")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    keep_memory()
    main()
