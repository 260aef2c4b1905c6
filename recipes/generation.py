"""Learn a prior of switches for a preset, and measure what it generates.

    python -m recipes.generation --preset drmm_conv_small_mnist_100 --seed 0
    python -m recipes.generation --peer conv_cvae --seconds 600
    python -m recipes.generation --short

`fit_prior` on the 55,000 training images of MNIST without their labels: a row without
a label has the class that the preset takes it for, so that nothing but the preset's own
labels is used. The peers are given the same classes and as many seconds: variational
autoencoders, an RMM by soft EM, and the preset with independent switches.

A row has, on `--images` samples, a tenth of them of each class, without pixel noise:

- `share`: % that the preset trained with all labels takes for the class asked for,
  with `share_once`, that of samples of which none is drawn again, beside it;
- `frechet`: Fréchet distance from the held-out images in that preset's features, with
  `frechet_real`, that of as many training images, beside it;
- `trained_on`: error (%) on held-out images of small convnets that learned samples, the
  mean of five, with `trained_on_real`, that of the same on as many training images;
- `reconstructions`: how many reconstructions take as long as one sample;
- `bits`: bits for each pixel, of a density on 0 to 1, that the bound needs at most;
- `nearest`: mean distance from the nearest training image, `nearest_real` that of
  held-out images;
- `style_...`: of 1,000 held-out images, each class but their own rendered in their
  style: % taken for the class asked for, and correlations of slant, ink and centre
  between image and rendering, means over the classes asked for;
- `auroc_...`: area under the ROC curve of each score, held-out images against foreign
  ones, 2,500 each, a number for each kind of foreign image.

`--dtype` is that of learning; all is measured in full precision.

Held-out are the 5,000 validation images, or with `--test` the 10,000 test images, which
nothing was chosen on. Rows go to `recipes/results/generation.csv`. With `--save` the
preset in the checkout gets the prior.
"""

import json
import time

import numpy as np

from recipes.common import results
from recipes.common.command import at_least, choose_backend, keep_memory, make_parser

OF_FIT = ("style_size", "width", "components", "beta", "epochs")
PEERS = ("mlp_cvae", "conv_cvae", "rmm", "independent")
# Templates of a class, so that an RMM has about as many parameters as the others.
RMM_TEMPLATES = 130
STYLED, SCORED = 1000, 2500
SHORT = {"images": 100, "rows": 100, "seconds": 5, "epochs": 1, "components": 1}


def main():
    """Learn, measure and record."""
    options = parse()
    choose_backend(options.backend)
    import keras

    origin = results.origin(options.backend)
    keras.utils.set_random_seed(options.seed)
    train, held_out = load(options)
    keras.config.set_dtype_policy(options.dtype)
    start, cpu_start = time.perf_counter(), time.process_time()
    learned = (learn_peer if options.peer else learn)(options, train)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu_start
    keras.config.set_dtype_policy("float32")
    model = None if options.peer else in_full_precision(learned, options.preset)
    sample, parameters = learned if options.peer else generator(model, options.seed)
    # Before measuring, which takes minutes more.
    if options.save:
        save(options.preset, model)
    row = {
        "preset": options.preset,
        "peer": options.peer or "",
        "seed": options.seed,
        "settings": json.dumps(settings(options)),
        "parameters": parameters,
        "seconds": round(seconds),
        "cpu_seconds": round(cpu),
        "held_out": "test" if options.test else "validation",
        **measure(options, sample, model, train, held_out),
        **origin,
    }
    results.record("generation", row, not options.short)
    if options.save:
        describe(options.preset, row)


def parse(arguments=None):
    """Read the command line."""
    parser = make_parser(__doc__, "backend", "seed", "dtype")
    parser.set_defaults(dtype="mixed_bfloat16")
    parser.add_argument("--preset", default="drmm_conv_small_mnist_100")
    parser.add_argument("--peer", choices=PEERS, help="measure a peer instead")
    parser.add_argument(
        "--seconds", type=at_least(1), default=600, help="CPU seconds of a peer"
    )
    parser.add_argument("--epochs", type=at_least(1), default=5)
    parser.add_argument("--style-size", type=at_least(1), default=96)
    parser.add_argument("--width", type=at_least(1), default=64)
    parser.add_argument("--components", type=at_least(1), default=10)
    parser.add_argument("--beta", type=float, help="default: chosen by fit_prior")
    parser.add_argument("--images", type=at_least(10), default=10000)
    parser.add_argument("--rows", type=at_least(1), default=55000)
    parser.add_argument("--test", action="store_true", help="hold out the test images")
    parser.add_argument("--save", action="store_true", help="into the preset")
    parser.add_argument("--short", action="store_true", help="a check, not recorded")
    options = parser.parse_args(arguments)
    if options.save and (options.peer or options.short):
        parser.error("--save keeps a prior: leave --peer and --short out.")
    if options.short:
        vars(options).update(SHORT)
    return options


