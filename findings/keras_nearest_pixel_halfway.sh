#!/usr/bin/env bash
# Guess: with `interpolation="nearest"` or `order=0` a place halfway between two pixels
# takes the same one on every backend, as Keras names no rule for it but one
# implementation a backend.
# Versions: keras 3.15.1, tensorflow 2.21.0, jax 0.10.2, torch 2.13.0, numpy 2.4.6.
# Behaviour: neither function agrees. `map_coordinates` at 0.5, 1.5, 2.5 of the pixels 0
# to 3 rounds to even on TensorFlow and PyTorch and up on JAX. `affine_transform` by
# half a pixel rounds up on TensorFlow and JAX, and takes the last column's next pixel
# for one outside; PyTorch rounds to even. Moved label maps differ by a pixel between
# backends.
# Output seen:
#   tensorflow map_coordinates [0.0, 2.0, 2.0] affine_transform [1.0, 2.0, 0.0]
#   jax map_coordinates [1.0, 2.0, 3.0] affine_transform [1.0, 2.0, 0.0]
#   torch map_coordinates [0.0, 2.0, 2.0] affine_transform [0.0, 2.0, 2.0]
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

line = np.arange(4, dtype="float32")
places = [np.float32([0.5, 1.5, 2.5])]
taken = ops.convert_to_numpy(ops.image.map_coordinates(line, places, order=0))
image = np.arange(3, dtype="float32").reshape(1, 3, 1)
half = np.float32([1, 0, 0.5, 0, 1, 0, 0, 0])
moved = ops.image.affine_transform(image, half, interpolation="nearest")
row = ops.convert_to_numpy(moved)[0, :, 0]
print(sys.argv[1], "map_coordinates", taken.tolist(), "affine_transform", row.tolist())
PYTHON
for name in tensorflow jax torch; do
    KERAS_BACKEND=$name "$folder/venv/bin/python" run.py $name 2>>errors.txt
done | tee seen.txt
diff seen.txt - <<'SEEN'
tensorflow map_coordinates [0.0, 2.0, 2.0] affine_transform [1.0, 2.0, 0.0]
jax map_coordinates [1.0, 2.0, 3.0] affine_transform [1.0, 2.0, 0.0]
torch map_coordinates [0.0, 2.0, 2.0] affine_transform [0.0, 2.0, 2.0]
SEEN
