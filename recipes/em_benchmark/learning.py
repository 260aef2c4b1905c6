"""The parts of the benchmark that learn: error over seconds, and templates."""

import statistics
import time

from recipes.common.measure import VALIDATION_IMAGES
from recipes.common.results import IMAGES
from recipes.em_benchmark.setup import (
    BATCH,
    EG_EPOCHS,
    METHODS,
    algorithm,
    batches,
    build,
    record,
    recorded,
    training_images,
)


def learn(options):
    """Train by one method for as long as EG took, and record the error by epoch."""
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
    # Compiles the step before the clock starts.
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
    """Measures the seconds of each epoch, without those for measuring the error."""

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


def autoencoder(model):
    """Return an autoencoder of tied weights, which renders the model's own message."""
    import keras
    import numpy as np
    from keras import ops

    class TiedAutoencoder(keras.Model):
        def __init__(self):
            super().__init__()
            self.drmm = model

        def call(self, images):
            messages, switches = model.bottom_up(images)
            return model.render_down(messages[-1], switches)[0]

        def compute_loss(self, x=None, y=None, y_pred=None, *args, **kwargs):
            return ops.mean(ops.square(x - y_pred))

        def render_message(self, images):
            parts = np.split(images, len(images) // BATCH)
            return np.concatenate([ops.convert_to_numpy(self(part)) for part in parts])

    trained = TiedAutoencoder()
    trained.compile(model.optimizer)
    return trained


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
