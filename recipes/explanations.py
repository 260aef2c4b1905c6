"""Explain a model's decisions, and find the images that its classes like best.

    python -m recipes.explanations --preset drmm_conv_small_mnist_100
    python -m recipes.explanations --convnet --part evidence
    python -m recipes.explanations --preset drmm_lenet_mnist_100 --short

The model is a preset or, by `--convnet`, a stock convnet of the levels of
`drmm_conv_small` that learns all labels of MNIST for one epoch and is then converted by
`DRMM.from_convnet`.

Of the first 500 test images of MNIST each method of `keras_drmm.analysis.evidence`
makes maps, for the model's own answer against its second choice. Four numbers judge a
map:

- deletion and insertion: the areas under the probability of the answer as the pixels of
  most evidence go or come (`deletion_insertion`); a small one and a large one are good;
- another answer: the rank correlation of a map with that of two other classes, drawn at
  random. A map that is much the same for any classes shows the image, not the decision;
- random levels: the rank correlation with the maps of the same model whose levels above
  the first have initial weights. A map that is much the same does not show what was
  learned (Adebayo et al. 2018).

The images of most activity (`maximise_activity`, Figure 5 of the paper) are compared
with gradient ascent from the same image, at the same norm: 512 steps on the sphere, the
step size the best of three, each class the best image on its way. Both start from the
mean of 1,000 training images. A preset's are drawn in `docs/images/activity.png`.

On one core of an Intel Xeon the maps of a preset take 6 minutes and its images of most
activity 3: the sum of templates reaches 0.90 of what gradient ascent reaches, in 1/40
of the time.

Rows are appended to `recipes/results/explanations.csv`. Nothing is selected by test
images, so they serve as any others. `--short` takes 20 images and 8 steps, trains a
convnet on 1,000 images, and records and draws nothing.
"""

import time

from recipes.common import results
from recipes.common.command import choose_backend, keep_memory, make_parser
from recipes.common.results import IMAGES as PICTURES

IMAGES, SHORT_IMAGES = 500, 20
ASCENT_STEPS, SHORT_STEPS = 512, 8
STEP_SIZES = (0.03, 0.1, 0.3)
TRAINING, SHORT_TRAINING, BATCH = 60_000, 1000, 100
PARTS = ("all", "evidence", "activity")
CONVNET = "stock convnet"
SUM, ASCENT = "sum of templates", "gradient ascent"
COLUMNS = (
    "seconds",
    "deletion",
    "insertion",
    "other_answer",
    "random_levels",
    "score",
)


def main():
    """Measure, report and record."""
    options = parse()
    choose_backend(options.backend)
    from keras_drmm import data

    options.origin = results.origin(options.backend)
    (x, y), (x_test, _) = data.load("mnist")
    images = data.to_unit_range(x_test[: options.images])
    learned = slice(options.training)
    model, shuffled = load(options, data.to_unit_range(x[learned]), y[learned])
    if options.part != "activity":
        explain(options, model, shuffled, images)
    if options.part != "evidence":
        start = data.to_unit_range(x[:1000]).mean(axis=0)
        activate(options, model, images, start)


