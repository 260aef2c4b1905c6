"""Classify MNIST with evolutionary trees and forests, and with scikit-learn's.

    python -m recipes.evolutionary_mnist --seed 0 --draw 0
    python -m recipes.evolutionary_mnist --seed 0 --draw 0 --labels 100
    python -m recipes.evolutionary_mnist --short

Grows `evolutionary_tree`, the same with mutations that all nodes of a level share (as
the paper has it literally), and `evolutionary_forest` on the training images, of which
`--labels` are labelled (Appendix F). scikit-learn's DecisionTreeClassifier and
RandomForestClassifier can only use the labelled images. They get the same maximum
number of leaves (a binary depth of 12) and as many trees, and then no limit of depth.

5,000 training images are kept for validation; the zoo's settings were chosen by such
images. The test set is used once, at the end. Appends a row for each model to
`recipes/results/evolutionary_mnist.csv`; nodes and leaves are those of all trees of the
model together, without those of probability 0. `docs/results.md` has the means over
seeds. `OPENBLAS_NUM_THREADS=1` makes growing faster if other programs keep the cores
busy, as its matrix products are small.

`--short` grows 2 trees from 2,000 training images, a check in seconds, and records
nothing.
"""

import time

from recipes.common import results
from recipes.common.command import choose_backend, keep_memory, make_parser
from recipes.common.measure import load_mnist

EPOCHS = 10


def main():
    """Train all models, report and record."""
    options = parse()
    choose_backend(options.backend)
    import keras

    origin = results.origin(options.backend)
    keras.utils.set_random_seed(options.seed)
    training, validation, test = load_mnist(options.labels, options.draw, options.short)
    images, labels = training
    trained = [
        (setting, name, model, train(model, images, labels))
        for setting, name, model in models(options)
    ]

    # The test images are used here, for the first and only time.
    for setting, name, model, seconds in trained:
        test_error, predict_seconds = measure(model, *test)
        nodes, leaves = sizes(model)
        row = {
            "table": "F",
            "setting": setting,
            "model": name,
            "labels": int((labels >= 0).sum()),
            "draw": options.draw,
            "seed": options.seed,
            "epochs": EPOCHS if hasattr(model, "infer") else "",
            "seconds": round(seconds, 2),
            **origin,
            "validation_error": measure(model, *validation)[0],
            "test_error": test_error,
            "nodes": nodes,
            "leaves": leaves,
            "predict_seconds": round(predict_seconds, 2),
        }
        results.record("evolutionary_mnist", row, not options.short)


def models(options):
    """Return (setting, name, model) for each model to train."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.tree import DecisionTreeClassifier

    from keras_drmm.zoo.evolutionary_forest import evolutionary_forest
    from keras_drmm.zoo.evolutionary_tree import evolutionary_tree

    ours = "supervised" if options.labels is None else "semi-supervised"
    theirs = "supervised" if options.labels is None else "labeled-only"
    listed = [
        (ours, "evolutionary_tree", evolutionary_tree()),
        (
            f"{ours}, shared mutations",
            "evolutionary_tree",
            evolutionary_tree(shared_mutations=True),
        ),
        (ours, "evolutionary_forest", evolutionary_forest(num_trees=options.trees)),
    ]
    for depth in (12, None):
        setting = f"{theirs}, max_depth={depth}"
        tree = DecisionTreeClassifier(max_depth=depth, random_state=options.seed)
        forest = RandomForestClassifier(
            options.trees, max_depth=depth, random_state=options.seed
        )
        listed += [(setting, type(m).__name__, m) for m in (tree, forest)]
    return listed


def train(model, images, labels):
    """Fit a model: one of the zoo on all rows, one of scikit-learn on labelled rows.

    Returns:
        Seconds.
    """
    start = time.perf_counter()
    if hasattr(model, "infer"):
        model.fit(images, labels, epochs=EPOCHS)
    else:
        known = labels >= 0
        model.fit(images[known].reshape(known.sum(), -1), labels[known])
    return time.perf_counter() - start


def measure(model, images, labels):
    """Return the share of wrong classes in percent, and the seconds of `predict`."""
    start = time.perf_counter()
    if hasattr(model, "infer"):
        classes = model.predict(images, batch_size=500, verbose=0).argmax(axis=1)
    else:
        classes = model.predict(images.reshape(len(images), -1))
    seconds = time.perf_counter() - start
    return round(100 * float((classes != labels).mean()), 2), seconds


def sizes(model):
    """Return the numbers of nodes and leaves that have a probability above 0."""
    if hasattr(model, "infer"):
        nodes = leaves = 0
        for tree in getattr(model, "trees", [model]):
            reached = tree.leaf_prior > 0
            leaves += int(reached.sum())
            while len(reached) > 1:
                nodes += int(reached.sum())
                reached = reached.reshape(-1, tree.branching).any(axis=1)
            nodes += 1
        return nodes, leaves
    trees = getattr(model, "estimators_", [model])
    return (
        sum(tree.tree_.node_count for tree in trees),
        sum(tree.get_n_leaves() for tree in trees),
    )


def parse(arguments=None):
    """Read the command line."""
    parser = make_parser(__doc__, "draw", "seed", "backend")
    parser.add_argument(
        "--labels", type=int, help="number of labelled images; default: all"
    )
    parser.add_argument("--trees", type=int, default=10, help="number in a forest")
    parser.add_argument("--short", action="store_true", help="a check, not recorded")
    options = parser.parse_args(arguments)
    if options.short:
        options.trees = 2
    return options


if __name__ == "__main__":
    keep_memory()
    main()
