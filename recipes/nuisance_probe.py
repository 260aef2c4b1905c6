"""Probe what each level of a trained model tells about nuisances (Figure 2, left).

    python -m recipes.nuisance_probe --seed 0
    python -m recipes.nuisance_probe --short

The paper trains a convnet to classify rendered objects and reads off each level, by
linear probes, how much it tells about the class and about nuisances that it was not
asked for. Here the objects are the 12 kinds of outlines of `recipes.untuned.objects`,
of 32x32 pixels, once with few nuisances (the place of an object) and once with many
(place, rotation, scale, thickness and lighting). `zoo.for_images`, 5 levels, learns the
labels of 3,000 images by cross-entropy alone; `analysis.probe_nuisances` then sees
1,500 other images, once before the training and once after it.

A seed takes 5 minutes on one core of an Intel Xeon that other programs shared.

A row has the scores of the probes of one factor, from the pixels (level 0) to the last
level: accuracy of the class, R² of all others. Rows go to
`recipes/results/nuisance_probe.csv`. `--short` is a check in seconds, not recorded.
"""

import time

import numpy as np

from recipes.common import results
from recipes.common.command import choose_backend, keep_memory, make_parser

FEW = ("x", "y")
# Pixels from the middle, degrees, half a side in pixels, pixels, strength of the light.
RANGES = {
    "x": (-5, 5),
    "y": (-5, 5),
    "rotation": (-60, 60),
    "scale": (6, 9),
    "thickness": (1, 3.5),
    "light": (0, 0.5),
}
FIXED = {"rotation": 0, "scale": 8, "thickness": 2, "light": 0}
NUISANCES = {"few": FEW, "many": tuple(RANGES)}
IMAGES, PROBE_IMAGES, EPOCHS, BATCH = 3000, 1500, 6, 50
SHORT_IMAGES, SHORT_PROBE_IMAGES = 200, 120


def main():
    """Train with few and with many nuisances, probe before and after, and record."""
    options = parse()
    choose_backend(options.backend)
    import keras

    from keras_drmm import analysis, data, zoo
    from recipes.common.measure import error

    origin = results.origin(options.backend)
    for name, varied in NUISANCES.items():
        random = np.random.default_rng(options.seed)
        x, labels, _ = draw(options.images, varied, random)
        seen, classes, factors = draw(options.probe_images, varied, random)
        x, seen = data.to_unit_range(x), data.to_unit_range(seen)
        keras.utils.set_random_seed(options.seed)
        model = zoo.for_images(seen.shape[1:], int(classes.max()) + 1)
        for is_trained in (False, True):
            start = time.process_time()
            if is_trained:
                train(model, x, labels, options.epochs)
            scores = analysis.probe_nuisances(
                model, seen, {"class": classes, **factors}, seed=options.seed
            )
            seconds = time.process_time() - start
            for factor, levels in scores.items():
                row = {
                    "nuisances": name,
                    "trained": "yes" if is_trained else "no",
                    "factor": factor,
                    "seed": options.seed,
                    "images": options.images,
                    "probe_images": options.probe_images,
                    "epochs": options.epochs,
                    # Of the model, on the images that are probed.
                    "error": error(model, seen, classes),
                    "cpu_seconds": round(seconds),
                    **{f"level_{n}": round(float(v), 4) for n, v in enumerate(levels)},
                    **origin,
                }
                results.record("nuisance_probe", row, not options.short)


def train(model, x, labels, epochs):
    """Learn the labels by cross-entropy alone, as a convnet does."""
    import keras

    rate = keras.optimizers.schedules.CosineDecay(2e-3, epochs * (len(x) // BATCH))
    model.compile(
        keras.optimizers.Adam(rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.fit(x, labels, batch_size=BATCH, epochs=epochs, verbose=2)


def draw(count, varied, random):
    """Return images uint8 (count, 32, 32), classes, and {nuisance: floats} that vary.

    An angle is told by its sine and cosine, and lighting by the gradient of brightness
    that it makes, to the right and downwards: two columns each.

    Args:
        count: number of images, as many of each class as of any other, or one more.
        varied: names of nuisances; others are fixed.
        random: a `numpy.random.Generator`.
    """
    from recipes.untuned.objects import OUTLINES, SIZE, Pose, draw_object

    classes = random.permutation(np.arange(count) % len(OUTLINES))
    # Every nuisance is drawn, so that `few` and `many` have the same places.
    drawn = {name: random.uniform(*RANGES[name], count) for name in RANGES}
    light_from = random.uniform(0, 2 * np.pi, count)
    drawn |= {
        name: np.full(count, float(value))
        for name, value in FIXED.items()
        if name not in varied
    }
    rotation = np.radians(drawn["rotation"])
    images = [
        draw_object(
            label,
            Pose(
                rotation=rotation[n],
                stretch=np.full(2, drawn["scale"][n]),
                middle=SIZE / 2 + np.array([drawn["x"][n], drawn["y"][n]]),
                is_filled=False,
                thickness=drawn["thickness"][n],
                ground=0.2,
                body=0.7,
                light_from=light_from[n],
                light=drawn["light"][n],
                noise=0.03,
            ),
            random,
        )
        for n, label in enumerate(classes)
    ]
    told = {
        **drawn,
        "rotation": np.stack([np.sin(rotation), np.cos(rotation)], axis=1),
        "light": drawn["light"][:, None]
        * np.stack([np.cos(light_from), np.sin(light_from)], axis=1),
    }
    return np.stack(images), classes, {name: told[name] for name in varied}


def parse(arguments=None):
    """Read the command line."""
    parser = make_parser(__doc__, "seed", "backend")
    parser.add_argument("--short", action="store_true", help="a check, not recorded")
    options = parser.parse_args(arguments)
    options.images = SHORT_IMAGES if options.short else IMAGES
    options.probe_images = SHORT_PROBE_IMAGES if options.short else PROBE_IMAGES
    options.epochs = 1 if options.short else EPOCHS
    return options


if __name__ == "__main__":
    keep_memory()
    main()
