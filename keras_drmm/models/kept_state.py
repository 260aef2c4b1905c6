"""KeptState: a model goes on after a step that failed."""

from contextlib import contextmanager

import keras


class KeptState(keras.callbacks.Callback):
    """Leaves a model usable if a step of `fit`, `evaluate` or `predict` fails.

    A step fails on a batch of another shape, for one. While steps run on JAX, Keras
    takes the variables out of the model and puts them back at the end alone: it would
    be left without weights. On TensorFlow a step that failed as it was traced fails
    ever after: here it is made anew.
    """

    def __init__(self):
        super().__init__()
        self._kept: list = []
        self._is_in_step = False

    def on_train_batch_begin(self, batch, logs=None):
        self._is_in_step = True
        # Keras takes the variables out after this.
        if batch == 0:
            model = self.model
            variables = [*model.variables, *model.metrics_variables]
            optimizer = getattr(model, "optimizer", None)
            variables += optimizer.variables if optimizer else []
            self._kept = [(variable, variable.value) for variable in variables]

    def on_train_batch_end(self, batch, logs=None):
        self._is_in_step = False

    on_test_batch_begin = on_train_batch_begin
    on_test_batch_end = on_train_batch_end
    on_predict_batch_begin = on_train_batch_begin
    on_predict_batch_end = on_train_batch_end

    @contextmanager
    def guard(self):
        """Within this, an exception leaves the model as the last whole step did."""
        try:
            yield
        except BaseException:
            if keras.backend.backend() == "jax":
                self._put_back()
            if keras.backend.backend() == "tensorflow" and self._is_in_step:
                self.model.train_function = self.model.test_function = None
            raise

    def _put_back(self):
        for variable, value in self._kept:
            # What a whole step used up is in the state that it returned.
            if not value.is_deleted():
                variable.assign(value)
        if self._kept:
            self.model.jax_state_sync()
