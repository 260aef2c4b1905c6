"""Explain a preset's decisions, and find the images that its classes like best.

    python -m recipes.explanations --preset drmm_conv_small_mnist_100
    python -m recipes.explanations --preset drmm_lenet_mnist_100 --short

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
step size the best of three. Both start from the mean of 1,000 training images.

Rows are appended to `recipes/results/explanations.csv`. Nothing is trained or selected,
so test images serve as any others. `--short` takes 20 images and 8 steps and records
nothing.
"""

import time

from recipes.common import results
from recipes.common.command import choose_backend, keep_memory, make_parser

IMAGES, SHORT_IMAGES = 500, 20
ASCENT_STEPS, SHORT_STEPS = 512, 8
STEP_SIZES = (0.03, 0.1, 0.3)
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
    import numpy as np

    from keras_drmm import analysis, data, zoo
    from keras_drmm.analysis.evidence import METHODS

    origin = results.origin(options.backend)
    model = zoo.from_preset(options.preset)
    (x, _), (x_test, _) = data.load("mnist")
    images = data.to_unit_range(x_test[: options.images])
    logits = model.predict(images, batch_size=500, verbose=0)
    answers, others = np.argsort(-logits, axis=1)[:, :2].T
    drawn = draw_other_classes(answers, others, model.num_classes, options.seed)
    shuffled = with_random_levels(options.preset, options.seed)

    def record(measure, method, **numbers):
        row = {
            "preset": options.preset,
            "measure": measure,
            "method": method,
            "seed": options.seed,
            "images": len(images),
            **origin,
            **{
                name: round(float(numbers[name]), 4) if name in numbers else ""
                for name in COLUMNS
            },
        }
        results.record("explanations", row, not options.short)

    for method in METHODS:
        start = time.process_time()
        maps = analysis.evidence(model, images, method, answers, others)
        seconds = time.process_time() - start
        areas = analysis.deletion_insertion(model, images, maps, answers)
        others_maps = analysis.evidence(model, images, method, *drawn)
        untrained = analysis.evidence(shuffled, images, method, answers, others)
        record(
            "evidence",
            method,
            seconds=seconds,
            deletion=areas.deletion.mean(),
            insertion=areas.insertion.mean(),
            other_answer=rank_correlation(maps, others_maps),
            random_levels=rank_correlation(maps, untrained),
        )
    start = data.to_unit_range(x[:1000]).mean(axis=0)
    norm = float(np.linalg.norm(images.reshape(len(images), -1), axis=1).mean())
    begin = time.process_time()
    classes = np.arange(model.num_classes)
    found = analysis.maximise_activity(model, classes, norm, start)
    seconds = time.process_time() - begin
    score = own_logits(model, found).mean()
    record("activity", "sum of templates", seconds=seconds, score=score)
    begin = time.process_time()
    score = max(ascend(model, norm, start, options.steps, v) for v in STEP_SIZES)
    # Of one step size: the search for the best is not counted.
    seconds = (time.process_time() - begin) / len(STEP_SIZES)
    record("activity", "gradient ascent", seconds=seconds, score=score)


def ascend(model, norm, start, steps, size):
    """Return the mean over classes of the highest logit on the way of gradient ascent.

    Args:
        model: a `DRMM`.
        norm: of the images.
        start: the image that it starts from.
        steps: how many.
        size: of a step, in units of the norm.
    """
    import numpy as np

    from keras_drmm.analysis.logit_templates import render_templates

    one_hot = np.eye(model.num_classes, dtype="float32")

    def of_norm(images):
        norms = np.linalg.norm(images.reshape(len(images), -1), axis=1)
        scale = norm / np.maximum(norms, 1e-12)
        return (images * scale[:, None, None, None]).astype("float32")

    images = of_norm(np.stack([start] * model.num_classes))
    reached = own_logits(model, images)
    for _ in range(steps):
        _, switches = model.bottom_up(images)
        gradient = render_templates(model, one_hot, switches)
        images = of_norm(images + size * of_norm(gradient))
        reached = np.maximum(reached, own_logits(model, images))
    return float(reached.mean())


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


def with_random_levels(preset, seed):
    """Return the preset's model with initial weights in all levels but the first."""
    import keras

    from keras_drmm import zoo

    model = zoo.from_preset(preset)
    keras.utils.set_random_seed(seed)
    fresh = zoo.from_preset(preset, load_weights=False)
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
    parser.add_argument("--short", action="store_true", help="a check, not recorded")
    options = parser.parse_args(arguments)
    options.images = SHORT_IMAGES if options.short else IMAGES
    options.steps = SHORT_STEPS if options.short else ASCENT_STEPS
    return options


if __name__ == "__main__":
    keep_memory()
    main()
