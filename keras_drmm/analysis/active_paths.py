"""ActivePaths: an image as a sum over paths through a model's levels."""

import heapq
import itertools
import math
from typing import NamedTuple

import numpy as np
from keras import ops

from keras_drmm.analysis.logit_templates import affine_match, check_not_signed
from keras_drmm.layers.arguments import (
    as_array,
    standardize_classes,
    standardize_integer,
    standardize_integers,
)


class Path(NamedTuple):
    """A path from a class to a pixel, or the other way.

    Attributes:
        units: (row, column, channel) on I^(0), I^(1), ..., I^(L): the pixel first.
        value: the product of the weights along the path.
    """

    units: list
    value: float


class ActivePaths:
    r"""The active paths between the pixels of an image and a class.

    With the switches ĝ of the image fixed, every level is an affine map. So a rendered
    pixel is a sum over paths, one unit on each level, of the product of the weights on
    the path, and a logit is such a sum over the same paths the other way:

    $$\hat z^{(0)}_x = \sum_{p:\, c \to x} \prod_\ell \lambda_p^{(\ell)}
    a_p^{(\ell)} + \ldots, \qquad
    \mathrm{logit}_c = \sum_x I_x \sum_{p:\, x \to c} \prod_\ell w_p^{(\ell)}
    a_p^{(\ell)} + \ldots$$

    A path is active iff every switch on it is ON; one that renders also ends at a unit
    whose ẑ is not above 0, as z is kept from below 0. The dots are paths that begin at
    an offset α of a level, or at a bias.

    Args:
        model: a channels_last `DRMM` that is not signed and has no top-down
            normalisation.
        image: (H, W, C), floats in the model's pixel range.
        label: the class that is rendered; ĉ if None.

    Attributes:
        label: the class that is rendered.
        maps: Λ_ĝ^(1..L), SciPy sparse matrices (units of I^(ℓ-1), units of I^(ℓ)): what
            each unit of the level renders, nothing if it is OFF.
        sparsity: for each level the share of its units that are ON.

    Raises:
        TypeError: the model is of another kind.
        ValueError: the image or the label is not as described.

    Example:

    >>> (x, _), _ = keras_drmm.data.load("mnist")
    >>> model = keras_drmm.zoo.from_preset("drmm_lenet_mnist_100")
    >>> image = keras_drmm.data.to_unit_range(x[:1])[0]
    >>> paths = keras_drmm.analysis.ActivePaths(model, image)
    >>> paths.count_to_pixels().shape
    (28, 28, 1)
    >>> strongest = paths.strongest_to_pixel((14, 14, 0), count=3)
    >>> [len(path.units) for path in strongest]  # the pixel and two levels
    [3, 3, 3]

    Source: Patel, Nguyen, Baraniuk (2016), section 2.2 and equation (7).
    """

    def __init__(self, model, image, label=None):
        _check_model(model)
        image = as_array(image, "image")
        if image.shape != tuple(model.image_shape):
            raise ValueError(
                f"`image` must be one image of shape {tuple(model.image_shape)}, got "
                f"shape {image.shape}."
            )
        if label is not None:
            label = standardize_classes([label], 1, model.num_classes)
        e_step = model.infer(image[None], label)
        switches = [found[0] for found in e_step.switches]
        self.label = int(e_step.classes[0])
        self.sparsity = [float((found >= 0).mean()) for found in switches]
        self._shapes = [tuple(shape[1:]) for shape in model.message_shapes]
        self.maps = list(map(_affine_map, model.levels, switches, self._shapes))
        self._image = image.astype("float64").ravel()
        self._offsets = [
            np.resize(_numpy(level.alpha), math.prod(shape))
            for level, shape in zip(model.levels, self._shapes, strict=False)
        ]
        self._matches = list(map(_match_of, model.levels, switches))
        hot = model.one_hot(ops.convert_to_tensor([self.label]))
        self._template = _numpy(model.templates.render(hot)).ravel()
        self._classify = _classifier_of(model.templates, len(self._template))
        self._passes = self._find_passes()

    def render(self):
        """Return ẑ^(0), the sum over all active paths, (H, W, C) float64."""
        return self._render_down()[0].reshape(self._shapes[0])

    def logits(self):
        """Return the logits, the sum over all active paths, (num_classes,) float64."""
        message = self._image
        for affine, (scale, shift) in zip(self.maps, self._matches, strict=True):
            message = scale * (affine.T @ message) + shift
        templates, bias = self._classify
        return message @ templates + bias

    def count_to_pixels(self):
        """Return how many active paths lead from the class to each pixel, (H, W, C).

        Floats, as there are often more than 2^53; paths over a unit whose ẑ is not
        above 0 end there.
        """
        count = (self._template != 0).astype("float64")
        for affine, passes in zip(
            reversed(self.maps), reversed(self._passes), strict=True
        ):
            count = (affine != 0) @ (count * passes)
        return count.reshape(self._shapes[0])

    def count_to_logit(self):
        """Return how many active paths lead from pixels that are not 0 to the logit."""
        count = (self._image != 0).astype("float64")
        for affine in self.maps:
            count = (affine != 0).T @ count
        templates, _ = self._classify
        return float(count @ (templates[:, self.label] != 0))

    def strongest_to_pixel(self, pixel, count=10):
        """Return the active paths to a pixel whose products are largest in size.

        Paths are found best first (A*): what a unit can still gain on its way to the
        class is known exactly, by the same sums with a maximum in place of the sum.

        Args:
            pixel: (row, column, channel).
            count: number of paths, or all if there are fewer.

        Returns:
            List of `Path`, the largest absolute value first.

        Raises:
            ValueError: there is no such pixel, or `count` is not at least 1.
        """
        count = standardize_integer(count, "count")
        shape = self._shapes[0]
        place = standardize_integers(
            pixel, "pixel", (3,), 0, max(shape) - 1, f"Images have shape {shape}."
        )
        if (place >= shape).any():
            raise ValueError(
                f"`pixel` must be (row, column, channel) of an image of shape {shape}, "
                f"got {tuple(map(int, place))}."
            )
        best = self._best_from_the_top()
        start = int(np.ravel_multi_index(place, shape))
        order = itertools.count()  # Of equal bounds the first goes first.
        found: list[Path] = []
        open_paths = [(-best[0][start], next(order), [start], 1.0)]
        while open_paths and len(found) < count:
            bound, _, nodes, product = heapq.heappop(open_paths)
            level = len(nodes) - 1
            if bound == 0:
                break
            if level == len(self.maps):
                value = product * self._template[nodes[-1]]
                units = [
                    tuple(int(v) for v in np.unravel_index(node, shape))
                    for node, shape in zip(nodes, self._shapes, strict=True)
                ]
                found.append(Path(units, float(value)))
                continue
            affine = self._by_pixel[level]
            for where in range(affine.indptr[nodes[-1]], affine.indptr[nodes[-1] + 1]):
                unit, weight = affine.indices[where], affine.data[where]
                bound = abs(product * weight) * best[level + 1][unit]
                if bound > 0:
                    entry = (-bound, next(order), [*nodes, int(unit)], product * weight)
                    heapq.heappush(open_paths, entry)
        return found

    def _render_down(self):
        """Return ẑ^(0..L), flat."""
        rendered = [self._template]
        for affine, offset in zip(
            reversed(self.maps), reversed(self._offsets), strict=True
        ):
            rendered.insert(0, affine @ np.maximum(rendered[0], 0) + offset)
        return rendered

    def _find_passes(self):
        """Return for I^(1..L) which units' ẑ gets through, as it enters the level."""
        return [z > 0 for z in self._render_down()[1:]]

    def _best_from_the_top(self):
        """Return for I^(0..L) the largest |product| of a path from the class."""
        self._by_pixel = [
            affine.multiply(passes[None]).tocsr()
            for affine, passes in zip(self.maps, self._passes, strict=True)
        ]
        best = [np.abs(self._template)]
        for affine in reversed(self._by_pixel):
            products = abs(affine).multiply(best[0][None]).tocsr()
            best.insert(0, products.max(axis=1).toarray().ravel())
        return best


