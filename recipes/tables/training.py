"""How the model of a cell is made, trained, measured and described."""

import csv
import json
import math
import time
from dataclasses import asdict, replace

from recipes.common import measure, results
from recipes.tables.augmentations import SHIFT, image_augmentation, pixel_noise
from recipes.tables.cells import BASELINES, DEEP, WITH_NUISANCES

# The models of the zoo that learn by EG.
MODELS = ("drmm_conv_small", "drmm_conv_large", "drmm_lenet", "drfm_lenet", "rfm")
# Whose levels a stock convnet has, by what follows `convnet_` in its name.
CONFIGURATIONS = {
    "": "drmm_conv_small",
    "1": "rfm",
    "2": "drmm_lenet",
    "9": "drmm_conv_large",
}
# Each level takes time, so the shallow models get more epochs. An epoch of the ladder
# network takes about twice as long as that of the others, because it passes twice and
# adds noise to each stage; one of FixMatch and Mean Teacher, which pass twice and move
# images twice, takes longer still. SWWAE has learned its labels after one epoch; after
# that its reconstruction costs accuracy (validation error of draw 0: 17.9 % after one
# epoch, 20.5 % after five).
EPOCHS = {
    "rfm": 8,
    "drfm_lenet": 6,
    "drmm_lenet": 6,
    "ladder": 3,
    "swwae": 1,
    "fixmatch": 2,
    "mean_teacher": 2,
}
OTHER_EPOCHS, NUISANCES_EPOCHS, MOVED_EPOCHS = 5, 8, 4
# On CIFAR-10 a model learns from all images so often, and from few labelled images
# alone as often as shows it this number of images. A step of nine levels takes long,
# so that they have few.
CIFAR_EPOCHS, CIFAR_IMAGES_SEEN = 30, 500_000
CIFAR_EPOCHS_OF_DEEP, CIFAR_IMAGES_SEEN_BY_DEEP = 6, 200_000
# Every image has a label for the second network, so fewer epochs are enough.
SECOND_NETWORK_EPOCHS = 3
# The least numbers of epochs if all labels are known.
SUPERVISED_EPOCHS, SUPERVISED_EPOCHS_OF_DEEP = 10, 5
# Runs on few labelled images alone get as many epochs as show this number of images.
# Models of one level have few features and learn for longer than the others.
IMAGES_SEEN, IMAGES_SEEN_BY_ONE_LEVEL = 50_000, 250_000
# For `unsupervised-pretraining`.
PRETRAINING_IMAGES, SWEEPS = 10_000, 5
HARD_EM = {"step": 0.5, "gram_divisor": 8}
# One level above templates that EM made learns few labels best under more noise than
# the zoo's: `python -m recipes.lost_cells`, on the validation images of draw 0.
NOISE_BY_LABELS, ZOO_NOISE = {100: 1.0, 600: 0.8}, 0.4
# `learning_rate` is Adam's at the start; it falls to 0. SWWAE's settings are those of
# the best trial of `python -m recipes.tune --model swwae`, the ladder's are its
# authors', and pseudo-label's ramp ends when that of our terms does. Those of FixMatch
# are its authors'. Mean Teacher's decay is one for some thousand steps, and its weight
# was chosen by short runs on the validation images of draw 0.
BASELINE_SETTINGS = {
    "swwae": {
        "reconstruction": 7.0,
        "intermediate": 7.0,
        "dropout": 0.0,
        "learning_rate": 2e-3,
    },
    "ladder": {"learning_rate": 2e-3},
    "pseudo_label": {"t1": 100, "t2": 1000, "learning_rate": 2e-3},
    "fixmatch": {"learning_rate": 2e-3},
    "mean_teacher": {"consistency": 10.0, "decay": 0.99, "learning_rate": 2e-3},
}


def make_dataset(cell, x, y, validation=None):
    """Return the batches of a cell.

    Args:
        cell: the `Cell`.
        x: training images, uint8.
        y: their labels.
        validation: number of validation images, by default `VALIDATION_IMAGES`. These
            are training images whose labels are hidden. For one draw they are the same
            for all models and numbers of labels. A cell of all labels has none.

    Raises:
        ValueError: the cell asks for more labels than there are images.
    """
    from keras_drmm import data

    validation = validation or measure.VALIDATION_IMAGES
    unlabelled = len(x) - cell.labels
    if unlabelled < 0:
        raise ValueError(
            f"There are {len(x)} images for {cell.labels} labels: ask for at most "
            f"{len(x)} labels."
        )
    # Whether some images beyond the validation images have a hidden label.
    is_few = unlabelled > validation
    augment = data.ShiftAndMirror(mirror=cell.is_mirrored) if cell.is_moved else None
    dataset = data.semi_supervised(
        x,
        y,
        cell.labels if is_few else None,
        validation=min(validation, unlabelled),
        validation_images_unlabelled=is_few,
        seed=cell.draw,
        augment=augment,
    )
    if cell.learns_without_labels or not is_few:
        return dataset
    return dataset.labelled_only(batch_size=50)


