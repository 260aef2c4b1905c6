"""Subspace: the directions in which the images of a tree vary most."""

import numpy as np

# More images hardly move the first components.
_MOST_IMAGES = 5000


class Subspace:
    r"""The mean of images and the span of their first principal components.

    Templates that are in it, μ = m + P a, are compared with images there alone:

    $$\langle \mu_1 - \mu_2 | I \rangle = \langle a_1 - a_2 | P^T (I - m) \rangle +
    \langle \mu_1 - \mu_2 | m \rangle$$

    so that the nearest of them is found from a few coordinates of an image.

    Args:
        images: float32 (N, D).
        rank: number of components, or None for all directions. With fewer than `rank`
            pixels or images it is all directions, too.
        random: a `numpy.random.Generator`.

    Attributes:
        origin: m, (D,).
        basis: P^T, (rank, D); None for all directions.
    """

    def __init__(self, images, rank, random):
        self.origin = images.mean(axis=0, dtype="float64")
        self.basis = None
        if rank is not None and rank < min(images.shape):
            # Imported where it is needed: `import keras_drmm` would wait for it.
            from sklearn.decomposition import PCA

            rows = random.permutation(len(images))[:_MOST_IMAGES]
            seed = int(random.integers(2**31))
            pca = PCA(rank, svd_solver="randomized", random_state=seed)
            self.basis = pca.fit(images[np.sort(rows)]).components_

    def project(self, images, batch_size):
        """Return the coordinates of images, and what they leave out.

        Args:
            images: (N, D).
            batch_size: images at a time.

        Returns:
            (float32 (N, rank) or (N, D), squared distances from the subspace (N,)).
        """
        size = images.shape[1] if self.basis is None else len(self.basis)
        coordinates = np.empty((len(images), size), "float32")
        outside = np.zeros(len(images))
        for start in range(0, len(images), batch_size):
            rows = slice(start, start + batch_size)
            centred = images[rows] - self.origin
            if self.basis is None:
                coordinates[rows] = centred
            else:
                inside = centred @ self.basis.T
                coordinates[rows] = inside
                squares = (np.einsum("nd,nd->n", v, v) for v in (centred, inside))
                outside[rows] = np.maximum(np.subtract(*squares), 0)
        return coordinates, outside

    def render(self, coordinates):
        """Return the images (N, D) that have these coordinates."""
        offsets = coordinates if self.basis is None else coordinates @ self.basis
        return self.origin + offsets