def settings(options):
    """Return what is recorded of how the prior or the peer learned."""
    names = ("style_size", "dtype")
    if not options.peer:
        names = (*OF_FIT, "dtype")
    return {name: getattr(options, name) for name in names}


def load(options):
    """Return training and held-out (images, labels), images from 0 to 1."""
    from keras_drmm import data

    (x, y), test = data.load("mnist")
    pairs = [(x[:55000], y[:55000]), test if options.test else (x[55000:], y[55000:])]
    rows = options.rows
    return [
        (data.to_unit_range(x[:rows]).reshape(-1, 28, 28, 1), y[:rows].astype("int32"))
        for x, y in pairs
    ]


def save(preset, model):
    """Give a preset of the checkout the prior of a model."""
    from keras_drmm import zoo
    from keras_drmm.zoo.preset import SHIPPED
    from recipes.publish_preset import write_readme

    zoo.save_to_preset(SHIPPED / preset, model, card_of(preset), overwrite=True)
    write_readme(SHIPPED / preset)


def describe(preset, row):
    """Write the figures of a row on the card of a preset."""
    from keras_drmm.zoo.preset import SHIPPED
    from keras_drmm.zoo.preset_writer import rewrite_card
    from recipes.publish_preset import GENERATION, write_readme

    names = ("share", "frechet", "trained_on", "seconds", "seed", "command")
    figures = {name: row[name] for name in names}
    rewrite_card(SHIPPED / preset, {**card_of(preset), GENERATION: figures})
    write_readme(SHIPPED / preset)


def card_of(preset):
    """Return the card of a shipped preset."""
    from keras_drmm.zoo.preset import Preset
    from keras_drmm.zoo.preset_writer import OWN

    metadata = Preset(preset).metadata
    return {name: value for name, value in metadata.items() if name not in OWN}


def learn(options, train):
    """Return the preset's model after `fit_prior`."""
    from keras_drmm import zoo

    model = zoo.from_preset(options.preset)
    arguments = {name: getattr(options, name) for name in OF_FIT}
    model.fit_prior(train[0], verbose=2, **arguments)
    return model


def in_full_precision(model, preset):
    """Return the preset's model with the prior of `model`, in the present precision."""
    from keras_drmm import zoo
    from keras_drmm.models.styled import build_switch_prior

    full = zoo.from_preset(preset)
    config = model.get_config()["switch_prior"]
    parts = build_switch_prior(full, config)
    learned = (model.switch_prior, model.style_encoder)
    for part, source in zip(parts, learned, strict=True):
        part.set_weights(source.get_weights())
    full.set_switch_prior(config, *parts)
    return full


def generator(model, seed):
    """Return (function that samples classes, number of the prior's parameters)."""

    def sample(classes):
        return model.sample(len(classes), classes, seed, noise=False)[0]

    layers = (model.switch_prior, model.style_encoder)
    return sample, sum(layer.count_params() for layer in layers)