def _check_model(model):
    check_not_signed(model)
    if hasattr(model, "factor_templates"):
        raise TypeError("`model` must be a `DRMM` and no factor model.")
    for level in model.levels:
        if level.data_format != "channels_last":
            raise TypeError("`model` must be channels_last, got channels_first.")
        if level.top_down_batch_norm is not None:
            raise TypeError(
                f"Level `{level.name}` normalises what it renders, and paths do not "
                "add up to that. Give a model without `top_down_batch_norm`."
            )


def _affine_map(level, switches, below):
    """Return Λ_ĝ of a level, (units below, units of the level), sparse.

    Args:
        level: a channels_last `Level`.
        switches: ĝ, int8 (h, w, filters).
        below: shape (H, W, C) of the map below.
    """
    # Imported here: it takes longer than all of this library.
    from scipy import sparse

    kernel = _numpy(level.conv.kernel)
    units = np.flatnonzero(switches.ravel() >= 0)
    *cell, filters = np.unravel_index(units, switches.shape)
    # Of the winner in its cell, among the matches.
    winner = np.divmod(switches.ravel()[units].astype(int), level.pool.pool_size[1])
    matches = level.conv.windows.counts(below[:2])
    pool_zeros = level.pool.windows.paddings(matches)
    zeros = level.conv.windows.paddings(below[:2])
    corner = [
        (at * size + step - pooled) * stride - around
        for at, size, step, (pooled, _), stride, (around, _) in zip(
            cell,
            level.pool.pool_size,
            winner,
            pool_zeros,
            level.conv.strides,
            zeros,
            strict=True,
        )
    ]
    rows, columns, values = [], [], []
    for tap in np.ndindex(kernel.shape[:2]):
        row, column = corner[0] + tap[0], corner[1] + tap[1]
        inside = (row >= 0) & (row < below[0]) & (column >= 0) & (column < below[1])
        first = (row[inside] * below[1] + column[inside]) * below[2]
        # (units inside, channels below)
        rows.append(first[:, None] + np.arange(below[2]))
        columns.append(np.repeat(units[inside][:, None], below[2], axis=1))
        values.append(kernel[tap][:, filters[inside]].T)
    flat = [np.concatenate([part.ravel() for part in v]) for v in (rows, columns)]
    data = np.concatenate([part.ravel() for part in values])
    shape = (math.prod(below), switches.size)
    return sparse.csr_array((data, tuple(flat)), shape=shape)


def _match_of(level, switches):
    """Return (scale, shift) of each unit's match, flat; both 0 where a unit is OFF."""
    on = switches >= 0
    scale, shift = affine_match(level)
    return (on * scale).ravel(), (on * shift).ravel()


def _classifier_of(templates, units):
    """Return (weights (units, num_classes), bias (num_classes,)) of the logits."""
    weights = _numpy(templates.templates)
    places = units // len(weights)
    # The mean over the places of a map.
    bias = _numpy(templates.bias) + np.log(_numpy(templates.prior))
    return np.tile(weights, (places, 1)) / places, bias


def _numpy(variable):
    return ops.convert_to_numpy(variable).astype("float64")
