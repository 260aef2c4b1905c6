"""Learn how sure a network of 100 labels may be, without any further labels.

    python -m recipes.calibration --preset drmm_conv_small_mnist_100
    python -m recipes.calibration --preset drmm_lenet_mnist_100
    python -m recipes.calibration --draw 0
    python -m recipes.calibration --short

A temperature divides the logits. It is learned from what the network has anyway, its
100 labelled images of MNIST and the images without labels, in several ways:

- `none`: it stays 1;
- `cross-validation`: of the labelled rows, by `evaluation.cross_validated_temperature`
  with `FOLDS` networks; without `--preset` alone, as a preset takes too long to train
  so often;
- `second network`: of its answers for unlabelled images against those of another
  preset that learned the same labels; with `--preset` alone;
- `moved copies`: of its answers for unlabelled images against those for copies that
  are moved by up to 2 pixels;
- `test labels`: the temperature that no way can beat by likelihood, for comparison.

Without `--preset`, `zoo.drmm_lenet` learns here, from 10,000 images, as do the networks
of the folds. Test images are read once, after all temperatures but the last. Each way
is a row of `recipes/results/calibration.csv`: the expected calibration error of 15 bins
as of `evaluation.calibration_error`, cross entropy in nats, and the area under the
curve of error against the share of answered images (%). `--short` learns 300 images
for an epoch and records nothing.
"""

import time

import numpy as np

from recipes.common import results
from recipes.common.command import choose_backend, keep_memory, make_parser

# By what each preset is compared: it learned the same labels.
SECOND = {
    "drmm_conv_small_mnist_100": "drmm_lenet_mnist_100",
    "drmm_lenet_mnist_100": "drmm_conv_small_mnist_100",
}
LABELS, FOLDS, EPOCHS = 100, 3, 5
IMAGES, SHORT_IMAGES = 10_000, 300
# Unlabelled images that the ways without labels look at.
LOOKED_AT = 10_000


def main(arguments=None):
    """Find each temperature, measure it and record."""
    options = parse(arguments)
    choose_backend(options.backend)
    import keras
    from scipy.special import log_softmax, softmax

    from keras_drmm import data
    from keras_drmm.evaluation import TemperatureScaling, calibration_error

    origin = results.origin(options.backend)
    keras.utils.set_random_seed(options.seed)
    run, model, temperatures = (learned if options.preset is None else preset)(options)
    _, (x, y) = data.load("mnist")
    logits = np.float64(model.predict(data.to_unit_range(x), 500, verbose=0))
    start = time.process_time()
    best = TemperatureScaling().fit(logits, y).temperature
    temperatures["test labels"] = best, time.process_time() - start
    for way, (temperature, seconds) in temperatures.items():
        scaled = softmax(logits / temperature, axis=1)
        surprise = -log_softmax(logits / temperature, axis=1)[np.arange(len(y)), y]
        row = {
            **run,
            "way": way,
            "seed": options.seed,
            "temperature": round(temperature, 4),
            "ece_unscaled": round(calibration_error(softmax(logits, axis=1), y), 5),
            "ece": round(calibration_error(scaled, y), 5),
            "cross_entropy": round(float(surprise.mean()), 5),
            "aurc": round(area(scaled, y), 4),
            "cpu_seconds": round(seconds, 1),
            **origin,
            "test_error": round(100 * float((logits.argmax(1) != y).mean()), 2),
        }
        results.record("calibration", row, not options.short)


def learned(options):
    """Return what was run, a network that learns here, and its temperatures.

    Returns:
        (columns of a row, the model, {way: (temperature, CPU seconds)}).
    """
    import keras

    from keras_drmm import data, zoo
    from keras_drmm.evaluation import cross_validated_temperature

    (x, y), _ = data.load("mnist")
    x, y = x[: options.images], y[: options.images]
    dataset = data.semi_supervised(x, y, LABELS, seed=options.draw)
    model = zoo.drmm_lenet()
    model.fit(dataset, epochs=options.epochs, shuffle=False, verbose=2)
    start = time.process_time()
    keras.utils.set_random_seed(options.seed)
    found = cross_validated_temperature(
        zoo.drmm_lenet,
        x,
        dataset.shown_labels,
        folds=FOLDS,
        epochs=options.epochs,
        seed=options.seed,
    )
    took = time.process_time() - start
    run = {
        "model": "drmm_lenet",
        "images": len(x),
        "labels": LABELS,
        "draw": options.draw,
        "epochs": options.epochs,
        "folds": FOLDS,
    }
    rows = choose_rows(dataset.shown_labels, options.seed)
    images = data.to_unit_range(x[rows])
    return (
        run,
        model,
        {"none": (1.0, 0.0), "cross-validation": (found, took)}
        | moved(model, images, options.seed),
    )


def preset(options):
    """Return the same of a preset."""
    from keras_drmm import data, zoo
    from recipes.tables import presets

    card, model = presets.load(options, ("labels", "draw"))
    x, _, dataset = presets.load_training(card, model, None)
    rows = choose_rows(dataset.shown_labels, options.seed)
    images = data.to_unit_range(x[rows])
    start = time.process_time()
    second = zoo.from_preset(SECOND[options.preset])
    found = agreement(model, images, answers(second, images))
    took = time.process_time() - start
    run = {
        "model": options.preset,
        "images": len(x),
        "labels": card["labels"],
        "draw": card["draw"],
        "epochs": "",
        "folds": "",
    }
    return (
        run,
        model,
        {"none": (1.0, 0.0), "second network": (found, took)}
        | moved(model, images, options.seed),
    )


def choose_rows(labels, seed):
    """Return rows without a label, some of them where there are many."""
    unlabelled = np.flatnonzero(labels < 0)
    return np.random.default_rng(seed).permutation(unlabelled)[:LOOKED_AT]


def moved(model, images, seed):
    """Return {"moved copies": (temperature, CPU seconds)}."""
    from keras_drmm import data

    start = time.process_time()
    move = data.ShiftAndMirror(2, mirror=False)
    copies = move(images, np.arange(len(images)), 0, np.random.default_rng(seed))
    found = agreement(model, images, answers(model, copies))
    return {"moved copies": (found, time.process_time() - start)}


def agreement(model, images, labels):
    """Return the temperature by which a model fits the answers of another one."""
    from keras_drmm.evaluation import TemperatureScaling

    logits = model.predict(images, 500, verbose=0)
    return TemperatureScaling().fit(logits, labels).temperature


def answers(model, images):
    """Return the classes of images as a model has them."""
    return model.predict(images, 500, verbose=0).argmax(axis=1)


def area(probabilities, labels):
    """Return the area under the curve of error (%) against the share answered."""
    from keras_drmm.evaluation import reject_curve

    curve = reject_curve(probabilities, labels)
    shares = np.diff(curve["answered"], prepend=0)
    return 100 * float((curve["error"] * shares).sum())


def parse(arguments=None):
    """Read the command line."""
    parser = make_parser(__doc__, "draw", "seed", "backend")
    parser.add_argument("--preset", choices=SECOND, help="default: train drmm_lenet")
    parser.add_argument("--short", action="store_true", help="a check, not recorded")
    options = parser.parse_args(arguments)
    options.images, options.epochs = IMAGES, EPOCHS
    if options.short:
        options.images, options.epochs = SHORT_IMAGES, 1
    return options


if __name__ == "__main__":
    keep_memory()
    main()
