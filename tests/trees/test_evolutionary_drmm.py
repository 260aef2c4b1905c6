"""The evolutionary tree against NumPy: its paths, scores, growth and labels."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from keras_drmm.learning import EG
from keras_drmm.trees.evolutionary_drmm import EvolutionaryDRMM

RNG = np.random.default_rng(0)
X = RNG.random((40, 3, 4, 1)).astype("float32")
Y = np.arange(40) % 4 - 1
SHAPE = (3, 4, 1)


def build(depth=3, branching=2, spread=0.3, **options):
    """A tree with known random templates, priors, noise and posteriors."""
    model = EvolutionaryDRMM(SHAPE, 3, depth, branching, **options)
    rng = np.random.default_rng(1)
    templates, log_prior = [np.full((1, 12), 0.5)], [np.zeros(1)]
    for level in range(depth):
        # Mutations get smaller: the sub-trees are the better separated.
        size = spread * 0.4**level
        mutations = size * rng.choice([-1, 1], (branching**level, branching, 12))
        mutations *= rng.uniform(0.5, 1, mutations.shape)
        templates.append((templates[-1][:, None] + mutations).reshape(-1, 12))
        shares = rng.dirichlet(np.full(branching, 5), branching**level)
        log_prior.append(np.log(shares).ravel())
    model.templates.assign(np.concatenate(templates))
    model.log_prior.assign(np.concatenate(log_prior))
    model.noise_variance.assign(0.02)
    shares = rng.dirichlet(np.ones(3), branching**depth)
    model.log_posteriors.assign(np.log(shares))
    return model


def all_leaves(model):
    """(template, path from the root, ln p(path)) of each leaf, from the weights."""
    templates, log_prior = map(ops.convert_to_numpy, (model.templates, model.log_prior))
    for path in itertools.product(range(model.branching), repeat=model.depth):
        node, first, size, log_share = 0, 0, 1, 0.0
        for choice in path:
            first, size = first + size, size * model.branching
            node = node * model.branching + choice
            log_share += np.float64(log_prior[first + node])
        yield templates[first + node].astype("float64"), path, log_share


def joint(model, images):
    """ln p(I, path) of all images and all leaves, by the formula."""
    variance = float(ops.convert_to_numpy(model.noise_variance))
    columns = []
    for template, _, log_share in all_leaves(model):
        squares = np.square(images.reshape(-1, 12) - template).sum(axis=1)
        density = -6 * np.log(2 * np.pi * variance) - squares / (2 * variance)
        columns.append(density + log_share)
    return np.stack(columns, axis=1)


@pytest.mark.smoke
def test_path_is_the_greedy_one_done_by_hand():
    """Of random images, whatever the best leaf is: (49) as it is written."""
    model = build()
    templates, log_prior = map(ops.convert_to_numpy, (model.templates, model.log_prior))
    found = model.infer(X)
    for row, image in enumerate(X.reshape(-1, 12)):
        node, first = 0, 1
        for choices in reversed(found.switches):
            scores = []
            for child in (2 * node, 2 * node + 1):
                mu = templates[first + child]
                filtered = mu @ image - mu @ mu / 2
                scores.append(filtered + 0.02 * log_prior[first + child])
            assert choices[row] == np.argmax(scores)
            node, first = 2 * node + np.argmax(scores), 2 * first + 1
        np.testing.assert_array_equal(
            found.logits[row], ops.convert_to_numpy(model.log_posteriors)[node]
        )


@pytest.mark.smoke
@pytest.mark.parametrize(("depth", "branching"), [(3, 2), (2, 3)])
def test_path_is_the_best_of_all_on_well_separated_trees(depth, branching):
    """The maximum over all leaves, and its score in nats."""
    model = build(depth, branching)
    model.noise_variance.assign(0.0005)
    images, _ = model.sample(100, seed=3)
    images = np.clip(images, 0, 1)
    scores = joint(model, images)
    leaves = list(all_leaves(model))
    paths = np.stack(model.infer(images).switches[::-1], axis=1)
    best = [leaves[leaf][1] for leaf in scores.argmax(axis=1)]
    np.testing.assert_array_equal(paths, best)
    assert len(np.unique(paths, axis=0)) == branching**depth
    np.testing.assert_allclose(
        model.max_sum_score(images), scores.max(axis=1), rtol=1e-4, atol=1e-3
    )
    # Where they are not separated: the score of some leaf, hence never above the best.
    scores, found = joint(model, X), model.max_sum_score(X)
    assert np.isclose(scores, found[:, None], rtol=1e-4).any(axis=1).all()


def test_a_prior_decides_between_equal_templates():
    """σ² ln π in nats: a little nearer to one child, but the other is frequent."""
    model = build(depth=1)
    templates = np.full((3, 12), 0.5)
    templates[1] += 0.01
    model.templates.assign(templates)
    model.log_prior.assign(np.log([1, 0.01, 0.99]))
    image = np.full((1, *SHAPE), 0.51, "float32")
    assert model.infer(image).switches[0] == 1
    model.log_prior.assign(np.log([1, 0.5, 0.5]))
    assert model.infer(image).switches[0] == 0


def test_templates_are_sums_of_mutations():
    """(47): what `rendered` shows is the root plus one mutation a level."""
    model = build()
    found = model.infer(X)
    mutations = model.mutations
    node = np.zeros(len(X), int)
    template = np.full((len(X), *SHAPE), 0.5)
    for level in (2, 1, 0):
        template = template + mutations[level][node, found.switches[level]]
        node = 2 * node + found.switches[level]
        np.testing.assert_allclose(found.rendered[level], template, atol=1e-6)
    np.testing.assert_array_equal(found.rendered[0], found.reconstruction)
    rendered = model.render(found.classes, found.switches)
    np.testing.assert_array_equal(rendered, found.reconstruction)
    np.testing.assert_array_equal(model.reconstruct(X, 7), found.reconstruction)


@pytest.mark.parametrize("shared", [False, True])
def test_residual_never_rises(shared):
    """Over random data, with few rows a node, and with labels joined."""
    for seed in range(6):
        rng = np.random.default_rng(seed)
        # The first with fewer rows than leaves.
        rows, branching = (16, 4) if seed < 2 else (40, 2)
        images = rng.random((rows, *SHAPE)) ** rng.uniform(0.3, 3)
        images = np.round(images, int(rng.integers(1, 5))).astype("float32")
        model = EvolutionaryDRMM(
            SHAPE,
            3,
            3,
            branching,
            shared_mutations=shared,
            label_weight=0.5 * (seed % 2),
        )
        labels = rng.permutation(Y[np.arange(rows) % 40])
        history = model.fit(images, labels, verbose=0, seed=seed, batch_size=16)
        residual = np.array(history.history["residual"])
        assert len(residual) == 4
        assert (np.diff(residual) <= 1e-7).all()
        mean = images.mean(axis=0)
        assert residual[0] == pytest.approx(np.square(images - mean).mean(), rel=1e-5)
        assert all(np.isfinite(weight).all() for weight in model.get_weights())
        shares = model.leaf_prior
        assert shares.sum() == pytest.approx(1)


@pytest.mark.smoke
def test_more_sweeps_never_raise_the_residual_of_a_level():
    """One level, from the same children to start with."""
    gains = []
    for seed in range(5):
        residual = []
        for epochs in (1, 2, 3, 20):
            model = EvolutionaryDRMM(SHAPE, 3, 1, 4)
            history = model.fit(X, epochs=epochs, verbose=0, seed=seed)
            residual.append(history.history["residual"][1])
        assert (np.diff(residual) <= 1e-7).all()
        gains.append(residual[0] - residual[-1])
    assert max(gains) > 1e-4


def test_one_level_is_k_means():
    """As low a sum of squares as scikit-learn's, and a fixed point of its step."""
    cluster = pytest.importorskip("sklearn.cluster")
    images = np.random.default_rng(2).random((500, *SHAPE)).astype("float32")
    flat = images.reshape(500, -1)
    ours, theirs = [], []
    for seed in range(5):
        model = EvolutionaryDRMM(SHAPE, 3, 1, 4)
        history = model.fit(images, epochs=200, verbose=0, seed=seed)
        ours.append(history.history["residual"][1])
        one = cluster.KMeans(4, n_init=1, random_state=seed).fit(flat)
        theirs.append(one.inertia_ / flat.size)
        start = ops.convert_to_numpy(model.templates)[1:]
        step = cluster.KMeans(4, init=start, n_init=1, max_iter=1, tol=0).fit(flat)
        assert step.inertia_ / flat.size == pytest.approx(ours[-1], rel=1e-4)
    assert np.mean(ours) < 1.01 * np.mean(theirs)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_fit_recovers_a_known_tree(seed):
    """Every template, root to leaves, to 5 % of its mutation; and noise and priors."""
    model = build(depth=2)
    model.noise_variance.assign(0.005)
    images, classes = model.sample(3840, seed=seed)
    wide = {"pixel_range": (-2.0, 3.0)}
    grown = EvolutionaryDRMM(SHAPE, 3, 2, 2, **wide)
    grown.fit(images, classes, verbose=0, seed=seed, epochs=30)
    leaves = [ops.convert_to_numpy(m.templates)[3:] for m in (model, grown)]
    distances = np.square(leaves[0][:, None] - leaves[1]).sum(axis=2)
    match = distances.argmin(axis=1)
    assert sorted(match) == [0, 1, 2, 3]
    size = np.linalg.norm(leaves[0] - 0.5, axis=1)
    assert (np.sqrt(distances.min(axis=1)) < 0.05 * size).all()
    assert float(ops.convert_to_numpy(grown.noise_variance)) == pytest.approx(
        0.005, rel=0.05
    )
    np.testing.assert_allclose(grown.leaf_prior[match], model.leaf_prior, atol=0.03)
    posteriors = [
        np.exp(ops.convert_to_numpy(m.log_posteriors)) for m in (model, grown)
    ]
    np.testing.assert_allclose(posteriors[1][match], posteriors[0], atol=0.06)