def default_epochs(cell):
    """Return the number of epochs of a cell by default."""
    if cell.data == "cifar10":
        epochs, images = CIFAR_EPOCHS, CIFAR_IMAGES_SEEN
        if cell.model in DEEP:
            epochs, images = CIFAR_EPOCHS_OF_DEEP, CIFAR_IMAGES_SEEN_BY_DEEP
        if cell.learns_without_labels:
            return epochs
        return max(epochs, images // cell.labels)
    if cell.learns_without_labels and cell.labels <= 10_000:
        if cell.setting == WITH_NUISANCES:
            return NUISANCES_EPOCHS
        if cell.is_moved:
            return MOVED_EPOCHS
        if cell.has_first_network:
            return SECOND_NETWORK_EPOCHS
        return EPOCHS.get(cell.model, OTHER_EPOCHS)
    one_level = cell.model in ("rfm", "convnet_1")
    images = IMAGES_SEEN_BY_ONE_LEVEL if one_level else IMAGES_SEEN
    is_deep = cell.model in DEEP
    least = SUPERVISED_EPOCHS_OF_DEEP if is_deep else SUPERVISED_EPOCHS
    return max(least, images // cell.labels)


def make_model(cell, steps, input_shape):
    """Return the compiled model of a cell, for `steps` training steps."""
    from keras_drmm import baselines, zoo
    from keras_drmm.zoo.settings import COLOUR

    name, _, depth = cell.model.partition("_")
    if name == "convnet":
        drmm = CONFIGURATIONS[depth]
        return baselines.convnet(getattr(zoo, drmm)(input_shape), steps)
    if cell.model in BASELINES:
        drmm = zoo.drmm_conv_small(input_shape)
        return make_baseline(cell.model, drmm, steps, **BASELINE_SETTINGS[cell.model])
    model = getattr(zoo, cell.model)(input_shape, training_steps=steps)
    changes = {}
    if cell.setting == WITH_NUISANCES:
        # Ten labelled images of a class miss some ways to write it: a 7 with a bar, for
        # example. With the bar covered it looks like the labelled ones.
        changes = {
            "consistency": 1.0,
            "augmentation": image_augmentation(cell.draw),
            "augmentation_divisor": 1,
        }
    elif cell.has_first_network or not cell.has_unlabelled_rows:
        # Rows with labels need neither low entropy nor balanced classes.
        changes = {"entropy": 0, "marginal_kl": 0}
    if cell.is_pretrained and cell.model == "rfm" and cell.labels in NOISE_BY_LABELS:
        changes["augmentation"] = pixel_noise(NOISE_BY_LABELS[cell.labels])
    if cell.data == "cifar10":
        changes |= COLOUR
        if not cell.has_unlabelled_rows:
            changes["entropy"] = 0
    algorithm = replace(model.algorithm, **changes)
    model.compile(model.optimizer, algorithm=algorithm)
    return model


def make_baseline(name, drmm, steps, learning_rate, **settings):
    """Return a compiled baseline that has the levels of a DRMM.

    Args:
        name: one of `BASELINES` but the convnet. FixMatch and Mean Teacher change
            images as the setting `semi-supervised, nuisances` does; weakly, FixMatch
            shifts them only.
        drmm: the `DRMM`; its top level has one channel for each class.
        steps: training steps, over which the learning rate falls along a cosine.
        learning_rate: at the start.
        **settings: arguments of the baseline.
    """
    import keras

    from keras_drmm import baselines
    from keras_drmm.learning import Pose
    from keras_drmm.learning.schedule import cosine_decay

    if name == "pseudo_label":
        baseline = baselines.PseudoLabel(drmm.to_convnet(), **settings)
    elif name == "fixmatch":
        strong, weak = image_augmentation(0), Pose(0.0, 0.0, SHIFT, seed=1)
        baseline = baselines.FixMatch(drmm.to_convnet(), strong, weak, **settings)
    elif name == "mean_teacher":
        changed = image_augmentation(0)
        baseline = baselines.MeanTeacher(drmm.to_convnet(), changed, **settings)
    else:
        if name == "swwae":
            # The top level takes the place of the authors' fully connected layer.
            settings["classifier_levels"] = 1
        model = {"swwae": baselines.SWWAE, "ladder": baselines.Ladder}[name]
        baseline = model(
            drmm.levels,
            num_classes=drmm.num_classes,
            input_shape=drmm.image_shape,
            **settings,
        )
    baseline.compile(keras.optimizers.Adam(cosine_decay(learning_rate, steps)))
    return baseline


def objective_of(model):
    """Return in words what a compiled model minimises: terms, weights, augmentation."""
    words = [f"{name} {weight:g}" for name, weight in _weights_of(model).items()]
    augmentation = _augmentation_of(model)
    return ", ".join([*words, augmentation] if augmentation else words)


def settings_json(cell, model, epochs, dtype):
    """Return the settings that a run learned by, as JSON; rows are grouped by them.

    Args:
        cell: the run's `Cell`.
        model: the run's compiled model.
        epochs: number of epochs.
        dtype: dtype policy of training.

    Returns:
        A JSON object with sorted keys. `objective` has the weight of each term, the
        augmentation in words or null, `augmentation_divisor` where it is not 1, and for
        models that learn by EG `render_divisor` and `warmup_steps`; `optimizer` has its
        name and `learning_rate`, that at the start; `epochs`; `dtype`; and for a
        pretrained model `pretraining`.
    """
    objective = {name: float(weight) for name, weight in _weights_of(model).items()}
    objective["augmentation"] = _augmentation_of(model)
    algorithm = getattr(model, "algorithm", None)
    if algorithm is not None:
        objective["render_divisor"] = algorithm.render_divisor
        if algorithm.augmentation_divisor > 1:
            objective["augmentation_divisor"] = algorithm.augmentation_divisor
        objective["warmup_steps"] = algorithm.warmup_steps
    rate = model.optimizer.get_config()["learning_rate"]
    if isinstance(rate, dict):
        # A schedule.
        rate = rate["config"]["initial_learning_rate"]
    settings = {
        "objective": objective,
        "optimizer": {"name": type(model.optimizer).__name__, "learning_rate": rate},
        "epochs": epochs,
        "dtype": dtype,
    }
    noise = getattr(getattr(algorithm, "augmentation", None), "stddev", ZOO_NOISE)
    if noise != ZOO_NOISE:
        settings["noise"] = noise
    if cell.is_pretrained:
        settings["pretraining"] = _pretraining()
    return json.dumps(settings, sort_keys=True)


def _weights_of(model):
    """Return {term: weight} of what a compiled model minimises."""
    algorithm = getattr(model, "algorithm", None)
    if algorithm is not None:
        return algorithm.weights
    # A convnet learns by cross-entropy alone.
    return getattr(model, "weights_of_terms", {"cross_entropy": 1.0})


def _augmentation_of(model):
    """Return in words which layers change a model's images, or None."""
    # Of an algorithm, of Mean Teacher or of FixMatch.
    algorithm = getattr(model, "algorithm", model)
    augmentation = getattr(algorithm, "augmentation", getattr(model, "strong", None))
    if augmentation is None:
        return None
    words = _names(augmentation)
    weak = getattr(model, "weak", None)
    return words if weak is None else f"{words}, weakly {_names(weak)}"


def _names(augmentation):
    # A pipeline is described by its layers.
    layers = getattr(augmentation, "layers", [augmentation])
    return " and ".join(type(layer).__name__ for layer in layers)


def _pretraining():
    return {"images": PRETRAINING_IMAGES, "sweeps": SWEEPS, **HARD_EM}


def settings_of(cell):
    """Return all that a cell's model learns by, as plain values.

    Two cells whose settings differ are different runs. Baselines and convnets have no
    algorithm; theirs are the objective in words and the arguments that they are made
    with. The number of steps over which the learning rate falls is left out.
    """
    model = make_model(cell, 1, (32, 32, 1))
    algorithm = getattr(model, "algorithm", None)
    if algorithm is None:
        objective = {
            "terms": objective_of(model),
            **BASELINE_SETTINGS.get(cell.model, {}),
        }
    else:
        objective = algorithm.get_config()
    settings = [objective, model.optimizer.get_config()]
    if cell.is_pretrained:
        settings.append(_pretraining())
    return _anonymous(settings)


def _anonymous(config):
    """Return a configuration without names and dtypes.

    Keras numbers names by the objects that the process has made before.
    """
    if isinstance(config, dict):
        return {
            key: _anonymous(value)
            for key, value in config.items()
            if key not in ("name", "dtype")
        }
    if isinstance(config, list | tuple):
        return [_anonymous(value) for value in config]
    return config


def train(model, dataset, epochs, folder, backend, scored=None, progress=None):
    """Fit `model`; a run that was stopped goes on where it was.

    Args:
        model: compiled.
        dataset: the batches.
        epochs: number of epochs in all.
        folder: for the states of the run, and `history.csv`.
        backend: name of Keras' backend.
        scored: data set whose validation images are scored, by default `dataset`.
        progress: a `ProgressLine` in place of Keras' lines and those of the scores.

    Returns:
        Seconds of all epochs, including those before a stop.
    """
    import keras

    from keras_drmm.callbacks import Resume

    log = EpochLog(model, dataset if scored is None else scored, epochs)
    resume = Resume(folder / "checkpoint", dataset)
    callbacks = [
        keras.callbacks.LambdaCallback(on_epoch_begin=log.begin, on_epoch_end=log.end),
        resume,
    ]
    if progress is not None:
        callbacks.append(progress.callback())
    try:
        model.fit(
            dataset.as_tf_dataset() if backend == "tensorflow" else dataset,
            epochs=epochs,
            # The data set shuffles itself, by seed and epoch.
            shuffle=False,
            verbose=2 if progress is None else 0,
            callbacks=callbacks,
        )
    finally:
        write_history(folder / "history.csv", resume.rows)
    return sum(row["seconds"] for row in resume.rows)


def write_history(path, rows):
    """Write the `rows` of a `Resume` as a table; without one, leave what is there."""
    if not rows:
        return
    with path.open("w", newline="") as file:
        first = ("epoch", "seconds", "validation_error")
        others = [name for name in rows[0] if name not in first]
        writer = csv.writer(file)
        writer.writerow([*first, *others])
        for row in rows:
            epoch, seconds, error = (row[name] for name in first)
            # NaN: it was not scored.
            scored = "" if math.isnan(error) else error
            terms = [f"{row[name]:.5f}" for name in others]
            writer.writerow([epoch + 1, seconds, scored, *terms])


def pretrain_templates(model, x, number=None):
    """Learn the templates by hard EM, level by level and without labels.

    Args:
        model: a `DRMM`.
        x: training images, uint8.
        number: how many of them are looked at; None for the tables' number.

    Returns:
        Seconds.
    """
    from keras_drmm import HardEM, data
    from keras_drmm.learning import pretrain

    start = time.perf_counter()
    images = data.to_unit_range(x[: number or PRETRAINING_IMAGES])
    for level, losses in enumerate(
        pretrain(model, images, HardEM(**HARD_EM), SWEEPS), start=1
    ):
        print(f"Level {level}: objective {losses[0]:.4g} to {losses[-1]:.4g}")
    return time.perf_counter() - start


class EpochLog:
    """Adds to the logs of an epoch its seconds and its validation error, in percent."""

    def __init__(self, model, scored, epochs):
        self.model, self.scored, self.epochs = model, scored, epochs

    def is_validated(self, epoch):
        """Whether the validation images are scored after an epoch.

        They are scored ten to twenty times in a run: epochs of few labelled images take
        less time than scoring.
        """
        number, every = epoch + 1, max(1, self.epochs // 10)
        return number % every == 0 or number == self.epochs

    def begin(self, epoch, logs=None):
        """Start the clock."""
        self.start = time.perf_counter()

    def end(self, epoch, logs):
        """Add to the logs; an epoch that is not scored has NaN."""
        # The time of scoring does not count.
        logs["seconds"] = round(time.perf_counter() - self.start, 2)
        logs["validation_error"] = math.nan
        if self.is_validated(epoch):
            found = validation_error(self.model, self.scored)
            logs["validation_error"] = math.nan if found == "" else found


def validation_error(model, dataset):
    """Return the error in percent on the validation images, "" if there are none."""
    if dataset.validation is None:
        return ""
    return measure.error(model, *dataset.validation)


def test_error(model, images, labels):
    """Return the error in percent on test images as they are loaded, uint8."""
    from keras_drmm import data

    return measure.error(model, data.to_unit_range(images), labels.reshape(-1))


def record_epochs(cell, seed, epochs, folder, seconds):
    """Append the epochs of a run that were validated to `epochs.csv`.

    Args:
        cell: the run's `Cell`.
        seed: the run's.
        epochs: number of epochs in all.
        folder: the run's, with its history.
        seconds: time that the run took before its first epoch.
    """
    with (folder / "history.csv").open() as file:
        for row in csv.DictReader(file):
            seconds += float(row["seconds"])
            if not row["validation_error"]:
                continue
            epoch = {
                **asdict(cell),
                "seed": seed,
                "epochs": epochs,
                "epoch": row["epoch"],
                "seconds": round(seconds),
                "validation_error": row["validation_error"],
            }
            results.append_row(results.RESULTS / "epochs.csv", epoch)
