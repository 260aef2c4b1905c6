"""The paper's evolutionary model, bagged: a random decision forest."""

from keras_drmm.trees.evolutionary_forest import EvolutionaryForest
from keras_drmm.zoo.preset import load_preset
from keras_drmm.zoo.zoo_model import zoo_model


@zoo_model
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
        num_trees: number of trees.
        depth: number of levels of a tree below its root.
        branching: number of children of a node.

    Returns:
        An `EvolutionaryForest`.

    Example:

    >>> (x_train, y_train), _ = keras_drmm.data.load("mnist")
    >>> images = keras_drmm.data.to_unit_range(x_train[:500])
    >>> model = keras_drmm.zoo.evolutionary_forest(num_trees=2, depth=2)
    >>> history = model.fit(images, y_train[:500], verbose=0)

    Source: Patel, Nguyen, Baraniuk (2016), Appendix F. The settings are those of
    `recipes/evolutionary_mnist.py`, chosen on validation images.
    """
    model = EvolutionaryForest(
        input_shape,
        num_classes,
        num_trees,
        depth,
        branching,
        label_weight=0.14,
        rank=64,
        name="evolutionary_forest",
    )
    load_preset(model, preset)
    return model
