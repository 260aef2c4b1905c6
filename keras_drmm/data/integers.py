"""Recognition of integer arguments."""

import numpy as np


def is_integer(value: object) -> bool:
    """Tell whether an argument is an integer of Python or NumPy.

    Args:
        value: The argument, of any type.

    Returns:
        Whether it is an integer. Floats such as 1.0 are not.
    """
    return isinstance(value, int | np.integer)
