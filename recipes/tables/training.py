"""How a cell of a table is trained: data, model, run and row."""

import csv
import time
from dataclasses import replace

from recipes.common import results
from recipes.common.measure import error
from recipes.tables.baselines import SETTINGS, make_peer
from recipes.tables.cells import DEEP, PEERS, WITH_NUISANCES

# Of the zoo: those that learn by EG.
MODELS = ("drmm_conv_small", "drmm_conv_large", "drmm_lenet", "drfm_lenet", "rfm")
VALIDATION_IMAGES = 5000
# A level costs seconds: the shallow models see all images more often. The ladder
# passes twice and draws noise for each stage: a time like the others'. SWWAE has
# learned its labels after one, and its reconstruction then costs accuracy (validation
# error of draw 0: 17.9 % after one epoch, 20.5 after five).
EPOCHS = {"rfm": 8, "drfm_lenet": 6, "drmm_lenet": 6, "ladder": 3, "swwae": 1}
OTHER_EPOCHS, NUISANCES_EPOCHS, CIFAR_EPOCHS = 5, 8, 100
# All images have a label then: fewer epochs do.
SECOND_NETWORK_EPOCHS = 3
# At least, where all labels are known.
SUPERVISED_EPOCHS, SUPERVISED_EPOCHS_OF_DEEP = 10, 5
# Of runs that see few labelled images alone: as many epochs as make so many images.
# One level, whose features are few, goes on to learn after the others have.
IMAGES_SEEN, IMAGES_SEEN_BY_ONE_LEVEL = 50_000, 250_000
# Of `unsupervised-pretraining`, by `HardEM`.
PRETRAINING_IMAGES, SWEEPS = 10_000, 5
HARD_EM = {"step": 0.5, "rows_per_gram": 8}


def make_dataset(cell, x, y, validation=None):
    """Return the batches of a cell.

    Validation images, by default `VALIDATION_IMAGES`, are training images whose labels
    are hidden, the same for all models and numbers of labels of a draw. A cell of all
    labels has none.

    Raises:
        ValueError: there are fewer images than labels are asked for.
    """
    from keras_drmm import data

    validation = validation or VALIDATION_IMAGES
    unlabelled = len(x) - cell.labels
    if unlabelled < 0:
        raise ValueError(
            f"There are {len(x)} images for {cell.labels} labels: ask for at most "
            f"{len(x)} labels."
        )
    # Labels that validation leaves to be hidden.
    is_few = unlabelled > validation
    dataset = data.semi_supervised(
        x,
        y,
        cell.labels if is_few else None,
        labelled_per_batch=16 if is_few and cell.labels < 10_000 else None,
        validation=min(validation, unlabelled),
        validation_images_unlabelled=is_few,
        seed=cell.draw,
    )
    if cell.learns_without_labels or not is_few:
        return dataset
    return dataset.labelled_only(batch_size=50)


def default_epochs(cell):
    """Return the epochs of a cell that is not told how many."""
    if cell.data == "cifar10":
        return CIFAR_EPOCHS
    if cell.learns_without_labels and cell.labels <= 10_000:
        if cell.setting == WITH_NUISANCES:
            return NUISANCES_EPOCHS
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

    name, _, depth = cell.model.partition("_")
    if name == "convnet":
        drmm = {"": "drmm_conv_small", "1": "rfm", "2": "drmm_lenet"}[depth]
        return baselines.convnet(getattr(zoo, drmm)(input_shape), steps)
    if cell.model in PEERS:
        drmm = zoo.drmm_conv_small(input_shape)
        return make_peer(cell.model, drmm, steps, **SETTINGS[cell.model])
    model = getattr(zoo, cell.model)(input_shape, training_steps=steps)
    changes = {}
    if cell.setting == WITH_NUISANCES:
        # Ten labels a class leave out whole ways to write it, a 7 with a bar, say.
        # With the bar covered it looks like those that are labelled.
        changes = {
            "consistency": 1.0,
            "nuisance": image_nuisances(cell.draw),
        }
    elif cell.has_first_network or not cell.learns_without_labels:
        # Rows that have their labels need not decide, nor be balanced.
        changes = {"entropy": 0, "marginal_kl": 0}
    algorithm = replace(model.algorithm, **changes)
    model.compile(model.optimizer, algorithm=algorithm)
    return model


def image_nuisances(seed):
    """Return a layer that changes an image's pose and covers a part of it.

    The part is a rectangle whose sides are a fifth to half of the image's.
    """
    from keras import layers

    from keras_drmm.learning import Pose

    return layers.Pipeline(
        [
            Pose(rotation=0.04, zoom=0.12, shift=0.08, seed=seed),
            layers.RandomErasing(
                factor=(1.0, 1.0),
                # Squares of the least and greatest side, as parts of the image's.
                scale=(0.2**2, 0.5**2),
                fill_value=0.0,
                value_range=(0, 1),
                seed=seed,
            ),
        ]
    )


def objective_of(model):
    """Return what a compiled model minimises, in words, by which rows are grouped."""
    algorithm = getattr(model, "algorithm", None)
    weights = {"cross_entropy": 1.0}
    if algorithm is not None:
        weights = algorithm.weights
    elif hasattr(model, "weights_of_terms"):
        weights = model.weights_of_terms
    words = [f"{name} {weight:g}" for name, weight in weights.items()]
    nuisance = getattr(algorithm, "nuisance", None)
    if nuisance is not None:
        # A pipeline is named by what is in it.
        layers = getattr(nuisance, "layers", [nuisance])
        words.append(" and ".join(type(layer).__name__ for layer in layers))
    return ", ".join(words)