def load(options, x, y):
    """Return the model, and a copy with initial weights in all levels but the first."""
    import keras

    from keras_drmm import DRMM, baselines, zoo

    keras.utils.set_random_seed(options.seed)
    if options.convnet:
        stock = baselines.convnet(zoo.drmm_conv_small(), len(x) // BATCH)
        stock.fit(x, y, batch_size=BATCH, verbose=2)
        model, copy = (DRMM.from_convnet(stock) for _ in range(2))
        # Others than the convnet started from, which it may still be like.
        return model, with_random_levels(copy, zoo.drmm_conv_small())
    model, copy = (zoo.from_preset(options.preset) for _ in range(2))
    keras.utils.set_random_seed(options.seed)
    fresh = zoo.from_preset(options.preset, load_weights=False)
    return model, with_random_levels(copy, fresh)


def explain(options, model, shuffled, images):
    """Measure the maps of each method of `evidence`."""
    import numpy as np

    from keras_drmm import analysis
    from keras_drmm.analysis.evidence import METHODS

    logits = model.predict(images, batch_size=500, verbose=0)
    answers, others = np.argsort(-logits, axis=1)[:, :2].T
    drawn = draw_other_classes(answers, others, model.num_classes, options.seed)
    for method in METHODS:
        start = time.process_time()
        maps = analysis.evidence(model, images, method, answers, others)
        seconds = time.process_time() - start
        areas = analysis.deletion_insertion(model, images, maps, answers)
        others_maps = analysis.evidence(model, images, method, *drawn)
        untrained = analysis.evidence(shuffled, images, method, answers, others)
        record(
            options,
            "evidence",
            method,
            seconds=seconds,
            deletion=areas.deletion.mean(),
            insertion=areas.insertion.mean(),
            other_answer=rank_correlation(maps, others_maps),
            random_levels=rank_correlation(maps, untrained),
        )


def activate(options, model, images, start):
    """Measure the images of most activity, of the mean norm of images, and plot them.

    Args:
        options: the command's.
        model: a `DRMM`.
        images: (N, H, W, C).
        start: the image that both ways start from.
    """
    import numpy as np

    from keras_drmm import analysis

    norm = float(np.linalg.norm(images.reshape(len(images), -1), axis=1).mean())
    classes = np.arange(model.num_classes)
    # What is compiled at the first call.
    analysis.maximise_activity(model, classes, norm, start, steps=1)
    begin = time.process_time()
    found = analysis.maximise_activity(model, classes, norm, start)
    seconds = time.process_time() - begin
    scores = own_logits(model, found)
    record(options, "activity", SUM, seconds=seconds, score=scores.mean())
    ways = {SUM: (found, scores, seconds)}
    begin = time.process_time()
    found, scores = max(
        (ascend(model, norm, start, options.steps, size) for size in STEP_SIZES),
        key=lambda way: way[1].mean(),
    )
    # Of one step size: the search for the best is not counted.
    seconds = (time.process_time() - begin) / len(STEP_SIZES)
    record(options, "activity", ASCENT, seconds=seconds, score=scores.mean())
    ways[ASCENT] = found, scores, seconds
    if not options.short and not options.convnet:
        plot(ways, PICTURES / "activity.png")


def plot(ways, path):
    """Plot the images of both ways, each with the logit of its class.

    Args:
        ways: {name: (images, logits, seconds)}.
        path: of the PNG file.
    """
    from keras_drmm.analysis.grid import save_grid, scaled_to_grey

    rows, captions = {}, {}
    for name, (images, scores, seconds) in ways.items():
        title = f"{name},\n{seconds:.1f} s"
        rows[title] = scaled_to_grey(images)
        captions[title] = [f"{score:.1f}" for score in scores]
    save_grid(rows, (0.0, 1.0), path, captions)


def record(options, measure, method, **numbers):
    """Print a row and append it, unless the run is a short one."""
    row = {
        "preset": CONVNET if options.convnet else options.preset,
        "measure": measure,
        "method": method,
        "seed": options.seed,
        "images": options.images,
        **options.origin,
        **{
            name: round(float(numbers[name]), 4) if name in numbers else ""
            for name in COLUMNS
        },
    }
    results.record("explanations", row, not options.short)


def ascend(model, norm, start, steps, size):
    """Return for each class the best image on the way of gradient ascent, its logit.

    Args:
        model: a `DRMM`.
        norm: of the images.
        start: the image that it starts from.
        steps: how many.
        size: of a step, in units of the norm.

    Returns:
        (images (num_classes, H, W, C), logits (num_classes,)).
    """
    import numpy as np

    from keras_drmm.analysis.logit_templates import render_templates

    one_hot = np.eye(model.num_classes, dtype="float32")

    def of_norm(images):
        norms = np.linalg.norm(images.reshape(len(images), -1), axis=1)
        scale = norm / np.maximum(norms, 1e-12)
        return (images * scale[:, None, None, None]).astype("float32")

    images = of_norm(np.stack([start] * model.num_classes))
    best, reached = images, own_logits(model, images)
    for _ in range(steps):
        _, switches = model.bottom_up(images)
        gradient = render_templates(model, one_hot, switches)
        images = of_norm(images + size * of_norm(gradient))
        logits = own_logits(model, images)
        is_better = logits > reached
        best = np.where(is_better[:, None, None, None], images, best)
        reached = np.maximum(reached, logits)
    return best, reached


def own_logits(model, images):
    """Return the logit of class k for image k."""
    import numpy as np
    from keras import ops

    return np.diag(ops.convert_to_numpy(model.classify(images)))


def draw_other_classes(answers, others, num_classes, seed):
    """Return for each image two classes that differ, neither of them its first two."""
    import numpy as np

    random = np.random.default_rng(seed)
    drawn = [
        random.permutation(np.setdiff1d(np.arange(num_classes), pair))[:2]
        for pair in zip(answers, others, strict=True)
    ]
    return np.array(drawn).T


def with_random_levels(model, fresh):
    """Return a model after its levels but the first get a fresh model's templates."""
    for level, initial in zip(model.levels[1:], fresh.levels[1:], strict=True):
        level.conv.set_weights(initial.conv.get_weights())
    return model


def rank_correlation(maps, others):
    """Return Spearman's correlation of two maps of an image, the mean over images."""
    import numpy as np
    from scipy.stats import spearmanr

    found = [
        # A map that is the same everywhere ranks nothing.
        0.0
        if not np.ptp(one) or not np.ptp(other)
        else spearmanr(one.ravel(), other.ravel()).statistic
        for one, other in zip(maps, others, strict=True)
    ]
    return float(np.mean(found))


def parse(arguments=None):
    """Read the command line."""
    parser = make_parser(__doc__, "seed", "backend")
    parser.add_argument("--preset", default="drmm_conv_small_mnist_100")
    parser.add_argument(
        "--convnet", action="store_true", help="a stock convnet, not a preset"
    )
    parser.add_argument("--part", choices=PARTS, default=PARTS[0])
    parser.add_argument("--short", action="store_true", help="a check, not recorded")
    options = parser.parse_args(arguments)
    options.images = SHORT_IMAGES if options.short else IMAGES
    options.steps = SHORT_STEPS if options.short else ASCENT_STEPS
    options.training = SHORT_TRAINING if options.short else TRAINING
    return options


if __name__ == "__main__":
    keep_memory()
    main()
