#!/usr/bin/env bash
# Guess: `keras.ops.split(x, [])`, split at no place, is [x] on every backend, as NumPy's
# is: a list of places may well turn out to be empty.
# Versions: keras 3.15.1, tensorflow 2.21.0, jax 0.10.2, torch 2.13.0, numpy 2.4.6.
# Behaviour: it is on JAX; TensorFlow and PyTorch raise errors of their own operations,
# which are asked for no part (TensorFlow) and for parts of no size (PyTorch).
# Output seen:
#   numpy: 1 part of shape (6,)
#   jax: 1 part of shape (6,)
#   tensorflow: InvalidArgumentError
#   torch: RuntimeError
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
cd "$folder"
"$folder/venv/bin/pip" install -q --disable-pip-version-check keras==3.15.1 \
    numpy==2.4.6 jax==0.10.2 tensorflow==2.21.0 torch==2.13.0
cat > run.py <<'PYTHON'
import sys

import numpy as np

if sys.argv[1] == "numpy":
    split = np.split
else:
    import keras

    split = keras.ops.split
try:
    parts = split(np.arange(6.0), [])
    print(f"{sys.argv[1]}: {len(parts)} part of shape {tuple(parts[0].shape)}")
except Exception as error:
    print(f"{sys.argv[1]}: {type(error).__name__}")
PYTHON
for name in numpy jax tensorflow torch; do
    KERAS_BACKEND=${name/numpy/jax} "$folder/venv/bin/python" run.py $name 2>>errors.txt
done | tee seen.txt
diff seen.txt - <<'SEEN'
numpy: 1 part of shape (6,)
jax: 1 part of shape (6,)
tensorflow: InvalidArgumentError
torch: RuntimeError
SEEN