def settings_of(cell):
    """Return what a cell's model learns by: plain values that tell it from others.

    Of peers and convnets, which have no algorithm, the objective in words and what the
    recipe makes them with. How many steps the learning rate falls over is left out.
    """
    model = make_model(cell, 1, (32, 32, 1))
    algorithm = getattr(model, "algorithm", None)
    if algorithm is None:
        objective = {"terms": objective_of(model), **SETTINGS.get(cell.model, {})}
    else:
        objective = algorithm.get_config()
    settings = [objective, model.optimizer.get_config()]
    if cell.is_pretrained:
        settings.append({"images": PRETRAINING_IMAGES, "sweeps": SWEEPS, **HARD_EM})
    return _anonymous(settings)


def _anonymous(config):
    """Return a configuration without names and precision.

    Keras counts in a name how many objects of a kind its process made before.
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


def train(model, dataset, epochs, folder, backend, scored=None):
    """Fit `model`, from the last whole epoch if the run was stopped.

    Args:
        model: compiled.
        dataset: the batches.
        epochs: how many in all.
        folder: of checkpoint and history.
        backend: that of Keras.
        scored: the data set whose validation rows are scored, by default `dataset`.

    Returns:
        Seconds of all epochs, those before a stop included.
    """
    import keras

    folder.mkdir(parents=True, exist_ok=True)
    history = folder / "history.csv"
    scored = dataset if scored is None else scored
    log = EpochLog(model, dataset, scored, history, epochs)
    model.fit(
        dataset.as_tf_dataset() if backend == "tensorflow" else dataset,
        epochs=epochs,
        # The data set shuffles itself, as a function of seed and epoch.
        shuffle=False,
        verbose=2,
        callbacks=[
            keras.callbacks.BackupAndRestore(
                folder / "checkpoint", double_checkpoint=True, delete_checkpoint=False
            ),
            keras.callbacks.LambdaCallback(
                on_epoch_begin=log.begin, on_epoch_end=log.end
            ),
        ],
    )
    with history.open() as file:
        return sum(float(row["seconds"]) for row in csv.DictReader(file))


def pretrain_templates(model, x):
    """Learn the templates level by level by hard EM, without labels.

    Returns:
        Seconds.
    """
    from keras_drmm import HardEM, data
    from keras_drmm.learning import pretrain

    start = time.perf_counter()
    images = data.to_unit_range(x[:PRETRAINING_IMAGES])
    for level, losses in enumerate(
        pretrain(model, images, HardEM(**HARD_EM), SWEEPS), start=1
    ):
        print(f"Level {level}: objective {losses[0]:.4g} to {losses[-1]:.4g}")
    return time.perf_counter() - start


class EpochLog:
    """Puts the data set at each epoch's order and logs what the epoch gave."""

    def __init__(self, model, dataset, scored, path, epochs):
        self.model, self.dataset, self.scored = model, dataset, scored
        self.path, self.epochs = path, epochs

    def is_validated(self, epoch):
        """Whether the validation rows are scored after an epoch.

        Ten to twenty times a run: hundreds of epochs of few labelled rows take less
        time than their scores.
        """
        number, every = epoch + 1, max(1, self.epochs // 10)
        return number % every == 0 or number == self.epochs

    def begin(self, epoch, logs=None):
        """Start the clock and, after a stop, go on with this epoch's order."""
        self.dataset.epoch = epoch
        self.start = time.perf_counter()

    def end(self, epoch, logs):
        """Append epoch, seconds, validation error and the terms to the history."""
        # Before the rows are scored, which is no learning.
        seconds, found = round(time.perf_counter() - self.start, 2), ""
        if self.is_validated(epoch):
            found = validation_error(self.model, self.scored)
            print(f" - validation error: {found} %", flush=True)
        row = {
            "epoch": epoch + 1,
            "seconds": seconds,
            "validation_error": found,
            **{name: f"{value:.5f}" for name, value in logs.items()},
        }
        results.append_row(self.path, row, tuple(row))


def validation_error(model, dataset):
    """Return the error in percent on the validation rows, "" where there are none."""
    if dataset.validation is None:
        return ""
    return error(model, *dataset.validation)


def test_error(model, images, labels):
    """Return the error in percent on the test images, uint8 as they are loaded."""
    from keras_drmm import data

    return error(model, data.to_unit_range(images), labels.reshape(-1))


def record_epochs(cell, seed, epochs, folder, seconds):
    """Append a run's validated epochs to `epochs.csv`, with seconds from its start.

    Of these, `seconds` are from before the first of the `epochs`.
    """
    with (folder / "history.csv").open() as file:
        for row in csv.DictReader(file):
            seconds += float(row["seconds"])
            if not row["validation_error"]:
                continue
            epoch = {
                "table": cell.table,
                "setting": cell.setting,
                "model": cell.model,
                "labels": cell.labels,
                "draw": cell.draw,
                "seed": seed,
                "epochs": epochs,
                "epoch": row["epoch"],
                "seconds": round(seconds),
                "validation_error": row["validation_error"],
            }
            results.append_row(results.RESULTS / "epochs.csv", epoch, tuple(epoch))
