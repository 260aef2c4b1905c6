"""BackendLoops: where Keras' training loop of a backend needs something of its own."""

from typing import Any

import keras

from keras_drmm.data.autotuner import StrategyWithoutAutotuner
from keras_drmm.models.compile_arguments import build_before_tracing
from keras_drmm.models.fitting_labels import FittingLabels

# Stands before `keras.Model` among the bases of a model, and so calls it by `super()`.
_BEFORE_MODEL: Any = object


class BackendLoops(_BEFORE_MODEL):
    """On TensorFlow no autotuner and one trace; on JAX labels of a type that it takes.

    PyTorch's loop is Keras' own.
    """

    # Of the model beside this class.
    train_function: Any
    test_function: Any

    if keras.config.backend() == "tensorflow":

        @property
        def distribute_strategy(self):
            """The model's strategy, which is handed all that it learns from."""
            strategy = super().distribute_strategy
            if strategy.num_replicas_in_sync > 1:
                return strategy
            return StrategyWithoutAutotuner(strategy)

        def _maybe_symbolic_build(self, *args, **kwargs):
            # Keras would read a batch to build the metrics, which strategies of several
            # processes do not show it.
            if super().distribute_strategy.num_replicas_in_sync == 1:
                super()._maybe_symbolic_build(*args, **kwargs)

        def make_train_function(self, force=False):
            build_before_tracing(self, learns=True)
            super().make_train_function(force)

        def make_test_function(self, force=False):
            build_before_tracing(self, learns=False)
            super().make_test_function(force)

    if keras.config.backend() == "jax":

        def make_train_function(self, force=False):
            super().make_train_function(force)
            self.train_function = FittingLabels(self.train_function)

        def make_test_function(self, force=False):
            super().make_test_function(force)
            self.test_function = FittingLabels(self.test_function)
