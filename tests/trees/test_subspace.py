"""The subspace of a tree against NumPy's singular values, and trees that grow in it."""

import numpy as np
import pytest
from keras import ops

from keras_drmm.trees.evolutionary_drmm import EvolutionaryDRMM
from keras_drmm.trees.evolutionary_forest import EvolutionaryForest
from keras_drmm.trees.subspace import Subspace

pytestmark = pytest.mark.smoke
SHAPE = (5, 6, 1)


def correlated_images(rows, seed=0):
    """Images whose variance falls from direction to direction."""
    rng = np.random.default_rng(seed)
    directions = np.linalg.qr(rng.normal(size=(30, 30)))[0] * 0.7 ** np.arange(30)
    images = 0.5 + 0.1 * rng.normal(size=(rows, 30)) @ directions.T
    return np.clip(images, 0, 1).astype("float32")


def test_coordinates_are_those_of_the_first_singular_vectors():
    images = correlated_images(200)
    subspace = Subspace(images, 4, np.random.default_rng(0))
    coordinates, outside = subspace.project(images, 7)
    centred = images - images.mean(axis=0, dtype="float64")
    directions = np.linalg.svd(centred, full_matrices=False)[2][:4]
    signs = np.sign((subspace.basis * directions).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(subspace.basis * signs, directions, atol=1e-3)
    inside = centred @ subspace.basis.T @ subspace.basis
    np.testing.assert_allclose(
        subspace.render(coordinates), images.mean(axis=0) + inside, atol=1e-5
    )
    np.testing.assert_allclose(
        outside, np.square(centred - inside).sum(axis=1), atol=1e-5
    )


@pytest.mark.parametrize("rank", [None, 30, 31])
def test_all_directions_leave_nothing_out(rank):
    images = correlated_images(40)
    subspace = Subspace(images, rank, np.random.default_rng(0))
    coordinates, outside = subspace.project(images, 100)
    np.testing.assert_allclose(coordinates, images - images.mean(axis=0), atol=1e-6)
    assert subspace.basis is None
    assert not outside.any()


def test_few_images_have_all_directions():
    images = correlated_images(3)
    assert Subspace(images, 3, np.random.default_rng(0)).basis is None


@pytest.mark.parametrize("shared", [False, True])
def test_a_tree_of_low_rank_infers_in_pixels_what_it_grew_by_in_the_subspace(shared):
    """The paths of `infer` give its residual and the shares of its leaves."""
    images = correlated_images(300).reshape(-1, *SHAPE)
    labels = np.arange(300) % 4 - 1
    model = EvolutionaryDRMM(
        SHAPE, 3, 3, 3, rank=4, shared_mutations=shared, label_weight=0.1
    )
    history = model.fit(images, labels, verbose=0, seed=1, batch_size=32)
    mutations = np.concatenate([v.reshape(-1, 30) for v in model.mutations])
    assert np.linalg.matrix_rank(mutations, tol=1e-4) == 4
    counted = ops.convert_to_numpy(model.log_posteriors)
    model.count_labels(images, labels)
    np.testing.assert_allclose(model.log_posteriors, counted, atol=1e-6)
    # Without the priors inference goes nearly where the images grew.
    model.log_prior.assign(
        np.where(ops.convert_to_numpy(model.log_prior) < -1e9, -1e30, 0)
    )
    squares = np.square(images - model.reconstruct(images)).mean()
    assert history.history["residual"][-1] == pytest.approx(squares, rel=0.01)
    assert model.get_config()["rank"] == 4


def test_all_trees_of_a_forest_grow_in_one_subspace():
    images = correlated_images(200).reshape(-1, *SHAPE)
    forest = EvolutionaryForest(SHAPE, 3, 4, 2, 3, rank=5)
    forest.fit(images, np.arange(200) % 3, verbose=0, seed=0)
    templates = np.concatenate(
        [ops.convert_to_numpy(t.templates) for t in forest.trees]
    )
    templates -= images.reshape(200, -1).mean(axis=0)
    assert np.linalg.matrix_rank(templates, tol=1e-4) == 5
    assert forest.get_config()["rank"] == 5


def test_rank_must_be_a_number_of_components():
    with pytest.raises(ValueError, match="`rank` must be an integer of at least 1"):
        EvolutionaryDRMM(SHAPE, 3, 2, rank=0)