@pytest.mark.smoke
def test_label_shares_are_those_counted_by_hand():
    """Counts of a leaf, smoothed by its parent's shares, down from equal ones."""
    model = EvolutionaryDRMM(SHAPE, 3, 2, 2, smoothing=0.7)
    model.fit(X, Y, verbose=0, seed=0)
    choices = np.stack(model.infer(X).switches[::-1], axis=1)

    def shares(path):
        if path is None:
            return np.full(3, 1 / 3)
        above = shares(path[:-1] if path else None)
        here = (choices[:, : len(path)] == np.array(path, int)).all(axis=1)
        counts = np.array([(here & (c == Y)).sum() for c in range(3)])
        return (counts + 0.7 * above) / (counts.sum() + 0.7)

    logits = ops.convert_to_numpy(model.log_posteriors)
    for leaf, (_, path, _) in enumerate(all_leaves(model)):
        np.testing.assert_allclose(np.exp(logits[leaf]), shares(path), rtol=1e-5)


def test_unlabelled_rows_grow_the_tree_and_count_for_no_class():
    hidden = np.where(Y == 2, -1, Y)
    models = [EvolutionaryDRMM(SHAPE, 3, 2, 2) for _ in range(3)]
    for model, labels in zip(models, (Y, hidden, None), strict=True):
        model.fit(X, labels, verbose=0, seed=0)
        np.testing.assert_array_equal(*(m.templates for m in (models[0], model)))
    assert models[1].infer(X).classes.max() < 2
    equal = np.full((40, 3), -np.log(3))
    np.testing.assert_allclose(models[2].infer(X).logits, equal, rtol=1e-6)
    models[2].count_labels(X, Y)
    for ours, theirs in zip(models[0].weights, models[2].weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_labels_part_what_images_hardly_tell():
    """Two pairs of bumps: the class follows the weaker of them."""
    rng = np.random.default_rng(0)
    strong, weak = rng.integers(0, 2, (2, 256))
    images = rng.normal(0.5, 0.02, (256, *SHAPE))
    images[:, 0, 0, 0] += 0.4 * (strong - 0.5)
    images[:, 2, 3, 0] += 0.3 * (weak - 0.5)
    errors = {0.0: [], 5.0: []}
    for label_weight, found in errors.items():
        for seed in range(5):
            model = EvolutionaryDRMM(SHAPE, 2, 1, label_weight=label_weight)
            model.fit(images, weak, verbose=0, seed=seed)
            found.append(np.mean(model.infer(images).classes != weak))
    assert np.mean(errors[0.0]) > 0.2
    assert max(errors[5.0]) < 0.02


def test_shared_mutations_do_not_depend_on_the_parent():
    model = EvolutionaryDRMM(SHAPE, 3, 3, 2, shared_mutations=True)
    model.fit(X, verbose=0, seed=0)
    for mutations in model.mutations:
        first = np.broadcast_to(mutations[:1], mutations.shape)
        np.testing.assert_allclose(mutations, first, atol=1e-6)
    assert np.abs(model.mutations[0][0, 0]).max() > 0.01


def test_children_without_images_are_never_chosen_nor_drawn():
    """Three different images, 16 leaves."""
    model = EvolutionaryDRMM(SHAPE, 3, 2, 4)
    images = np.repeat(X[:3], 5, axis=0)
    history = model.fit(images, np.repeat([0, 1, 2], 5), verbose=0, seed=0)
    assert history.history["residual"][-1] == pytest.approx(0, abs=1e-6)
    assert (model.leaf_prior > 0).sum() == 3
    drawn, classes = model.sample(50, seed=0)
    nearest = np.abs(drawn[:, None] - X[:3]).mean(axis=(2, 3, 4)).argmin(axis=1)
    templates = ops.convert_to_numpy(model.templates)[5:][model.leaf_prior > 0]
    for template in templates:
        distances = np.abs(template - X[:3].reshape(3, -1)).max(axis=1)
        assert distances.min() < 1e-6
    assert set(nearest) == {0, 1, 2}
    assert len(set(classes)) > 1
    new = RNG.random((150, *SHAPE)).astype("float32")
    rendered = model.reconstruct(new, batch_size=15).reshape(-1, 1, 12)
    assert np.abs(rendered - X[:3].reshape(3, 12)).max(axis=2).min(axis=1).max() < 1e-6


def test_samples_have_the_model_s_moments():
    model = build()
    images, classes = model.sample(20000, seed=0)
    shares = np.bincount(classes, minlength=3) / 20000
    np.testing.assert_allclose(shares, model.prior, atol=0.015)
    leaves = list(all_leaves(model))
    prior = np.exp([log_share for _, _, log_share in leaves])
    mean = prior @ np.stack([template for template, _, _ in leaves])
    np.testing.assert_allclose(images.mean(axis=0).ravel(), mean, atol=0.01)
    given, asked = model.sample(20000, np.full(20000, 1), seed=1)
    assert (asked == 1).all()
    np.testing.assert_allclose(
        given.mean(axis=0), images[classes == 1].mean(axis=0), atol=0.02
    )


def test_seeds_decide_everything():
    trees = []
    for seed in (3, 3, 4, None, None):
        keras.utils.set_random_seed(7)
        model = EvolutionaryDRMM(SHAPE, 3, 2, 3)
        model.fit(X, Y, verbose=0, seed=seed)
        trees.append(ops.convert_to_numpy(model.templates))
    np.testing.assert_array_equal(trees[0], trees[1])
    np.testing.assert_array_equal(trees[3], trees[4])
    assert np.abs(trees[0] - trees[2]).max() > 0.01


@pytest.mark.smoke
def test_predict_and_evaluate_are_keras():
    """Logits are log-probabilities; metrics and loss see labelled rows alone."""
    model = build()
    logits = model.predict(X, verbose=0)
    np.testing.assert_allclose(np.exp(logits).sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(model(X)), logits, rtol=1e-6)
    measured = model.evaluate(X, Y, verbose=0, return_dict=True, batch_size=40)
    known = Y >= 0
    right = logits.argmax(axis=1)[known] == Y[known]
    assert measured["accuracy"] == pytest.approx(right.mean())
    assert measured["loss"] == pytest.approx(-logits[known, Y[known]].mean(), rel=1e-5)


def test_labels_are_kept_by_infer():
    model = build()
    found = model.infer(X, Y)
    expected = np.where(Y >= 0, Y, found.logits.argmax(axis=1))
    np.testing.assert_array_equal(found.classes, expected)


@pytest.mark.parametrize("grown", [False, True])
def test_survives_saving(grown, tmp_path):
    model = EvolutionaryDRMM(SHAPE, 3, 2, 3, smoothing=0.5, label_weight=0.1)
    if grown:
        model.fit(X, Y, verbose=0)
    model.save(tmp_path / "tree.keras")
    other = keras.models.load_model(tmp_path / "tree.keras")
    assert other.get_config() == model.get_config()
    for ours, theirs in zip(model.infer(X), other.infer(X), strict=True):
        keras.tree.map_structure(np.testing.assert_array_equal, ours, theirs)
    clone = EvolutionaryDRMM.from_config(model.get_config())
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone.infer(X).logits, model.infer(X).logits)


