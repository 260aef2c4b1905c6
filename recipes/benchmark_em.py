"""EM of a 5-level DRMM: what a sweep costs, the solver, and error against seconds.

    python recipes/benchmark_em.py sweep
    python recipes/benchmark_em.py solve
    python recipes/benchmark_em.py growth
    python recipes/benchmark_em.py learn --method "hard EM" --seed 0
    python recipes/benchmark_em.py filters
    python recipes/benchmark_em.py plot

- `sweep`: sweeps of EM over 60,000 images against epochs of EG;
- `solve`: the M-step of the level with the most unknowns, statistics and solution,
  against `scipy.linalg.lstsq` on the explicit design matrix of the same images;
- `growth`: a level's statistics as images, channels and kernel grow;
- `learn`: reconstruction error of validation images over the seconds that 5 epochs of
  EG take (`--method EG` comes first), without labels. `backprop` trains the tied
  autoencoder of the same shape, which renders its message instead of a class;
- `filters`: templates of the first level after EM and after EG on 60,000 images;
- `plot`: the curves of `learn` from the recorded rows.

The model is conv-small without batch normalisation, which has no M-step. All methods
start from weights drawn by the same initializers; EM scales them to unit norm and takes
class templates from the data. Rows go to
`recipes/results/benchmark_em.csv`, pictures to `docs/images`.
"""

import argparse
import csv
import itertools
import os
import resource
import statistics
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

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
    "machine",
    "backend",
    "commit",
    "command",
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
BATCH, EG_EPOCHS, VALIDATION_IMAGES = 100, 5, 5000


def main():
    """Run one measurement."""
    options = parse()
    os.environ["KERAS_BACKEND"] = options.backend
    globals()[options.measure](options)


def sweep(options):
    """Time sweeps of EM and epochs of EG over all images, alternating."""
    from keras_drmm import EG

    x, y = training_images(60_000)
    y[100:] = -1
    # The objective of the zoo but for the rows it renders, on 100 labels.
    models = {
        "EG": build(EG(reconstruction=0.05, nonnegativity=0.01)),
        "EG, reconstruction alone": build(algorithm("EG")),
        "hard EM": build(algorithm("hard EM")),
        "hard EM, Gram of all rows": build(algorithm("hard EM", rows_per_gram=1)),
        "soft EM": build(algorithm("soft EM, T=0.1")),
    }
    for model in models.values():
        model.initialize(x[:1000], seed=0)
        # The first batches compile the step.
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
    """Time level 4's M-step and least squares on its design matrix."""
    import numpy as np
    import scipy.linalg
    from keras import ops

    from keras_drmm.models.level_statistics import LevelStatistics

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
            # Pixel x gets template element o from position x - o.
            top, left = kh - 1 - i, kw - 1 - j
            columns = slice((i * kw + j) * u.shape[3], (i * kw + j + 1) * u.shape[3])
            patch = u[:, top : top + height, left : left + width]
            design[:, columns] = patch.reshape(-1, u.shape[3])
        target = ops.convert_to_numpy(residual).astype("float64")
        target = target.reshape(-1, channels)
        return design, scipy.linalg.lstsq(design, target, check_finite=False)[0]

    m_step()
    for run in range(options.runs):
        results = {}
        for name, function in (("M-step", m_step), ("scipy lstsq", least_squares)):
            start = time.perf_counter()
            results[name] = function()
            seconds = time.perf_counter() - start
            change, alpha = results["M-step"]
            flat = change.transpose(0, 1, 3, 2).reshape(-1, sizes[2])
            ours, difference = np.vstack([flat, alpha]), ""
            if name == "scipy lstsq":
                design, best = results[name]
                fitted = design @ best
                # Of what the two solutions render, relative.
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
                # Peak of the process so far: the M-step runs first.
                memory_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            )


def growth(options):
    """Time a level's statistics: one size changes, the others stay."""
    from keras_drmm.models.level_statistics import LevelStatistics

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
            found.moments.numpy() if hasattr(found.moments, "numpy") else None
            times.append(time.perf_counter() - start)
        record(
            options,
            method="statistics",
            **case,
            seconds=statistics.median(times[1:]),
        )


def learn(options):
    """Train one method for the seconds of EG and record its error as it falls."""
    import keras

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
    trained = autoencoder(model) if options.method == "backprop" else model
    # Compiled before the clock starts.
    weights = trained.get_weights()
    trained.fit(batches(x[: 2 * BATCH]), verbose=0)
    trained.set_weights(weights)
    clock = Clock(options, model, trained, validation, budget)
    trained.fit(
        batches(x, seed=options.seed),
        epochs=EG_EPOCHS if budget is None else 1000,
        callbacks=[clock.callback()],
        verbose=2,
    )


class Clock:
    """Stops the time of each epoch without what it takes to measure the error."""

    def __init__(self, options, model, trained, validation, budget):
        self.options, self.model, self.trained = options, model, trained
        self.validation, self.budget = validation, budget
        self.seconds, self.best, self.error = 0.0, None, None

    def callback(self):
        """Return the Keras callback."""
        import keras

        return keras.callbacks.LambdaCallback(
            on_epoch_begin=self.begin, on_epoch_end=self.end
        )

    def begin(self, epoch, logs=None):
        """Start the clock."""
        self.start = time.perf_counter()

    def end(self, epoch, logs):
        """Stop it, measure, record, and stop training when the seconds are over."""
        import numpy as np

        self.seconds += time.perf_counter() - self.start
        # EM takes back what made its objective rise: those weights are not kept.
        em = getattr(self.model.algorithm, "closed_form", False)
        if not em or self.best is None or logs["loss"] <= self.best:
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
    """Return how long EG took for its epochs, of the recorded rows."""
    times = [
        float(row["seconds"])
        for row in recorded("learn")
        if row["method"] == "EG"
        and row["epoch"] == str(EG_EPOCHS)
        and row["images"] == str(options.images)
    ]
    if not times:
        raise SystemExit("Run `learn --method EG` first: its seconds are the budget.")
    return statistics.median(times)


