"""The paper's evolutionary model, a decision tree."""

from keras_drmm.trees.evolutionary_drmm import EvolutionaryDRMM
from keras_drmm.zoo.preset import load_preset
from keras_drmm.zoo.zoo_model import zoo_model


@zoo_model
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
    tree of depth 12. As it grows, labels weigh 0.14 times the images' variance, and
    mutations are combinations of the images' first 64 principal components.

    Args:
        depth: number of levels of the tree below its root.
        branching: number of children of a node.
        shared_mutations: whether the nodes of a level share their mutations, as the
            paper has it literally; see `EvolutionaryDRMM`.

    Returns:
        An `EvolutionaryDRMM`.

    Example:

    >>> (x_train, y_train), _ = keras_drmm.data.load("mnist")
    >>> images = keras_drmm.data.to_unit_range(x_train[:500])
    >>> model = keras_drmm.zoo.evolutionary_tree(depth=2)
    >>> history = model.fit(images, y_train[:500], verbose=0)

    Source: Patel, Nguyen, Baraniuk (2016), Appendix F. The settings are those of
    `recipes/evolutionary_mnist.py`, chosen on validation images.
    """
    model = EvolutionaryDRMM(
        input_shape,
        num_classes,
        depth,
        branching,
        shared_mutations=shared_mutations,
        label_weight=0.14,
        rank=64,
        name="evolutionary_tree",
    )
    load_preset(model, preset)
    return model
