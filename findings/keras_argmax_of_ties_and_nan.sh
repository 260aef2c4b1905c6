#!/usr/bin/env bash
# Guess: `keras.ops.argmax` is NumPy's: of equal values the first, a subnormal number is
# greater than 0, and where there is NaN its place.
# Versions: keras 3.15.1, tensorflow 2.21.0, jax 0.10.2, torch 2.13.0, numpy 2.4.6.
# Behaviour: PyTorch does as NumPy. TensorFlow and JAX take 0.0 for greater than -0.0,
# which are equal, and subnormal numbers for equal to 0; TensorFlow passes over NaN, so
# that a class is chosen and nothing shows. `keras.ops.max` finds the NaN on all three.
# Output seen:
#   tensorflow; argmax(-0.0, 0.0) = 1; argmax(0, 1e-39, 2e-39) = 0; argmax(1, NaN, 2) = 2; max(1, NaN, 2) = nan
#   jax; argmax(-0.0, 0.0) = 1; argmax(0, 1e-39, 2e-39) = 0; argmax(1, NaN, 2) = 1; max(1, NaN, 2) = nan
#   torch; argmax(-0.0, 0.0) = 0; argmax(0, 1e-39, 2e-39) = 2; argmax(1, NaN, 2) = 1; max(1, NaN, 2) = nan
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
cd "$folder"
"$folder/venv/bin/pip" install -q --disable-pip-version-check keras==3.15.1 \
    numpy==2.4.6 tensorflow==2.21.0 jax==0.10.2 torch==2.13.0
cat > run.py <<'PYTHON'
import sys

import keras
import numpy as np
from keras import ops


def place(*values):
    return int(ops.argmax(np.float32(values)))


print(
    sys.argv[1],
    f"argmax(-0.0, 0.0) = {place(-0.0, 0.0)}",
    f"argmax(0, 1e-39, 2e-39) = {place(0, 1e-39, 2e-39)}",
    f"argmax(1, NaN, 2) = {place(1, np.nan, 2)}",
    f"max(1, NaN, 2) = {float(ops.max(np.float32([1, np.nan, 2])))}",
    sep="; ",
)
PYTHON
for name in tensorflow jax torch; do
    KERAS_BACKEND=$name "$folder/venv/bin/python" run.py $name 2>>errors.txt
done | tee seen.txt
diff seen.txt - <<'SEEN'
tensorflow; argmax(-0.0, 0.0) = 1; argmax(0, 1e-39, 2e-39) = 0; argmax(1, NaN, 2) = 2; max(1, NaN, 2) = nan
jax; argmax(-0.0, 0.0) = 1; argmax(0, 1e-39, 2e-39) = 0; argmax(1, NaN, 2) = 1; max(1, NaN, 2) = nan
torch; argmax(-0.0, 0.0) = 0; argmax(0, 1e-39, 2e-39) = 2; argmax(1, NaN, 2) = 1; max(1, NaN, 2) = nan
SEEN
