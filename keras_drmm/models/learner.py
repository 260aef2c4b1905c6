"""Learner: a model's trainer inside Keras' own training loop."""

import math
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

from keras import ops

from keras_drmm.layers import replicas
from keras_drmm.layers.keeps_frozen import KeepsFrozen
from keras_drmm.models.backend_loops import BackendLoops
from keras_drmm.models.batch_check import BatchCheck
from keras_drmm.models.batch_watch import BatchWatch
from keras_drmm.models.checks import (
    check_is_array,
    is_array,
    warn_unless_finite,
)
from keras_drmm.models.class_weights import apply_class_weight
from keras_drmm.models.compile_arguments import (
    check_loss_weights,
    check_options,
    resolve_jit,
    standardize_metrics,
    takes_unlabelled,
)
from keras_drmm.models.divergence_check import DivergenceCheck
from keras_drmm.models.fit_arguments import (
    as_list,
    check_callbacks,
    check_compiled,
    check_loop,
    check_loss_has_labels,
    check_one_weight,
    standardize_batch,
    standardize_batch_size,
    standardize_fit,
    standardize_rows,
)
from keras_drmm.models.kept_state import KeptState
from keras_drmm.models.learns_part import LearnsPart
from keras_drmm.models.objective_loss import objective_loss
from keras_drmm.models.predict_watch import watches_prediction
from keras_drmm.models.rates import follow_fit, follow_no_fit
from keras_drmm.models.replica_checks import check_devices_share, check_replicas
from keras_drmm.models.saved_natively import SavedNatively
from keras_drmm.models.streaming import stream_fit, stream_rows
from keras_drmm.models.term_mean import TermMean
from keras_drmm.models.trainer import Trainer
from keras_drmm.models.training_rows import TrainingRows
from keras_drmm.models.unpack_batch import unpack_batch
from keras_drmm.models.whole_fit import whole_fit

# The name of what regularizers of weights add to the objective.
REGULARIZATION = "regularization"


