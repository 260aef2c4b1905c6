"""How many examples Hypothesis tries of what EM promises never to do."""

import os

import keras

# What holds for any data holds on any backend: PyTorch's run, which compiles nothing,
# tries more. 200 were run by hand: `EM_EXAMPLES=200 pytest tests/em`.
_DEFAULT = "16" if keras.backend.backend() == "torch" else "5"
EXAMPLES = int(os.environ.get("EM_EXAMPLES", _DEFAULT))
