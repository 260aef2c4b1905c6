"""How many parameters a rendering model has, as the paper counts them."""

import math
from typing import NamedTuple


class FreeParameters(NamedTuple):
    """Numbers of free parameters.

    Attributes:
        deep: of the factorised model, with dense Λ_g.
        shallow: of the RMM that has a template for each class and nuisance.
    """

    deep: int
    shallow: int


def count_free_parameters(model):
    r"""Count the free parameters of a DRMM and of the RMM it factorises (section 3.2).

    $$\textrm{deep} = \sum_{\ell=0}^{L} |G^{\ell+1}| D_\ell D_{\ell+1}, \qquad
    \textrm{shallow} = D\, |C^L| \prod_{\ell=1}^{L} |G^\ell|$$

    with $D_\ell$ units at level ℓ, $D_0 = D$ pixels, $|G^\ell| = 2 k^2$ choices of (t,
    a) at a location, $G^{L+1} = C^L$ and $D_{L+1} = 1$. Both take Λ_g as dense; the
    convolution shares most of these: `model.count_params()` counts what is stored.

    Args:
        model: a `DRMM`.

    Returns:
        `FreeParameters`.

    Source: Patel, Nguyen, Baraniuk (2016), "Number of Free Parameters".
    """
    units, shape = [math.prod(model.image_shape)], (None, *model.image_shape)
    nuisances = []
    for level in model.levels:
        shape = level.compute_output_shape(shape)
        units.append(math.prod(shape[1:]))
        nuisances.append(2 * math.prod(level.pool.pool_size))
    deep = sum(
        choices * below * above
        for choices, below, above in zip(nuisances, units, units[1:], strict=False)
    )
    return FreeParameters(
        deep=deep + model.num_classes * units[-1],
        shallow=units[0] * model.num_classes * math.prod(nuisances),
    )
