"""The paper's evolutionary model, a decision tree."""

from keras_drmm.trees.evolutionary_drmm import EvolutionaryDRMM
from keras_drmm.zoo.preset import load_preset


def evolutionary_tree(
    input_shape=(28, 28, 1),
    num_classes=10,
    depth=4,
    branching=8,
    shared_mutations=False,
    preset=None,
):
    """Return the Evolutionary DRMM of Appendix F, a decision tree, ready for `fit`.

    The paper gives no configuration. This one has 4,096 leaves, as many as a binary
    tree of depth 12, and grows with labels of 0.14 times the images' variance.

    Args:
        input_shape: (H, W, C) of an image.
        num_classes: number of classes.
        depth: levels of the tree below its root.
        branching: children of a node.
        shared_mutations: whether the nodes of a level share their mutations, to the
            paper's letter; see `EvolutionaryDRMM`.
        preset: name or path of a preset whose weights it gets, see `from_preset`; None
            for initial weights.

    Returns:
        An `EvolutionaryDRMM`.

    Raises:
        FileNotFoundError: there is no such preset, or one of its files is missing.
        ValueError: the preset is damaged, or of another function or other arguments.

    Example:

    >>> (x_train, y_train), _ = keras_drmm.data.load("mnist")
    >>> model = keras_drmm.zoo.evolutionary_tree()
    >>> model.fit(keras_drmm.data.to_unit_range(x_train), y_train)

    Source: Patel, Nguyen, Baraniuk (2016), Appendix F; the settings are those of
    `recipes/evolutionary_mnist.py`, chosen on validation images.
    """
    model = EvolutionaryDRMM(
        input_shape,
        num_classes,
        depth,
        branching,
        shared_mutations=shared_mutations,
        label_weight=0.14,
        name="evolutionary_tree",
    )
    load_preset(model, preset)
    return model
