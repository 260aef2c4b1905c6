#!/usr/bin/env bash
# Guess: `average_pool` with padding "same" is the mean of the pixels within the image
# on every backend, as padding is no pixel and TensorFlow leaves it out of the count.
# Versions: keras 3.15.1, tensorflow 2.21.0, jax 0.10.2, torch 2.13.0, numpy 2.4.6.
# Behaviour: so it is on TensorFlow and JAX. On PyTorch it is so only where the padding
# is as wide at the start as at the end. Otherwise the last pixels are repeated and the
# repeated ones counted: of 0 to 7, windows of 3 in steps of 2, the last one holds 6 and
# 7 and gives 20/3 in place of 6.5. Seven pixels, padded by one on both sides, agree.
# A network with such a layer classifies otherwise than where it learned.
# Output seen:
#   tensorflow: of 7 [0.5, 2.0, 4.0, 5.5], of 8 [1.0, 3.0, 5.0, 6.5]
#   jax: of 7 [0.5, 2.0, 4.0, 5.5], of 8 [1.0, 3.0, 5.0, 6.5]
#   torch: of 7 [0.5, 2.0, 4.0, 5.5], of 8 [1.0, 3.0, 5.0, 6.667]
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

layer = keras.layers.AveragePooling1D(3, strides=2, padding="same")
found = []
for length in (7, 8):
    line = np.arange(length, dtype="float32").reshape(1, length, 1)
    means = keras.ops.convert_to_numpy(layer(line)).ravel().astype(float)
    found.append(f"of {length} {means.round(3).tolist()}")
print(f"{sys.argv[1]}: {', '.join(found)}")
PYTHON
for name in tensorflow jax torch; do
    KERAS_BACKEND=$name "$folder/venv/bin/python" run.py $name 2>>errors.txt
done | tee seen.txt
diff seen.txt - <<'SEEN'
tensorflow: of 7 [0.5, 2.0, 4.0, 5.5], of 8 [1.0, 3.0, 5.0, 6.5]
jax: of 7 [0.5, 2.0, 4.0, 5.5], of 8 [1.0, 3.0, 5.0, 6.5]
torch: of 7 [0.5, 2.0, 4.0, 5.5], of 8 [1.0, 3.0, 5.0, 6.667]
SEEN
