"""Small runs that tests break and resume, one of each algorithm."""

import keras
import numpy as np
from keras import ops

from keras_drmm import DRMM, EG, RMM, HardEM, Level, SoftEM, data
from keras_drmm.zoo.settings import load_and_compile
from tests.shared_models import shared

EPOCHS, BATCH = 4, 8
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (44, 8, 8, 1), "uint8")
LABELS = np.arange(44) % 3


@shared
def drmm_by_eg():
    """The zoo's settings: noise, warm-up, a falling rate; and averaged weights."""
    levels = [Level(4, 3, pool_size=2, batch_norm=True), Level(5, 3, batch_norm=True)]
    model = DRMM(levels, (8, 8, 1), num_classes=3)
    load_and_compile(model, None, None)
    optimizer = keras.optimizers.Adam(model.optimizer._learning_rate, use_ema=True)
    model.compile(optimizer, algorithm=model.algorithm)
    return model


@shared
def drmm_by_em(algorithm):
    levels = [Level(4, 3, pool_size=2), Level(5, 3)]
    model = DRMM(levels, (8, 8, 1), num_classes=3)
    model.compile(algorithm=algorithm)
    return model


@shared
def rmm_by(algorithm):
    model = RMM((8, 8, 1), num_classes=3, num_nuisances=2)
    model.compile(algorithm=algorithm)
    return model


MAKE = {
    "EG": drmm_by_eg,
    "hard EM": lambda: drmm_by_em(HardEM()),
    "hard EM within sweeps": lambda: drmm_by_em(HardEM(batches_per_m_step=2)),
    "soft EM": lambda: drmm_by_em(SoftEM(temperature=0.1)),
    "RMM, soft EM": lambda: rmm_by(SoftEM()),
}


def fit(model, *callbacks, **changes):
    """Fit by batches of a data set, or of arrays where the model learns by EM."""
    if isinstance(model.algorithm, EG):
        given = {
            "x": data.semi_supervised(IMAGES, LABELS, 9, batch_size=BATCH, seed=1),
            "shuffle": False,
        }
    else:
        labels = np.where(np.arange(len(LABELS)) < 12, LABELS, -1)
        x = data.to_unit_range(IMAGES)
        given = {"x": x, "y": labels, "batch_size": BATCH}
    given = {**given, "epochs": EPOCHS, "verbose": 0, **changes}
    return model.fit(**given, callbacks=list(callbacks))


def state_of(model):
    """Return all variables of model and optimizer, NumPy arrays."""
    variables = [*model.variables, *model.optimizer.variables]
    return [ops.convert_to_numpy(v).copy() for v in variables]


def spoil(model):
    """Change what another process would have otherwise: weights and random numbers."""
    for variable in model.trainable_variables:
        variable.assign(ops.convert_to_numpy(variable) + 0.1)
    keras.utils.set_random_seed(99)


class Break(keras.callbacks.Callback):
    """Raises a KeyboardInterrupt, or does something else, in a fit.

    Args:
        epoch: from 0.
        batch: at whose end, None for that of the epoch.
        act: what is done.
    """

    def __init__(self, epoch, batch=None, act=None):
        super().__init__()
        self.at, self.act = (epoch, batch), act or self.interrupt

    @staticmethod
    def interrupt(*_):
        raise KeyboardInterrupt

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.at:
            self.act()

    def on_epoch_end(self, epoch, logs=None):
        if (epoch, None) == self.at:
            self.act()
