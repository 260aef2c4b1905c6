"""EvolutionaryDRMM: a tree of mutating templates, and a decision tree."""

import math

import keras
import numpy as np
from keras import ops

from keras_drmm.layers.arguments import (
    describe,
    standardize_boolean,
    standardize_classes,
    standardize_integer,
    standardize_integers,
    standardize_number,
)
from keras_drmm.layers.deprecation import reordered_arguments
from keras_drmm.models.e_step import EStep
from keras_drmm.models.sampling import numpy_generator, with_noise
from keras_drmm.trees.evolutionary_model import EvolutionaryModel, choose
from keras_drmm.trees.growth import (
    LevelGrowth,
    find_leaves,
    join_labels,
    label_shares,
    log_shares,
)
from keras_drmm.trees.subspace import Subspace

# More would not fit into memory.
_MOST_LEAVES = 2**22
# σ² where every image has a leaf of its own.
_LEAST_VARIANCE = 1e-4


@reordered_arguments("num_classes", "input_shape")
@keras.saving.register_keras_serializable(package="keras_drmm")
class EvolutionaryDRMM(EvolutionaryModel):
    r"""The Evolutionary DRMM: templates mutate from one ancestor down to the leaves.

    Each of `depth` levels adds one of `branching` mutations (47); a leaf adds noise:

    $$\mu_{c^{(\ell)}} = \mu_{c^{(\ell+1)}} + \alpha_{g^{(\ell+1)}}, \quad g^{(\ell)}
    \sim \mathrm{Cat}(\pi_{c^{(\ell)}}), \quad I \sim \mathcal{N}(\mu_{c^{(0)}},
    \sigma^2 1), \quad c \sim \mathrm{Cat}(\pi_{c | c^{(0)}})$$

    Inference filters an image by the children's templates and chooses one, level by
    level (48), (49): a decision tree, whose leaves hold the shares of the labels.

    $$\hat g = \arg\max_g \langle \mu_{cg} | I \rangle - \|\mu_{cg}\|^2 / 2 + \sigma^2
    \ln \pi_g$$

    It is exact where sub-trees are well separated, and may else miss the best leaf.

    `fit` grows the tree from the root by hard EM: the images of a node are shared out
    among its children, and each child becomes the mean of its images. Unlabelled rows
    take part; the shares of labels are counted on labelled rows.

    Args:
        input_shape: (H, W, C) of an image.
        num_classes: number of classes.
        depth: L, the number of levels below the root.
        branching: |G|, the children of a node, at least 2.
        shared_mutations: whether the nodes of a level have the same mutations, which
            then "do not depend on the parent": the paper's letter, with `depth *
            branching` free templates. False gives each node its own.
        label_weight: while a level grows, one-hot labels of this times the images'
            variance are joined to the images, so that children differ in class, too.
            Inference sees the images alone.
        smoothing: how many labelled rows of a node its parent's shares count for.
        rank: the number of principal components of the training images that all
            mutations are combinations of: the fewer, the faster a tree grows, and the
            coarser are its templates. None is as many as there are pixels.
        pixel_range: (lowest, highest) value of a pixel. Images outside are refused.
        **kwargs: `name` of `keras.Model`. It computes in float32.

    Attributes:
        templates: μ of all nodes, (nodes, H W C), the root first, then level by level.
        log_prior: ln π_g of each node among its siblings, (nodes,).
        noise_variance: σ².
        log_posteriors: ln p(c | leaf), (leaves, num_classes).

    Shapes:
        `call`: images (B, H, W, C) -> logits (B, num_classes), ln p(c | leaf).

    Raises:
        ValueError: an argument is out of range; images or labels are not what the
            model takes.

    Example:

    >>> model = EvolutionaryDRMM((8, 8, 1), num_classes=3, depth=2)
    >>> images, labels = np.random.rand(50, 8, 8, 1), np.arange(50) % 4 - 1
    >>> history = model.fit(images, labels, verbose=0)
    >>> model.infer(images).reconstruction.shape
    (50, 8, 8, 1)

    Source: Patel, Nguyen, Baraniuk (2016), Appendix F, equations (47)-(49).
    """

    def __init__(
        self,
        input_shape,
        num_classes,
        depth,
        branching=2,
        shared_mutations=False,
        label_weight=0.0,
        smoothing=1.0,
        rank=None,
        pixel_range=(0.0, 1.0),
        **kwargs,
    ):
        super().__init__(input_shape, pixel_range, **kwargs)
        self.num_classes = standardize_integer(num_classes, "num_classes")
        self.depth = standardize_integer(depth, "depth")
        self.branching = standardize_integer(branching, "branching", minimum=2)
        # Not by the power, which may have more digits than fit in memory.
        if self.depth * math.log(self.branching) > math.log(_MOST_LEAVES) + 1e-9:
            raise ValueError(
                f"`depth` must leave at most {_MOST_LEAVES} leaves, got {depth}, which "
                f"with `branching={branching}` has {branching}^{depth}. Give less of "
                "either."
            )
        label_weight = standardize_number(label_weight, "label_weight", least=0)
        smoothing = standardize_number(smoothing, "smoothing", above=0)
        self.num_pixels = math.prod(self.image_shape)
        self.shared_mutations = standardize_boolean(
            shared_mutations, "shared_mutations"
        )
        self.label_weight = label_weight
        self.smoothing = smoothing
        self.rank = None if rank is None else standardize_integer(rank, "rank")
        # The first node of each level, the root's first; one more for the end.
        sizes = [self.branching**level for level in range(self.depth + 1)]
        self._first = [sum(sizes[:level]) for level in range(self.depth + 2)]
        nodes = self._first[-1]
        self.templates = self._add_state("templates", (nodes, self.num_pixels), 0.0)
        self.log_prior = self._add_state(
            "log_prior", (nodes,), -math.log(self.branching)
        )
        self.noise_variance = self._add_state("noise_variance", (), 1.0)
        self.log_posteriors = self._add_state(
            "log_posteriors",
            (self.num_leaves, self.num_classes),
            -math.log(self.num_classes),
        )
        self.built = True
        self._compile_to_evaluate()

    @property
    def num_leaves(self):
        """Number of leaves, those that no training image reached included."""
        return self.branching**self.depth

    @property
    def leaf_prior(self):
        """p(leaf), the product of π_g on its path, (leaves,), a NumPy array."""
        log_prior = ops.convert_to_numpy(self.log_prior).astype("float64")
        prior = np.ones(1)
        for level in range(1, self.depth + 1):
            shares = np.exp(log_prior[self._level(level)])
            prior = np.repeat(prior, self.branching) * shares
        return prior / prior.sum()

    @property
    def prior(self):
        """π_c, the classes' shares of all leaves, (num_classes,), a NumPy array."""
        return self.leaf_prior @ self._posteriors()

    @property
    def mutations(self):
        """α_g of every node, the finest level first: (nodes, |G|, H, W, C) each."""
        templates = ops.convert_to_numpy(self.templates)
        return [
            templates[self._level(level)].reshape(-1, self.branching, *self.image_shape)
            - templates[self._level(level - 1)].reshape(-1, 1, *self.image_shape)
            for level in range(self.depth, 0, -1)
        ]

    def choose_children(self, images):
        """Find an image's path from the root (49), on tensors.

        Args:
            images: (B, H, W, C).

        Returns:
            The chosen child's number within its level, (B,) int32, for each level, the
            coarsest first. The last is the leaf.
        """
        flat = ops.reshape(ops.cast(images, "float32"), (-1, self.num_pixels))
        child = ops.arange(self.branching, dtype="int32")
        node = ops.zeros_like(flat[:, 0], dtype="int32")
        path = []
        for first in self._first[1:-1]:
            nodes = first + self.branching * node[:, None] + child  # (B, |G|)
            templates = ops.take(self.templates, nodes, axis=0)  # (B, |G|, D)
            # Filter(I), less ||I||²/2, which all children have in common.
            filtered = -ops.sum(ops.square(flat[:, None] - templates), axis=-1) / 2
            # A column, because PyTorch cannot export to take from a vector to ONNX.
            prior = ops.take(self.log_prior[:, None], nodes, axis=0)[..., 0]
            scores = filtered + self.noise_variance * prior
            best = ops.equal(scores, ops.max(scores, axis=-1, keepdims=True))
            # The first of the best, without `ops.argmax`, which ONNX cannot export
            # from TensorFlow.
            chosen = ops.min(ops.where(best, child, self.branching), axis=-1)
            node = self.branching * node + chosen
            path.append(node)
        return path

    def classify(self, images, training=False):
        """Return ln p(c | leaf) of the leaf that the image falls into."""
        leaf = self.choose_children(images)[-1]
        return ops.take(self.log_posteriors, leaf, axis=0)

    def e_step(self, images, labels=None):
        """Find the path of each image and what it renders.

        Args:
            images: (B, H, W, C).
            labels: integers (B,), -1 for an unlabelled row, or None. A labelled row has
                the class of its label; its path is that of its image.

        Returns:
            An `EStep` of NumPy arrays. `switches` are the choices ĝ^(1..L), (B,) each,
            and `rendered` the templates μ on the path, the leaf's first and the root's
            last.
        """
        path = [ops.convert_to_numpy(node) for node in self.choose_children(images)]
        templates = ops.convert_to_numpy(self.templates)
        nodes = [np.zeros(len(path[0]), "int32")] + [
            first + node for first, node in zip(self._first[1:-1], path, strict=True)
        ]
        rendered = [templates[node].reshape(-1, *self.image_shape) for node in nodes]
        logits = ops.convert_to_numpy(self.log_posteriors)[path[-1]]
        return EStep(
            logits=logits,
            classes=choose(logits, labels),
            switches=[node % self.branching for node in reversed(path)],
            messages=[ops.convert_to_numpy(images)],
            rendered=rendered[::-1],
            reconstruction=rendered[-1],
        )

    def render(self, classes, switches):
        """Render the leaves at the ends of chosen paths (47), without noise.

        Args:
            classes: integers (B,). Leaves of one class differ by their paths alone:
                the class adds nothing to the image.
            switches: g^(1..L), integers (B,) each, as `infer` returns them.

        Returns:
            Images (B, H, W, C), a NumPy array.

        Raises:
            ValueError: a class or choice is out of range.
        """
        rows = np.size(classes)
        classes = standardize_classes(classes, rows, self.num_classes)
        if not isinstance(switches, np.ndarray | list | tuple) or (
            len(switches) != self.depth
        ):
            raise ValueError(
                f"`switches` must be a list of {self.depth} arrays (batch,), got "
                f"{describe(switches)}. Take those that `infer` returns."
            )
        choices = [
            standardize_integers(
                chosen,
                f"switches[{number}]",
                (rows,),
                0,
                self.branching - 1,
                "Take those that `infer` returns.",
            )
            for number, chosen in enumerate(switches)
        ]
        leaves = np.zeros(rows, "int64")
        for chosen in choices[::-1]:
            leaves = self.branching * leaves + chosen
        return self._render_leaves(leaves)

    def _sample(self, n, classes, random, noise):
        prior = self.leaf_prior
        posteriors = self._posteriors()
        if classes is None:
            leaves = random.choice(self.num_leaves, n, p=prior)
            passed = posteriors[leaves].cumsum(axis=1)
            passed = passed > random.random((n, 1)) * passed[:, -1:]
            classes = passed.argmax(axis=1)
        else:
            classes = standardize_classes(classes, n, self.num_classes)
            leaves = np.zeros(n, "int64")
            for c in np.unique(classes):
                joint, rows = prior * posteriors[:, c], np.flatnonzero(classes == c)
                leaves[rows] = random.choice(
                    self.num_leaves, len(rows), p=joint / joint.sum()
                )
        images = self._render_leaves(leaves)
        if noise:
            images = with_noise(images, self.noise_variance, random)
        return images, classes

    def max_sum_score(self, x, batch_size=100):
        r"""Return ln p(I, ĝ) of images and their paths, in nats.

        $$-\frac{D}{2} \ln 2\pi\sigma^2 - \frac{\|I - \mu_{\hat g}\|^2}{2\sigma^2} +
        \sum_\ell \ln \pi_{\hat g^{(\ell)}}$$

        One path's share of p(I): a lower bound of ln p(I), no likelihood.

        Args:
            x: images (N, H, W, C), floats in `pixel_range`.
            batch_size: images at a time.

        Returns:
            (N,), a NumPy array.
        """
        return self._batched(lambda x, _: self._score(x), x, batch_size)

    def fit(  # type: ignore[override]  # a tree has no callbacks to call
        self, x=None, y=None, batch_size=256, epochs=10, verbose="auto", seed=None
    ):
        """Grow the tree from the root, by hard EM at each level.

        Args:
            x: images (N, H, W, C), floats in `pixel_range`, an array.
            y: integer labels (N,), -1 for an unlabelled row; None for no labels.
            batch_size: images at a time, which has no other effect.
            epochs: sweeps of hard EM at a level. Nodes where nothing changes stop.
            verbose: 0 prints nothing, otherwise a line a level.
            seed: an integer; None goes on with `keras.utils.set_random_seed`'s.

        Returns:
            A Keras `History`: `history["residual"]` is the mean squared pixel of I - μ
            at the root and after each level. It never rises.

        Raises:
            ValueError: images or labels are not what the model takes, or not arrays.
        """
        images, labels = self._rows(x, y)
        batch_size = standardize_integer(batch_size, "batch_size")
        epochs = standardize_integer(epochs, "epochs")
        random = numpy_generator(seed)
        images = images.reshape(len(images), -1)
        subspace = Subspace(images, self.rank, random)
        coordinates, outside = subspace.project(images, batch_size)
        history = self._grow(
            subspace, coordinates, outside, labels, epochs, random, verbose
        )
        self._count(subspace, coordinates, labels)
        return history

    def _grow(self, subspace, coordinates, outside, labels, epochs, random, verbose):
        """Grow the tree from images in a `Subspace`, as `fit` says.

        Args:
            subspace: the `Subspace` of all templates.
            coordinates: of the images, (N, K).
            outside: squared distances of the images from the subspace, (N,).
            labels: integers (N,), -1 for an unlabelled row.
            epochs: sweeps of hard EM at a level.
            random: a `numpy.random.Generator`.
            verbose: whether to print a line a level.

        Returns:
            As `fit`.
        """
        size = coordinates.shape[1]
        history = self._new_history(self.depth + 1)
        means = history.history["residual"]

        def measure(residuals):
            inside = residuals[:, :size]
            squares = np.einsum("nk,nk->n", inside, inside) + outside
            means.append(float(squares.mean(dtype="float64")) / self.num_pixels)

        root = coordinates.mean(axis=0, dtype="float64")
        centred = (coordinates - root).astype("float32")
        measure(centred)
        # Images that every level takes its mutations from, joined with their labels.
        residuals = join_labels(
            centred,
            means[0] * self.num_pixels,
            labels,
            self.num_classes,
            self.label_weight,
        )
        node = np.zeros(len(residuals), "int64")
        templates, log_prior = [root[None]], [np.zeros(1)]
        for level in range(self.depth):
            # Rows of a node side by side.
            order = np.argsort(node, kind="stable")
            residuals, node = residuals[order], node[order]
            labels, outside = labels[order], outside[order]
            parent = np.zeros_like(node) if self.shared_mutations else node
            parents = 1 if self.shared_mutations else len(templates[-1])
            growth = LevelGrowth(residuals, parent, (parents, self.branching), size)
            growth.grow(epochs, random)
            mutations, chosen = growth.mutations, growth.chosen
            residuals -= mutations[parent, chosen]
            # A missing label is as far as known what its node has.
            residuals[labels < 0, size:] = 0
            children = templates[-1][:, None] + mutations[..., :size]
            templates.append(children.reshape(-1, size))
            log_prior.append(np.resize(log_shares(growth.counts), len(templates[-1])))
            node = self.branching * node + chosen
            measure(residuals)
            if verbose:
                print(f"Level {level + 1}/{self.depth} - residual: {means[-1]:.5f}")

        self.templates.assign(subspace.render(np.concatenate(templates)))
        self.log_prior.assign(np.concatenate(log_prior))
        self.noise_variance.assign(max(means[-1], _LEAST_VARIANCE))
        return history

    def count_labels(self, x, y, batch_size=256):
        """Set ln p(c | leaf) by the labels of images in the leaves; the tree stays.

        Args:
            x: images (N, H, W, C), floats in `pixel_range`, an array.
            y: integer labels (N,), -1 for an unlabelled row.
            batch_size: images at a time, which has no other effect.

        Raises:
            ValueError: images or labels are not what the model takes, or not arrays.
        """
        if y is None:
            raise ValueError("`y` must be integer labels to count, got None.")
        x, known = self._rows(x, y)
        batch_size = standardize_integer(batch_size, "batch_size")
        images = x.reshape(len(x), -1)
        # All directions: which subspace the tree grew in is not kept.
        subspace = Subspace(images, None, None)
        self._count(subspace, subspace.project(images, batch_size)[0], known)

    def _count(self, subspace, coordinates, labels):
        """Count the labels of images, given by their coordinates in a `Subspace`."""
        labelled = np.flatnonzero(labels >= 0)
        templates = ops.convert_to_numpy(self.templates)
        templates = subspace.project(templates, len(templates))[0]
        variance = float(ops.convert_to_numpy(self.noise_variance))
        penalties = variance * ops.convert_to_numpy(self.log_prior)
        below = [self._level(level) for level in range(1, self.depth + 1)]
        # Where inference sends the images, which is not always where they grew.
        leaves = find_leaves(
            coordinates[labelled],
            [templates[level] for level in below],
            [penalties[level] for level in below],
            self.branching,
        )
        shares = label_shares(
            leaves,
            labels[labelled],
            self.log_posteriors.shape,
            self.branching,
            self.smoothing,
        )
        self.log_posteriors.assign(np.log(shares))

    def _score(self, x):
        e_step = self.infer(x, batch_size=len(x))
        score = self._log_likelihood(x, e_step.reconstruction)
        log_prior, node = ops.convert_to_numpy(self.log_prior), 0
        for first, chosen in zip(
            self._first[1:-1], reversed(e_step.switches), strict=True
        ):
            node = self.branching * node + chosen
            score += log_prior[first + node]
        return score

    def _posteriors(self):
        log_posteriors = ops.convert_to_numpy(self.log_posteriors)
        return np.exp(log_posteriors.astype("float64"))

    def _render_leaves(self, leaves):
        templates = ops.convert_to_numpy(self.templates)[self._level(self.depth)]
        return templates[leaves].reshape(-1, *self.image_shape)

    def _level(self, level):
        """Return where the nodes of a level are; 0 is the root's."""
        return slice(self._first[level], self._first[level + 1])

    def get_config(self):
        return {
            **super().get_config(),
            "depth": self.depth,
            "branching": self.branching,
            "shared_mutations": self.shared_mutations,
            "label_weight": self.label_weight,
            "smoothing": self.smoothing,
            "rank": self.rank,
        }