def test_onnx_computes_what_keras_does(backend, tmp_path):
    needs = {"tensorflow": "tf2onnx", "jax": "jax2onnx", "torch": "onnxscript"}
    pytest.importorskip(needs[backend])
    onnxruntime = pytest.importorskip("onnxruntime")

    model = build()
    path = str(tmp_path / "tree.onnx")
    signature = [keras.InputSpec(shape=(None, *SHAPE), dtype="float32")]
    model.export(path, format="onnx", input_signature=signature, verbose=False)
    session = onnxruntime.InferenceSession(path)
    (logits,) = session.run(None, {session.get_inputs()[0].name: X})
    np.testing.assert_allclose(logits, model.infer(X).logits, rtol=1e-5)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (X * 255, Y, "Scale the images"),
        (np.uint8(X), Y, "to_unit_range"),
        (X[..., 0], Y, "channel axis"),
        (X[:0], None, "at least one image"),
        (np.where(X > 0.9, np.nan, X), Y, "NaN"),
        (X, Y + 1, "-1 .unlabelled. to 2"),
        (X, Y[:5], "one integer for each"),
        (X, np.eye(3)[Y], "argmax"),
        (iter([(X, Y)]), None, "takes arrays"),
    ],
)
def test_bad_input_is_refused_and_changes_nothing(images, labels, message):
    model = EvolutionaryDRMM(SHAPE, 3, 2)
    model.fit(X, Y, verbose=0)
    before = model.get_weights()
    with pytest.raises(ValueError, match=message):
        model.fit(images, labels, verbose=0)
    for ours, theirs in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 0}, "`depth`"),
        ({"branching": 1}, "`branching` must be an integer of at least 2"),
        ({"smoothing": 0}, "above 0"),
        ({"label_weight": -1}, "of at least 0"),
        ({"num_classes": 0}, "`num_classes`"),
    ],
)
def test_bad_arguments(options, message):
    given = {"num_classes": 3, "input_shape": SHAPE, "depth": 2, **options}
    with pytest.raises(ValueError, match=message):
        EvolutionaryDRMM(**given)


def test_bad_paths_and_classes():
    model = build()
    found = model.infer(X)
    with pytest.raises(ValueError, match="Take those that `infer`"):
        model.render(found.classes, found.switches[:2])
    with pytest.raises(ValueError, match="from 0 to 1"):
        model.render(found.classes, [s + 1 for s in found.switches])
    with pytest.raises(ValueError, match="`classes` must be integers from 0 to 2"):
        model.render(Y, found.switches)
    with pytest.raises(ValueError, match="one integer for each of the 3"):
        model.sample(3, [0, 1])


def test_learns_by_its_own_em_alone():
    with pytest.raises(ValueError, match="grows by a hard EM of its own"):
        build().compile("sgd", algorithm=EG())
