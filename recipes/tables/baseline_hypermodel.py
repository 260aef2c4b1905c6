"""A baseline whose settings keras-tuner chooses."""

import keras

from keras_drmm import zoo
from keras_drmm.tuning import SemiSupervisedHyperModel
from recipes.tables.training import make_baseline


class BaselineHyperModel(SemiSupervisedHyperModel):
    """A baseline that has the levels of `drmm_conv_small`.

    Args:
        name: one of `BASELINES` but the convnet.
        training_steps: steps over which the learning rate falls to 0 along a cosine.
        seed: seed of the initial weights, which are the same in each trial.
        **arguments: keyword arguments of `drmm_conv_small`.
    """

    def __init__(self, name, training_steps, seed=0, **arguments):
        super().__init__()
        self.name, self.seed = name, seed
        self.training_steps, self.arguments = training_steps, arguments

    def build(self, hp):
        """Return the baseline, compiled with the hyperparameters."""
        keras.utils.set_random_seed(self.seed)
        drmm = zoo.drmm_conv_small(**self.arguments)
        settings = getattr(self, f"_{self.name}")(hp)
        rate = hp.Float("learning_rate", 5e-4, 1e-2, sampling="log", default=2e-3)
        baseline = make_baseline(self.name, drmm, self.training_steps, rate, **settings)
        baseline.optimizer.build(baseline.trainable_variables)
        return baseline

    def _swwae(self, hp):
        # The authors do not say whether their terms are sums or means over pixels and
        # units. These ranges contain both.
        return {
            "reconstruction": hp.Float("reconstruction", 0.1, 1000.0, sampling="log"),
            "intermediate": hp.Float("intermediate", 0.01, 1000.0, sampling="log"),
            "dropout": hp.Choice("dropout", [0.0, 0.5]),
        }

    def _ladder(self, hp):
        return {
            "noise": hp.Float("noise", 0.2, 0.6),
            "denoising": hp.Float("denoising", 0.1, 10.0, sampling="log"),
        }

    def _pseudo_label(self, hp):
        t1 = hp.Int("t1", 50, 500, sampling="log")
        ramp = hp.Int("ramp", 50, max(100, self.training_steps), sampling="log")
        alpha = hp.Float("alpha", 0.3, 10.0, sampling="log")
        return {"alpha": alpha, "t1": t1, "t2": t1 + ramp}

    def _fixmatch(self, hp):
        return {
            "threshold": hp.Float("threshold", 0.7, 0.99),
            "unlabelled": hp.Float("unlabelled", 0.1, 10.0, sampling="log"),
        }

    def _mean_teacher(self, hp):
        return {
            "consistency": hp.Float("consistency", 1.0, 300.0, sampling="log"),
            "decay": hp.Choice("decay", [0.99, 0.999]),
        }
