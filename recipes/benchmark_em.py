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
import resource
import statistics
import time

from recipes.common import results
from recipes.common.command import choose_backend, keep_memory, make_parser
from recipes.common.measure import BATCH, VALIDATION_IMAGES, batches
from recipes.common.results import IMAGES

# The columns of a row before those of its origin. No measure fills all of them.
COLUMNS = (
    "measure",
    "method",
    "images",
    "channels",
    "kernel_size",
    "seed",
    "epoch",
    "seconds",
    "error",
    "memory_mib",
)
METHODS = (
    "EG",
    "hard EM",
    "hard EM, mini-batches",
    "soft EM, T=0.01",
    "soft EM, T=0.1",
    "soft EM, T=1",
    "backprop",
)
EG_EPOCHS = 5


def main():
    """Run one measurement."""
    options = parse()
    options.origin = results.origin(options.backend)
    choose_backend(options.backend)
    MEASURES[options.measure](options)


def sweep(options):
    """Time sweeps of EM and epochs of EG over all images, in turn."""
    from keras_drmm import EG

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


def learn(options):
    """Train by one method for as long as EG took, and record the error by epoch."""
    import keras

    from recipes.common.tied_autoencoder import TiedAutoencoder

    x, _ = training_images(options.images)
    validation, _ = training_images(VALIDATION_IMAGES, last=True)
    keras.utils.set_random_seed(options.seed)
    steps = EG_EPOCHS * (len(x) // BATCH)
    model = build(None if options.method == "backprop" else algorithm(options.method))
    if options.method in ("EG", "backprop"):
        rate = keras.optimizers.schedules.CosineDecay(options.rate, steps)
        model.optimizer.learning_rate = rate
    else:
        model.initialize(x[:1000], seed=options.seed)
    budget = None if options.method == "EG" else eg_seconds(options)
    trained = TiedAutoencoder(model) if options.method == "backprop" else model
    # Compiles the step before the clock starts.
    weights = trained.get_weights()
    trained.fit(batches(x[: 2 * BATCH]), verbose=0)
    trained.set_weights(weights)
    clock = Clock(options, model, trained, validation, budget)
    measured = keras.callbacks.LambdaCallback(
        on_epoch_begin=clock.begin, on_epoch_end=clock.end
    )
    trained.fit(
        batches(x, seed=options.seed),
        epochs=EG_EPOCHS if budget is None else 1000,
        callbacks=[measured],
        verbose=2,
    )


class Clock:
    """Measures the seconds of each epoch, without those for measuring the error."""

    def __init__(self, options, model, trained, validation, budget):
        self.options, self.model, self.trained = options, model, trained
        self.validation, self.budget = validation, budget
        self.seconds, self.best, self.error = 0.0, None, None

    def begin(self, epoch, logs=None):
        """Start the clock."""
        self.start = time.perf_counter()

    def end(self, epoch, logs):
        """Stop the clock, record the error, and end training if its time is over."""
        import numpy as np

        self.seconds += time.perf_counter() - self.start
        # EM takes back a sweep that raised its objective, so its weights do not count.
        is_em = self.options.method not in ("EG", "backprop")
        if not is_em or self.best is None or logs["loss"] <= self.best:
            self.best = logs["loss"]
            reconstruct = getattr(self.trained, "render_message", None)
            reconstruct = reconstruct or self.model.reconstruct
            images = self.validation
            self.error = float(np.mean(np.square(images - reconstruct(images))))
        record(
            self.options,
            method=self.options.method,
            images=self.options.images,
            epoch=epoch + 1,
            seed=self.options.seed,
            seconds=self.seconds,
            error=f"{self.error:.6f}",
        )
        if self.budget is not None and self.seconds >= self.budget:
            self.trained.stop_training = True


def eg_seconds(options):
    """Return the seconds that EG took for its epochs, the median of recorded rows."""
    times = [
        float(row["seconds"])
        for row in recorded("learn")
        if row["method"] == "EG"
        and row["epoch"] == str(EG_EPOCHS)
        and row["images"] == str(options.images)
    ]
    if not times:
        raise SystemExit("Run `learn --method EG` first: it sets the time limit.")
    return statistics.median(times)


def filters(options):
    """Learn the first level alone from 60,000 images, and plot its templates."""
    import keras

    from keras_drmm import analysis

    x, _ = training_images(60_000)
    keras.utils.set_random_seed(options.seed)
    model = build(algorithm(options.method), depth=1)
    if options.method != "EG":
        model.initialize(x[:1000], seed=options.seed)
    start = time.perf_counter()
    history = model.fit(
        batches(x, seed=options.seed), epochs=options.epochs, verbose=2
    ).history["loss"]
    seconds = (time.perf_counter() - start) / len(history)
    for epoch, loss in enumerate(history, start=1):
        record(
            options,
            method=f"{options.method}, 1 level",
            images=len(x),
            seed=options.seed,
            epoch=epoch,
            seconds=seconds * epoch,
            error=f"{loss:.6f}",
        )
    name = options.method.replace(" ", "_")
    analysis.plot_filters(model, IMAGES / f"filters_{name}.png")


def plot(options):
    """Plot the error over the seconds, with a curve for each seed."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    rows = recorded("learn")
    for number, method in enumerate(METHODS):
        seeds = {row["seed"] for row in rows if row["method"] == method}
        for first, seed in enumerate(sorted(seeds)):
            curve = [
                (float(row["seconds"]), float(row["error"]))
                for row in rows
                if row["method"] == method and row["seed"] == seed
            ]
            axes.plot(
                *zip(*curve, strict=True),
                color=f"C{number}",
                marker=".",
                alpha=0.7,
                label=None if first else method,
            )
    axes.set(
        xlabel="seconds, one core",
        ylabel="squared error a pixel, validation images",
        yscale="log",
    )
    axes.legend()
    figure.savefig(IMAGES / "em_error.png", dpi=120)


def build(algorithm, depth=5):
    """Return conv-small without batch normalisation, or its first levels."""
    from keras_drmm import DRMM, EG, Level

    levels = [
        Level(32, 5, padding="full", pool_size=2),
        Level(64, 3, padding="valid"),
        Level(64, 3, padding="full", pool_size=2),
        Level(128, 3, padding="valid"),
        Level(10, 1),
    ]
    # The top level of all five has one channel for each class. With fewer levels the
    # class templates need a value for each position.
    is_whole = depth == len(levels)
    model = DRMM(
        levels[:depth],
        num_classes=10,
        input_shape=(28, 28, 1),
        pooling="mean" if is_whole else None,
        templates_initializer="identity" if is_whole else "glorot_uniform",
    )
    model.compile("adam", algorithm=algorithm or EG())
    return model


def algorithm(method, gram_divisor=8):
    """Return the algorithm that a method's name stands for; it uses no labels."""
    from keras_drmm import EG, HardEM, SoftEM

    if method == "EG":
        alone = {"cross_entropy": 0, "entropy": 0, "marginal_kl": 0}
        return EG(reconstruction=1, nonnegativity=0, **alone)
    settings = {"gram_divisor": gram_divisor, "step": 0.25}
    if method == "hard EM":
        return HardEM(**settings)
    if method == "hard EM, mini-batches":
        return HardEM(**{**settings, "step": 0.1}, batches_per_m_step=20)
    return SoftEM(float(method.partition("=")[2]), **settings)


def training_images(count, last=False):
    """Return the first or last `count` training images and their labels."""
    from keras_drmm import data

    (x, y), _ = data.load("mnist")
    part = slice(-count, None) if last else slice(count)
    return data.to_unit_range(x[part]), y[part].astype("int32")


def recorded(measure):
    """Return the recorded rows of a measure."""
    rows = results.read_rows("benchmark_em")
    return [row for row in rows if row["measure"] == measure]


def record(options, **values):
    """Print a row and append it, unless the run is a short one."""
    values["seconds"] = round(values["seconds"], 4)
    print(values, flush=True)
    row = dict.fromkeys(COLUMNS, "")
    row |= {"measure": options.measure, **values, **options.origin}
    if options.images >= 1000:
        results.append_row(results.RESULTS / "benchmark_em.csv", row)


MEASURES = {
    "sweep": sweep,
    "solve": solve,
    "growth": growth,
    "learn": learn,
    "filters": filters,
    "plot": plot,
}


def parse(arguments=None):
    """Read the command line."""
    parser = make_parser(__doc__, "seed", "backend")
    parser.add_argument("measure", choices=MEASURES)
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
