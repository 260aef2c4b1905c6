"""EvolutionaryForest: bagged evolutionary trees, a random decision forest."""

import warnings

import keras
import numpy as np
from keras import ops

from keras_drmm.layers.arguments import (
    as_array,
    describe,
    standardize_classes,
    standardize_integer,
)
from keras_drmm.layers.deprecation import reordered_arguments
from keras_drmm.models.e_step import EStep
from keras_drmm.models.fit_arguments import as_list, check_callbacks
from keras_drmm.models.whole_fit import whole_fit
from keras_drmm.trees.evolutionary_drmm import EvolutionaryDRMM
from keras_drmm.trees.evolutionary_model import EvolutionaryModel, choose
from keras_drmm.trees.forest_run import ForestRun
from keras_drmm.trees.subspace import Subspace


@reordered_arguments("num_trees", "num_classes", "input_shape")
@keras.saving.register_keras_serializable(package="keras_drmm")
class EvolutionaryForest(EvolutionaryModel):
    r"""Bagging of T evolutionary trees: what the trees say of an image is averaged.

    $$p(c | I) = \frac{1}{T} \sum_t p(c | \hat c^{(0)}_t(I)), \quad \hat I =
    \frac{1}{T} \sum_t \mu_{\hat c^{(0)}_t(I)}$$

    Each tree grows from as many rows as there are, drawn with replacement, and from
    other children to start with; its leaves hold the labels of all rows. To draw from
    the forest is to draw a tree and then from it.

    Args:
        input_shape: (H, W, C) of an image.
        num_classes: number of classes.
        num_trees: T.
        depth: levels of a tree below its root.
        branching: children of a node, at least 2.
        label_weight: see `EvolutionaryDRMM`.
        smoothing: see `EvolutionaryDRMM`.
        rank: see `EvolutionaryDRMM`.
        pixel_range: (lowest, highest) value of a pixel. Images outside are refused.
        **kwargs: `name` of `keras.Model`. It computes in float32.

    Attributes:
        trees: T `EvolutionaryDRMM`.

    Shapes:
        `call`: images (B, H, W, C) -> logits (B, num_classes), ln p(c | I).

    Raises:
        ValueError: an argument is out of range; images or labels are not what the
            model takes.

    Example:

    >>> forest = EvolutionaryForest((8, 8, 1), num_classes=3, num_trees=5, depth=2)
    >>> images, labels = np.random.rand(50, 8, 8, 1), np.arange(50) % 4 - 1
    >>> history = forest.fit(images, labels, verbose=0)
    >>> forest.predict(images, verbose=0).shape
    (50, 3)

    Source: Patel, Nguyen, Baraniuk (2016), Appendix F; Breiman (2001) for forests.
    """

    def __init__(
        self,
        input_shape,
        num_classes,
        num_trees,
        depth,
        branching=2,
        label_weight=0.0,
        smoothing=1.0,
        rank=None,
        pixel_range=(0.0, 1.0),
        **kwargs,
    ):
        super().__init__(input_shape, pixel_range, **kwargs)
        self.num_trees = standardize_integer(num_trees, "num_trees")
        self.trees = [
            EvolutionaryDRMM(
                input_shape,
                num_classes,
                depth,
                branching,
                label_weight=label_weight,
                smoothing=smoothing,
                rank=rank,
                pixel_range=pixel_range,
                name=f"tree_{number}",
            )
            for number in range(1, self.num_trees + 1)
        ]
        self.num_classes = self.trees[0].num_classes
        self.built = True
        self._freeze_parts()
        self._compile_to_evaluate()

    @property
    def prior(self):
        """π_c, the mean of the trees', (num_classes,), a NumPy array."""
        return np.mean([tree.prior for tree in self.trees], axis=0)

    def classify(self, images, training=False):
        """Return ln p(c | I), the posterior that is the mean of the trees'."""
        logits = ops.stack([tree.classify(images) for tree in self.trees])
        return ops.logsumexp(logits, axis=0) - float(np.log(self.num_trees))

    def e_step(self, images, labels=None):
        """Run the E-step of all trees on a batch of images.

        Args:
            images: (B, H, W, C).
            labels: integers (B,), -1 for an unlabelled row, or None. A labelled row has
                the class of its label.

        Returns:
            An `EStep` of NumPy arrays, in which each of `switches`, ĝ^(1..L), is
            (B, T), and each of `rendered` the mean of the trees' templates.
        """
        found = [tree.e_step(images) for tree in self.trees]
        logits = np.logaddexp.reduce([f.logits for f in found]) - np.log(self.num_trees)
        # (T, L + 1, B, H, W, C) -> (L + 1, B, H, W, C)
        rendered = list(np.mean([f.rendered for f in found], axis=0))
        return EStep(
            logits=logits.astype("float32"),
            classes=choose(logits, labels),
            switches=list(np.stack([f.switches for f in found], axis=-1)),
            messages=found[0].messages,
            rendered=rendered,
            reconstruction=rendered[0],
        )

    def render(self, classes, switches):
        """Render the mean of the leaves at the ends of chosen paths, one in each tree.

        Args:
            classes: integers (B,), see `EvolutionaryDRMM.render`.
            switches: g^(1..L), integers (B, T) each, as `infer` returns them.

        Returns:
            Images (B, H, W, C), a NumPy array.

        Raises:
            ValueError: a class or choice is out of range.
        """
        depth = self.trees[0].depth
        is_list = isinstance(switches, np.ndarray | list | tuple)
        choices = as_array(switches, "switches") if is_list else np.zeros(())
        if choices.ndim != 3 or choices.shape[::2] != (depth, self.num_trees):
            raise ValueError(
                f"`switches` must be a list of {depth} arrays (batch, "
                f"{self.num_trees}), a choice for each tree, got {describe(switches)}. "
                "Take those that `infer` returns."
            )
        return np.mean(
            [
                tree.render(classes, choices[..., number])
                for number, tree in enumerate(self.trees)
            ],
            axis=0,
        )

    def _sample(self, n, classes, random, noise):
        images = np.zeros((n, *self.image_shape), "float32")
        if classes is None:
            drawn = random.integers(self.num_trees, size=n)
            classes = np.full(n, -1)
        else:
            classes = standardize_classes(classes, n, self.num_classes).copy()
            # Trees where a class is more frequent render more of it.
            shares = np.stack([tree.prior[classes] for tree in self.trees])
            passed = shares.cumsum(axis=0)
            drawn = (passed > random.random(n) * passed[-1]).argmax(axis=0)
        for number in np.unique(drawn):
            rows = np.flatnonzero(drawn == number)
            given = None if (classes[rows] < 0).any() else classes[rows]
            images[rows], classes[rows] = self.trees[number].sample(
                len(rows), given, random.integers(2**31), noise
            )
        return images, classes

    def max_sum_score(self, x, batch_size=100):
        """Return ln p(I, t, ĝ) of the best tree for each image, in nats.

        A tree is drawn with probability 1/T. No likelihood: see `EvolutionaryDRMM`.

        Args:
            x: images (N, H, W, C), floats in `pixel_range`.
            batch_size: images at a time.

        Returns:
            (N,), a NumPy array.
        """
        scores = [tree.max_sum_score(x, batch_size) for tree in self.trees]
        return np.max(scores, axis=0) - np.log(self.num_trees)

    def fit(  # type: ignore[override]  # as of a tree
        self,
        x=None,
        y=None,
        batch_size=256,
        epochs=10,
        verbose="auto",
        seed=None,
        callbacks=None,
    ):
        """Grow each tree from rows drawn with replacement.

        Args:
            x: images (N, H, W, C), floats in `pixel_range`, an array.
            y: integer labels (N,), -1 for an unlabelled row; None for no labels.
            batch_size: images at a time, which has no other effect.
            epochs: sweeps of hard EM at a level.
            verbose: 0 prints nothing, otherwise a line a tree.
            seed: an integer; None goes on with `keras.utils.set_random_seed`'s.
            callbacks: a list of `keras.callbacks.Callback`, which take a tree for an
                epoch. `keras_drmm.callbacks.Resume` goes on after the last whole one.

        Returns:
            A Keras `History`: `history["residual"]` is each tree's mean squared pixel
            of I - μ in its leaves, of the rows that it grew from.

        Raises:
            ValueError: images or labels are not what the model takes, or not arrays.
        """
        images, labels = self._rows(x, y)
        batch_size = standardize_integer(batch_size, "batch_size")
        epochs = standardize_integer(epochs, "epochs")
        check_callbacks(callbacks)
        own = as_list(callbacks)
        run = ForestRun(seed, epochs)
        given = {
            "x": images,
            "y": labels,
            "sample_weight": None,
            "steps_per_epoch": None,
            "shuffle": False,
            "initial_epoch": 0,
            "epochs": self.num_trees,
            "callbacks": own,
        }
        try:
            # Where `Resume` looks for it; it is none that Keras' loop could use.
            self.trainer = run  # type: ignore[assignment]
            with whole_fit(self, own, given):
                told = keras.callbacks.CallbackList(
                    given["callbacks"],
                    add_history=True,
                    model=self,
                    epochs=self.num_trees,
                    steps=1,
                    verbose=verbose,
                )
                self._grow_all(images, labels, batch_size, told, run, verbose)
        finally:
            # It classifies by Keras' loss again.
            self.trainer = None
        return self.history

    def _grow_all(self, images, labels, batch_size, told, run, verbose):
        """Grow the trees that are left, and tell callbacks of each."""
        self.stop_training = False
        told.on_train_begin()
        images = images.reshape(len(images), -1)
        # The trees have it in common, so that images are projected once.
        subspace = Subspace(images, self.trees[0].rank, run.generator())
        coordinates, outside = subspace.project(images, batch_size)
        for number in range(self._initial_epoch or 0, self.num_trees):
            tree = self.trees[number]
            told.on_epoch_begin(number)
            random = run.generator(number)
            rows = random.integers(len(images), size=len(images))
            drawn = coordinates[rows], outside[rows], labels[rows]
            grown = tree._grow(subspace, *drawn, run.epochs, random, verbose=0)
            # No tree goes without a label where there are few.
            tree._count(subspace, coordinates, labels)
            residual = grown.history["residual"][-1]
            if verbose:
                print(f"{tree.name}/{self.num_trees} - residual: {residual:.5f}")
            told.on_epoch_end(number, {"residual": residual})
            if self.stop_training and number + 1 < self.num_trees:
                warnings.warn(
                    f"Only {number + 1} of {self.num_trees} trees have grown, and the "
                    "others, which know nothing, count as much: call `fit` without "
                    "what stopped it, or build a forest of fewer trees.",
                    stacklevel=3,
                )
                break
        told.on_train_end()

    def get_config(self):
        tree = self.trees[0]
        return {
            **super().get_config(),
            "num_trees": self.num_trees,
            "depth": tree.depth,
            "branching": tree.branching,
            "label_weight": tree.label_weight,
            "smoothing": tree.smoothing,
            "rank": tree.rank,
        }
