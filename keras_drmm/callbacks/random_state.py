"""The states of the random numbers that belong to no model."""

import json
import random
import sys

import numpy as np
from keras import ops

from keras_drmm.layers.arguments import is_integer

# Of the Mersenne twister.
NUMPY_WORDS = 624


def read_random():
    """Return the states of Keras', Python's, NumPy's and PyTorch's global streams.

    Returns:
        Bytes.
    """
    # First: where there is none yet, Python's stream gives its seed.
    keras_stream = ops.convert_to_numpy(_keras_stream().state).tolist()
    version, words, gauss = random.getstate()
    numpy = np.random.get_state(legacy=False)  # noqa: NPY002  # what others drew from
    numpy["state"]["key"] = numpy["state"]["key"].tolist()
    torch = sys.modules.get("torch")
    states = {
        "keras": keras_stream,
        "python": [version, list(words), gauss],
        "numpy": numpy,
        "torch": None if torch is None else torch.get_rng_state().tolist(),
    }
    return json.dumps(states).encode()


def set_random(content):
    """Set the streams to the states that `read_random` returned.

    Raises:
        ValueError: it is another content.
    """
    try:
        states = json.loads(content)
        _keras_stream().state.assign(states["keras"])
        version, words, gauss = states["python"]
        random.setstate((version, tuple(words), gauss))
        place = states["numpy"]["state"]["pos"]
        # NumPy takes any number, and reads what is in memory there.
        if not (is_integer(place) and 0 <= place <= NUMPY_WORDS):
            raise ValueError(f"NumPy's stream is at {place!r} of {NUMPY_WORDS}")
        np.random.set_state(states["numpy"])  # noqa: NPY002
        torch = sys.modules.get("torch")
        if torch is not None and states["torch"] is not None:
            torch.set_rng_state(torch.tensor(states["torch"], dtype=torch.uint8))
    # Each library has errors of its own for a state that is none.
    except Exception as error:
        raise ValueError(f"the random numbers cannot be set: {error}") from error


def _keras_stream():
    """Return the generator that Keras draws from where no seed is given."""
    # Keras has no public name for it.
    from keras.src.random.seed_generator import global_seed_generator

    return global_seed_generator()