class Learner(BackendLoops, LearnsPart, KeepsFrozen, SavedNatively):
    """A Keras model whose steps are an E-step and what follows from it.

    The steps read as Algorithm 1: `call` runs the trainer's E-step on a batch,
    `compute_loss` its objective for what was inferred, and the trainer's `train_step`
    is the G-step, Keras' own step by gradients, or one of EM.

    A subclass defines `classify(images, training)`, which returns logits, and gives
    `_compile` a `Trainer`. Without one the model is an ordinary Keras classifier.

    Keras' training loop is kept for all backends, so that JAX's state, loss scaling,
    gradient accumulation, weight averaging, jit and callbacks work as in any model.
    """

    trainer: Trainer | None = None
    # What a pixel may be.
    pixel_range: tuple = (-math.inf, math.inf)
    # What Keras makes of the steps, and None to have it made anew.
    train_function: Any = None
    test_function: Any = None
    predict_function: Any = None
    # {id: path} of what the steps learn, from the first one on.
    learned_variables: dict | None = None
    _is_testing = False

    def _compile(self, trainer, optimizer, metrics, jit_compile, own, **kwargs):
        """Do what `compile` of a subclass does, and keep its arguments for saving.

        Args:
            trainer: the `Trainer`, or None for an ordinary Keras `loss`.
            optimizer: as in Keras.
            metrics: of labelled rows.
            jit_compile: "auto" leaves TensorFlow on a CPU to its own convolutions.
            own: {name: value} of arguments that Keras does not have.
            **kwargs: further arguments of `keras.Model.compile`.
        """
        # First: a model whose `compile` failed stays as it was.
        called = f"{type(self).__name__}.compile"
        check_options(called, (*own, "loss"), optimizer, jit_compile, kwargs)
        taken = ("loss", REGULARIZATION, *(trainer.weights if trainer else ()))
        metrics = standardize_metrics(
            metrics, kwargs.pop("weighted_metrics", None), taken
        )
        if trainer is not None:
            check_loss_weights(kwargs.get("loss_weights"))
        self.trainer, self.learned_variables = trainer, None
        # Kept here as well, so that Keras tracks the state of their random numbers.
        self._trainer_layers = [] if trainer is None else list(trainer.layers)
        # A namespace, not attributes: Keras would track metrics for ever, those of an
        # earlier `compile` too.
        takes_any = trainer is not None or takes_unlabelled(kwargs["loss"])
        batches = BatchCheck(self.pixel_range, self.num_classes, -1 if takes_any else 0)
        self._sums = SimpleNamespace(
            batches=batches, divergence=DivergenceCheck(), terms={}
        )
        if trainer is not None:
            names = (*trainer.weights, REGULARIZATION)
            self._sums.terms = {name: TermMean(name) for name in names}
        arguments = {"optimizer": optimizer, "metrics": metrics}
        self._arguments = {**arguments, "jit_compile": jit_compile, **own, **kwargs}
        super().compile(
            optimizer,
            weighted_metrics=metrics,
            jit_compile=resolve_jit(jit_compile),
            **kwargs,
        )

    def call(self, inputs, training=False):
        """Return logits; inside a training or test step, the whole E-step."""
        if not isinstance(inputs, dict):
            return self.classify(inputs, training=training)
        if self.trainer is None:
            return self.classify(inputs["images"], training=training)
        return self.trainer.e_step(inputs["images"], inputs.get("labels"), training)

    # The steps take (data) on TensorFlow and PyTorch, (state, data) on JAX.

    def train_step(self, *args):
        with replicas.sharing():
            args = (*args[:-1], unpack_batch(self, args[-1]))
            if self.trainer is None:
                return replicas.as_logs(super().train_step(*args))
            return replicas.as_logs(self.trainer.train_step(*args))

    def test_step(self, *args):
        with self._tests():
            args = (*args[:-1], unpack_batch(self, args[-1]))
            return replicas.as_logs(super().test_step(*args))

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        initial_epoch=0,
        steps_per_epoch=None,
        validation_steps=None,
        validation_batch_size=None,
        validation_freq=1,
    ):
        """Learn; see `keras.Model.fit`.

        Args:
            x: images, floats in `pixel_range`, or a data set of (images, labels) or
                (images, labels, sample weights) batches.
            y: integer labels, -1 for an unlabelled row; None with a data set, or where
                the objective needs no labels.
            batch_size: as in Keras, like all that is not said here; None with a data
                set.
            epochs: with closed forms, the number of sweeps over all rows.
            verbose: as in Keras.
            callbacks: as in Keras, a callback or a list.
            validation_split: fraction of the rows, the last ones, kept for validation.
            validation_data: (images, labels), (images, labels, sample weights) or a
                data set.
            shuffle: as in Keras.
            class_weight: {class: weight of its labelled rows}, 1 where it says nothing.
            sample_weight: (N,). A row of weight w counts as w rows in every term,
                prior, statistic and metric, and as one in batch normalisation.
            initial_epoch: where a training goes on that has `epochs` in all.
            steps_per_epoch: as in Keras; needed for a rate that follows `fit` where a
                data set does not know its length.
            validation_steps: as in Keras.
            validation_batch_size: as in Keras.
            validation_freq: validate each so many epochs, or after the epochs of a
                list, from 1.

        Raises:
            ValueError: images, labels or weights are not what the model takes, no row
                is labelled, or another argument is out of range or would have no
                effect. Arrays are checked whole before any weight changes.
                Batches of a data set are checked as they come: at the end of the epoch
                the weights are then those from before it.

        Warns:
            UserWarning: no epoch is left to learn in, or to validate after, or some
                classes have no label.
        """
        self._before_learning()
        given = standardize_fit(
            self,
            x=x,
            y=y,
            batch_size=batch_size,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_split=validation_split,
            validation_data=validation_data,
            shuffle=shuffle,
            class_weight=class_weight,
            sample_weight=sample_weight,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            validation_steps=validation_steps,
            validation_batch_size=validation_batch_size,
            validation_freq=validation_freq,
        )
        kept = KeptState()
        own = as_list(callbacks)
        rows = TrainingRows.of(given)
        steps = rows.count_steps(given["batch_size"], steps_per_epoch)
        given["callbacks"] = [kept, BatchWatch(), *own]
        if self.trainer is not None:
            given["callbacks"][:0] = self.trainer.first_callbacks()
            given["callbacks"] += self.trainer.callbacks()
        with replicas.scope(self), whole_fit(self, own, given), kept.guard():
            check_replicas(self, given)
            if self.trainer is None:
                follow_fit(self, steps, initial_epoch, given["epochs"])
            else:
                self.trainer.prepare(rows, steps, initial_epoch, given["epochs"])
            stream_fit(self, given)
            history = super().fit(**given)
        self._after_learning()
        return history

    def evaluate(
        self,
        x=None,
        y=None,
        batch_size=None,
        verbose="auto",
        sample_weight=None,
        steps=None,
        callbacks=None,
        return_dict=False,
        **kwargs,
    ):
        """Measure objective and metrics; see `keras.Model.evaluate` and `fit`.

        `loss` is the sum of the terms with their whole weights, each the mean over the
        rows that it is about. Metrics see labelled rows, and are NaN if there is none.

        Raises:
            ValueError: images or labels are not what the model takes.
        """
        kept = KeptState()
        # `fit` has checked its validation data, and watches it.
        if not kwargs.get("_use_cached_eval_dataset"):
            check_compiled(self, "evaluate")
            check_callbacks(callbacks)
            x, y, sample_weight = standardize_rows(self, x, y, sample_weight)
            batch_size = standardize_batch_size(batch_size, x)
            check_devices_share(self, x, batch_size)
            check_loop(verbose, steps=steps)
            callbacks = [kept, BatchWatch(), *as_list(callbacks)]
            rows = x, y, sample_weight, batch_size
            x, y, sample_weight, batch_size = stream_rows(*rows)
        with self._tests(), kept.guard():
            return super().evaluate(
                x,
                y,
                batch_size,
                verbose,
                sample_weight,
                steps,
                callbacks,
                return_dict,
                **kwargs,
            )

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """Return logits; see `keras.Model.predict`.

        Args:
            x: images, or a data set of images, (images, labels) or (images, labels,
                sample weights) batches, of which the images are looked at alone.
            batch_size: as in Keras, like all that is not said here; None with a data
                set.
            verbose: as in Keras.
            steps: as in Keras.
            callbacks: as in Keras.

        Raises:
            ValueError: images are not what the model takes. Arrays are checked whole
                before; of a data set the first batch is, and each later one as it
                comes, of which the error tells at the end.

        Warns:
            UserWarning: some logits are not finite.
        """
        x, _ = self.check_data(x)
        check_callbacks(callbacks)
        check_loop(verbose, steps=steps)
        batch_size = standardize_batch_size(batch_size, x)
        check_devices_share(self, x, batch_size)
        kept = KeptState()
        callbacks = [kept, *as_list(callbacks)]
        watch = nullcontext() if is_array(x) else watches_prediction(self)
        x, _, _, batch_size = stream_rows(x, None, None, batch_size)
        with watch, kept.guard():
            logits = super().predict(x, batch_size, verbose, steps, callbacks)
        warn_unless_finite(logits)
        return logits

    @property
    def batch_check(self):
        """The `BatchCheck` of the steps."""
        return self._sums.batches

    @property
    def divergence_check(self):
        """The `DivergenceCheck` of the training steps."""
        return self._sums.divergence

    def train_on_batch(
        self, x, y=None, sample_weight=None, class_weight=None, return_dict=False
    ):
        """Learn from a batch; see `keras.Model.train_on_batch`.

        Raises:
            ValueError: images, labels or weights are not what the model takes, or its
                algorithm learns by sweeps over all rows.
        """
        check_compiled(self, "train_on_batch")
        self._before_learning()
        x, y, sample_weight = standardize_batch(
            self, x, y, sample_weight, learning=True
        )
        check_one_weight(class_weight, sample_weight)
        if self.trainer is not None:
            self.trainer.check_single_batch()
        follow_no_fit(self)
        _, class_weight = apply_class_weight(x, class_weight, self.num_classes)
        logs = super().train_on_batch(x, y, sample_weight, class_weight, return_dict)
        self._after_learning()
        return logs

    def test_on_batch(self, x, y=None, sample_weight=None, *args, **kwargs):
        """Measure objective and metrics of a batch, as `evaluate` does.

        Raises:
            ValueError: images, labels or weights are not what the model takes.
        """
        check_compiled(self, "test_on_batch")
        x, y, sample_weight = standardize_batch(self, x, y, sample_weight)
        return super().test_on_batch(x, y, sample_weight, *args, **kwargs)

    def predict_on_batch(self, x):
        """Return the logits of a batch, as `predict` does.

        Raises:
            ValueError: images are not what the model takes.

        Warns:
            UserWarning: some logits are not finite.
        """
        check_is_array(x)
        x, _ = self.check_data(x)
        logits = super().predict_on_batch(x)
        warn_unless_finite(logits)
        return logits

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        """Return Σ β · term, in training with the share of β that a term has by now."""
        if self.trainer is None:
            loss = super().compute_loss(x, y, y_pred, sample_weight, training)
            if training:
                self._look_at(y_pred, {"loss": loss})
            return replicas.with_mean_gradients(loss, self.trainable_weights)
        terms = self.trainer.objective(y_pred, y, sample_weight, training)
        total = ops.convert_to_tensor(sum(self.losses), "float32")
        self._sums.terms[REGULARIZATION].update_state(total)
        for name, (value, weight) in terms.items():
            self._sums.terms[name].update_state(value, sample_weight=weight)
            share = self.trainer.ramp(name) if training else 1.0
            total = total + self.trainer.weights[name] * share * value
        if training:
            values = {name: value for name, (value, _) in terms.items()}
            self._look_at(y_pred.logits, {**values, "loss": total})
            # Of the batch, and no constant: as a data set of unknown length ends,
            # TensorFlow runs what of the next step needs no batch.
            is_batch = ops.any(ops.argmax(y_pred.logits, axis=-1) >= 0)
            self.trainer.end_step(ops.cast(is_batch, "int32"))
        loss = objective_loss(total)
        return replicas.with_mean_gradients(loss, self.trainable_weights)

    def _look_at(self, logits, terms):
        """Let `DivergenceCheck` look at a training step."""
        weights = {("weight", v.path): v for v in self.trainable_variables}
        named = {("term", name): value for name, value in terms.items()}
        self.divergence_check.update_state({**weights, ("logits", ""): logits, **named})

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Update the metrics, which see the labelled rows alone."""
        logits = getattr(y_pred, "logits", y_pred)
        if y is None:
            check_loss_has_labels(self, y)
            # Keras builds metrics by their first labels: show it unlabelled ones.
            y = ops.full(ops.shape(logits)[:1], -1)
        # As it builds metrics, Keras shows them columns.
        y = ops.reshape(y, (-1,))
        labelled = ops.cast(y >= 0, "float32")
        if sample_weight is not None:
            sample_weight = ops.reshape(ops.cast(sample_weight, "float32"), (-1,))
            labelled = labelled * sample_weight
        # As it builds metrics, Keras calls this with images alone.
        if isinstance(x, dict):
            self._sums.batches.update_state(
                x["images"],
                x.get("given_labels", y),
                labelled,
                logits,
                sample_weight,
            )
        # Unlabelled rows are shown as class 0 with weight 0.
        shown = replicas.metric_rows([ops.maximum(y, 0), logits, labelled])
        return super().compute_metrics(x, *shown)

    def get_metrics_result(self):
        """Return what is logged: terms, loss, and metrics of the labelled rows."""
        results = super().get_metrics_result()
        terms = {name: mean.result() for name, mean in self._sums.terms.items()}
        if self.trainer is not None:
            weights = {REGULARIZATION: 1.0, **self.trainer.weights}
            if self._is_testing:
                # A term without a row adds nothing.
                results["loss"] = sum(
                    weight * ops.nan_to_num(terms[name])
                    for name, weight in weights.items()
                )
            del results[REGULARIZATION]
        seen = self._sums.batches.labelled
        for name in results.keys() - terms.keys() - {"loss"}:
            results[name] = ops.where(seen > 0, results[name], math.nan)
        return results

    @property
    def metrics(self):
        sums = getattr(self, "_sums", None)
        if sums is None:
            return super().metrics
        own = [sums.batches, sums.divergence, *sums.terms.values()]
        if self.trainer is not None:
            own += self.trainer.metrics
        return [*super().metrics, *own]

    @property
    def has_metrics(self):
        """Whether the model was compiled with metrics, which see labelled rows."""
        return bool(self._arguments["metrics"])

    def _before_learning(self):
        """Say what the user should know as the weights are about to change."""

    def _after_learning(self):
        """Note that the weights have changed, as nothing was refused."""

    def check_data(self, x, y=None, learning=False):
        """Return images and labels as the model takes them, or say what is wrong."""
        return x, y

    @contextmanager
    def _tests(self):
        """Within this, `loss` is that of a test."""
        before, self._is_testing = self._is_testing, True
        try:
            yield
        finally:
            self._is_testing = before
