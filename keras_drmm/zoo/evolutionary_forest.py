"""The paper's evolutionary model, bagged: a random decision forest."""

from keras_drmm.trees.evolutionary_forest import EvolutionaryForest
from keras_drmm.zoo.preset import load_preset


def evolutionary_forest(
    input_shape=(28, 28, 1),
    num_classes=10,
    num_trees=10,
    depth=4,
    branching=8,
    preset=None,
):
    """Return bagged Evolutionary DRMMs of Appendix F, ready for `fit`.

    The paper gives no configuration: the trees are those of `evolutionary_tree`.

    Args:
        input_shape: (H, W, C) of an image.
        num_classes: number of classes.
        num_trees: number of trees.
        depth: levels of a tree below its root.
        branching: children of a node.
        preset: name or path of a preset whose weights it gets, see `from_preset`; None
            for initial weights.

    Returns:
        An `EvolutionaryForest`.

    Raises:
        FileNotFoundError: there is no such preset, or one of its files is missing.
        ValueError: the preset is damaged, or of another function or other arguments.

    Example:

    >>> (x_train, y_train), _ = keras_drmm.data.load("mnist")
    >>> model = keras_drmm.zoo.evolutionary_forest()
    >>> model.fit(keras_drmm.data.to_unit_range(x_train), y_train)

    Source: Patel, Nguyen, Baraniuk (2016), Appendix F; the settings are those of
    `recipes/evolutionary_mnist.py`, chosen on validation images.
    """
    model = EvolutionaryForest(
        input_shape,
        num_classes,
        num_trees,
        depth,
        branching,
        label_weight=0.14,
        name="evolutionary_forest",
    )
    load_preset(model, preset)
    return model