def learn_peer(options, train):
    """Return (function that samples classes, number of parameters)."""
    import keras

    from keras_drmm import zoo
    from recipes.generating.cvae import CVAE

    model = zoo.from_preset(options.preset)
    if options.peer == "independent":
        # The preset may have a prior of switches, which `sample` would use.
        priors = model.nuisance_priors

        def sample(classes):
            random = np.random.default_rng(options.seed)
            switches = [prior.sample(len(classes), random) for prior in priors]
            return model.render(classes, switches)

        return sample, 0

    class Clock(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if time.process_time() - start > options.seconds:
                self.model.stop_training = True
                self.model.optimizer.learning_rate = 0.0

    classes = model.predict(train[0], batch_size=500, verbose=0).argmax(axis=1)
    if options.peer == "rmm":
        rmm = zoo.rmm(num_nuisances=RMM_TEMPLATES)
        start = time.process_time()
        rmm.fit(train[0], classes, 500, epochs=1000, verbose=2, callbacks=[Clock()])

        def sample_templates(classes):
            return rmm.sample(len(classes), classes, options.seed, noise=False)[0]

        return sample_templates, rmm.count_params()
    peer = CVAE(options.peer == "conv_cvae", options.style_size)
    peer.compile("adam")
    hot = np.eye(10, dtype="float32")[classes]
    start = time.process_time()
    inputs = [train[0], hot]
    peer.fit(inputs, batch_size=64, epochs=1000, verbose=2, callbacks=[Clock()])
    random = np.random.default_rng(options.seed)
    return (lambda c: peer.sample(c, random)), peer.count_params()


def measure(options, sample, model, train, held_out):
    """Return the measures of a row; those of style and scores are of our model only."""
    from recipes.generating import measures

    (x, y), (x_held, y_held) = train, held_out
    judge = measures.Judge(x_held)
    classes = np.arange(10).repeat(options.images // 10)
    images = sample(classes)
    real = x[: len(images)]
    found = {
        "share": judge.share(images, classes),
        "share_once": "" if model is None else share_once(model, judge, options),
        "frechet": judge.distance(images),
        "frechet_real": judge.distance(real),
    }
    for name, (given, labels) in {
        "trained_on": (images, classes),
        "trained_on_real": (real, y[: len(images)]),
    }.items():
        found[name] = measures.error_after_training_on(
            given, labels, x_held, y_held, options.seed
        )
    found["nearest"] = measures.nearest(images[:: max(1, len(images) // 1000)], x)
    found["nearest_real"] = measures.nearest(x_held[:1000], x)
    for method in ("posterior", "transport", "shift"):
        values = [""] * 5 if model is None else styles(model, judge, x_held, method)
        for name, value in zip(
            ("share", "slant", "ink", "x", "y"), values, strict=True
        ):
            found[f"style_{method}_{name}"] = value
    found["reconstructions"] = "" if model is None else relative_cost(model, x_held)
    found["bits"] = found["auroc"] = ""
    if model is not None:
        areas, bound = aurocs(model, x_held)
        found["bits"] = -float(bound.mean()) / np.log(2) / x_held[0].size
        found["auroc"] = json.dumps(areas)
    return {
        name: round(value, 4) if isinstance(value, float) else value
        for name, value in found.items()
    }


def share_once(model, judge, options):
    """Return the share of samples as they come from the prior."""
    classes = np.arange(10).repeat(options.images // 10)
    switches = model.sample_switches(len(classes), options.seed, classes=classes)
    return judge.share(model.render(classes, switches), classes)


def styles(model, judge, x, method):
    """Return [% taken for the class asked for, and four correlations]."""
    from recipes.generating import measures

    x = x[:STYLED]
    own = model.infer(x).classes
    found = []
    for c in range(model.num_classes):
        others = x[own != c]
        targets = np.full(len(others), c)
        rendered = model.transfer(others, targets, method=method)
        share = judge.share(rendered, targets)
        found.append([share, *measures.style_correlations(rendered, others)])
    return [float(value) for value in np.mean(found, axis=0)]


def relative_cost(model, x):
    """Return the seconds of a sample, in those of a reconstruction."""
    x = x[:500]
    calls = (lambda: model.sample(len(x), noise=False), lambda: model.reconstruct(x))
    seconds = []
    for call in calls:
        call()
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
    return seconds[0] / seconds[1]


def aurocs(model, x):
    """Return {score: {kind of foreign images: area under ROC curve}}, and bounds."""
    from scipy.special import softmax
    from sklearn.metrics import roc_auc_score

    from recipes.generating.foreign import foreign_images

    scores = {
        "score_samples": model.score_samples,
        "bound": lambda x: model.score_samples(x, bound=True),
        "max_sum_score": model.max_sum_score,
        "largest softmax": lambda x: softmax(model.infer(x).logits, axis=1).max(axis=1),
    }
    x = x[:SCORED]
    is_own = np.repeat([1, 0], len(x))
    own = {name: score(x) for name, score in scores.items()}
    found: dict = {name: {} for name in scores}
    for kind, images in foreign_images(x).items():
        for name, score in scores.items():
            both = np.concatenate([own[name], score(images)])
            found[name][kind] = round(float(roc_auc_score(is_own, both)), 4)
    return found, own["bound"]


if __name__ == "__main__":
    keep_memory()
    main()