def autoencoder(model):
    """Return a model that renders its own message, trained by plain backprop."""
    import keras
    import numpy as np
    from keras import ops

    class TiedAutoencoder(keras.Model):
        def __init__(self):
            super().__init__()
            self.drmm = model

        def call(self, images):
            messages, switches = model.bottom_up(images)
            z = messages[-1]
            for level, inferred in model._from_the_top(switches):
                z = level.top_down(ops.relu(z), inferred)
            return z

        def train_step(self, *args):
            *state, images = args
            images = images[0] if isinstance(images, tuple) else images
            return super().train_step(*state, (images, images))

        def render_message(self, images):
            parts = np.split(images, len(images) // BATCH)
            return np.concatenate([ops.convert_to_numpy(self(part)) for part in parts])

    trained = TiedAutoencoder()
    trained.compile(model.optimizer, loss="mse")
    return trained


def filters(options):
    """Draw the first level's templates after learning 60,000 images without labels."""
    import keras

    from keras_drmm import analysis

    x, _ = training_images(60_000)
    models = {}
    for name in ("hard EM", "EG"):
        keras.utils.set_random_seed(options.seed)
        model = models[name] = build(algorithm(name))
        model.initialize(x[:1000], seed=options.seed)
        start = time.perf_counter()
        history = model.fit(
            batches(x, seed=options.seed), epochs=options.epochs, verbose=2
        ).history["loss"]
        for epoch, loss in enumerate(history, start=1):
            record(
                options,
                method=name,
                images=len(x),
                seed=options.seed,
                epoch=epoch,
                seconds=(time.perf_counter() - start) * epoch / len(history),
                error=f"{loss:.6f}",
            )
        picture = PROJECT / "docs" / "images" / f"filters_{name.replace(' ', '_')}.png"
        analysis.plot_filters(model, picture)


def plot(options):
    """Draw error against seconds, the mean over seeds and each seed's curve."""
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
    figure.savefig(PROJECT / "docs" / "images" / "em_error.png", dpi=120)


def build(algorithm):
    """Return conv-small without batch normalisation."""
    from keras_drmm import DRMM, EG, Level

    levels = [
        Level(32, 5, padding="full", pool_size=2),
        Level(64, 3, padding="valid"),
        Level(64, 3, padding="full", pool_size=2),
        Level(128, 3, padding="valid"),
        Level(10, 1),
    ]
    model = DRMM(levels, 10, (28, 28, 1), templates_initializer="identity")
    model.compile("adam", algorithm=algorithm or EG())
    return model


def algorithm(method, rows_per_gram=8):
    """Return the algorithm of a method's name, without labels."""
    from keras_drmm import EG, HardEM, SoftEM

    if method == "EG":
        alone = {"cross_entropy": 0, "entropy": 0, "marginal_kl": 0}
        return EG(reconstruction=1, nonnegativity=0, **alone)
    settings = {"rows_per_gram": rows_per_gram, "step": 0.5}
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


def batches(x, y=None, seed=0):
    """Return shuffled batches, on TensorFlow without an autotuner to wait for."""
    import keras
    import numpy as np

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tensors = x if y is None else (x, y)
        dataset = tf.data.Dataset.from_tensor_slices(tensors)
        dataset = dataset.shuffle(len(x), seed).batch(BATCH, drop_remainder=True)
        options = tf.data.Options()
        options.autotune.enabled = False
        return dataset.with_options(options)

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return len(x) // BATCH

        def __getitem__(self, index):
            rows = np.s_[index * BATCH : (index + 1) * BATCH]
            return (x[rows],) if y is None else (x[rows], y[rows])

    return Batches()


def problem(channels, kernel_size, images):
    """Return a level as conv-small's fourth, unpooled z, a residual and its sizes."""
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
    """Return a function as a training step runs it: TensorFlow's in a graph."""
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function)
    return function


def recorded(measure):
    """Return the recorded rows of a measure."""
    from recipes import results

    path = results.RESULTS / "benchmark_em.csv"
    if not path.exists():
        return []
    with path.open() as file:
        return [row for row in csv.DictReader(file) if row["measure"] == measure]


def record(options, **values):
    """Append a row and print it."""
    from recipes import results

    values["seconds"] = round(values["seconds"], 4)
    row = dict.fromkeys(COLUMNS, "")
    row |= {"measure": options.measure, **values}
    row |= {"machine": results.machine(), "backend": options.backend}
    row |= {"commit": options.commit, "command": results.command()}
    print({name: row[name] for name in COLUMNS[1:10] if row[name] != ""}, flush=True)
    if options.images >= 1000:
        results.append_row(results.RESULTS / "benchmark_em.csv", row, COLUMNS)


def parse():
    """Read the command line."""
    from recipes import results

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    measures = ("sweep", "solve", "growth", "learn", "filters", "plot")
    parser.add_argument("measure", choices=measures)
    parser.add_argument("--method", choices=METHODS, default="hard EM")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int, default=10_000, help="to learn from")
    parser.add_argument("--epochs", type=int, default=10, help="of `filters`")
    parser.add_argument("--rate", type=float, default=2e-3, help="of EG and backprop")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument(
        "--backend", choices=("tensorflow", "jax", "torch"), default="tensorflow"
    )
    options = parser.parse_args()
    # Asked now: the code may be edited while the run goes on.
    options.commit = results.commit()
    return options


if __name__ == "__main__":
    from recipes.allocator import keep_memory

    keep_memory()
    main()
