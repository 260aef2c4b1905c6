"""Learn from few labels where a fifth of the unlabelled images are foreign.

    python -m recipes.foreign --data-dir data --seed 0
    python -m recipes.foreign --short

5,000 images of MNIST, 100 of them labelled, and `zoo.drmm_lenet`, which learns them
three times: alone; beside 1,250 foreign images; and with these and the weights that
`evaluation.foreign_images` gives all rows, by the messages of the second model's first
level. A quarter of the foreign images is of each kind: outlines of polygons, other
digits cut into patches that changed places, photographs of CIFAR-10 in grey, and
letters.

A row has the three errors (%) on 5,000 validation images, and the areas under the ROC
curve of own and foreign images by the score of `foreign_images`, all kinds and one by
one, and by the score of the bound of ln p(I) and by the largest posterior, all kinds.
Test images are not read. Rows go to `recipes/results/foreign.csv`. `--short` is a
check on 400 images without photographs, and records nothing.
"""

import json
import time

import numpy as np

from recipes.common import results
from recipes.common.command import at_least, choose_backend, keep_memory, make_parser
from recipes.common.measure import error

KINDS = ("shapes", "patches", "photographs", "letters")
# Each is drawn from MNIST's first 55,000 images; the others validate.
TRAINING = 55000
LABELS = 100


def main():
    """Train three times, measure and record."""
    options = parse()
    choose_backend(options.backend)
    from keras_drmm.evaluation import foreign_images

    origin = results.origin(options.backend)
    x, y, validation, kinds = load(options)
    is_own = kinds == ""
    start = time.process_time()
    errors = {}
    own = train(options, x[is_own], y[is_own])
    errors["without"] = error(own, *validation)
    model = train(options, x, y)
    errors["with"] = error(model, *validation)
    inferred = model.infer(x)
    found = foreign_images(pool(inferred.messages[1]), y)
    weighed = train(options, x, y, found["weight"])
    errors["weighed"] = error(weighed, *validation)
    scores = {
        "foreign_images": found["score"],
        "max_sum_score": model.max_sum_score(x),
        "largest softmax": inferred.logits.max(axis=1)
        - np.logaddexp.reduce(inferred.logits, axis=1),
    }
    row = {
        "images": options.images,
        "labels": LABELS,
        "draw": options.seed,
        "seed": options.seed,
        "epochs": options.epochs,
        **{f"error_{name}": value for name, value in errors.items()},
        "auroc": json.dumps({k: areas(v, y, kinds) for k, v in scores.items()}),
        "share": round(found["share"], 4),
        "weight_own": round(float(found["weight"][is_own & (y < 0)].mean()), 4),
        "weight_foreign": round(float(found["weight"][~is_own].mean()), 4),
        "cpu_seconds": round(time.process_time() - start),
        **origin,
    }
    results.record("foreign", row, not options.short)


def parse(arguments=None):
    """Read the command line."""
    parser = make_parser(__doc__, "backend", "data-dir", "seed")
    parser.add_argument("--images", type=at_least(200), default=5000)
    parser.add_argument("--epochs", type=at_least(1), default=8)
    parser.add_argument("--short", action="store_true", help="a check, not recorded")
    options = parser.parse_args(arguments)
    if options.short:
        options.images, options.epochs = 400, 1
    elif options.data_dir is None:
        parser.error("--data-dir must be a folder with cifar10.npz.")
    return options


def load(options):
    """Return images, labels, (validation images, labels), and each image's kind.

    Labels are -1 but for ten of each class, and a kind is "" for an own image.
    """
    from keras_drmm import data

    (x, y), _ = data.load("mnist")
    x = data.to_unit_range(x).reshape(-1, 28, 28, 1)
    random = np.random.default_rng(options.seed)
    order = random.permutation(TRAINING)
    rows, others = order[: options.images], order[options.images :]
    shown = data.semi_supervised(x[rows], y[rows], LABELS, seed=options.seed)
    number = options.images // 16
    kinds = KINDS if not options.short else ("shapes", "patches", "letters")
    foreign = [draw(kind, number, x[others], options, random) for kind in kinds]
    labels = np.concatenate([shown.shown_labels, np.full(number * len(kinds), -1)])
    return (
        np.concatenate([x[rows], *foreign]),
        labels,
        (x[TRAINING:], y[TRAINING:]),
        np.concatenate([np.full(len(rows), ""), np.repeat(kinds, number)]),
    )


def draw(kind, number, digits, options, random):
    """Return foreign images of a kind, (number, 28, 28, 1)."""
    from recipes.generating import foreign

    if kind == "shapes":
        return foreign.draw_shapes(number, 28, random)
    if kind == "patches":
        return foreign.shuffle_patches(digits[:number], 7, random)
    if kind == "letters":
        return foreign.draw_letters(number, 28, random)
    from keras_drmm import data

    (x, _), _ = data.load("cifar10", options.data_dir)
    x = x[random.choice(len(x), number, replace=False), 2:30, 2:30]
    return (x.astype("float32").mean(axis=-1, keepdims=True) / 255).astype("float32")


def train(options, x, y, sample_weight=None):
    """Return a model that learned rows."""
    import keras

    from keras_drmm import data, zoo

    keras.utils.set_random_seed(options.seed)
    dataset = data.semi_supervised(
        x, y, None, seed=options.seed, sample_weight=sample_weight
    )
    model = zoo.drmm_lenet()
    model.fit(dataset, epochs=options.epochs, shuffle=False, verbose=0)
    return model


def pool(messages):
    """Return messages (N, H, W, C) averaged over 2x2 positions."""
    from keras import ops

    return ops.convert_to_numpy(ops.average_pool(messages, 2, 2))


def areas(score, labels, kinds):
    """Return {kind: area under the ROC curve} of unlabelled own and foreign images."""
    from sklearn.metrics import roc_auc_score

    own, found = score[(kinds == "") & (labels < 0)], {}
    for kind in ("all", *np.unique(kinds[kinds != ""]).tolist()):
        foreign = score[(kinds != "") if kind == "all" else (kinds == kind)]
        is_own = np.repeat([1, 0], [len(own), len(foreign)])
        area = roc_auc_score(is_own, np.concatenate([own, foreign]))
        found[kind] = round(float(area), 4)
    return found


if __name__ == "__main__":
    keep_memory()
    main()
