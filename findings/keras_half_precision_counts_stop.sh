#!/usr/bin/env bash
# Guess: a count of 4,096 rows in half precision is 4,096 however it is summed, as both
# half types hold this number and Keras' `sum` finds it.
# Versions: keras 3.15.1, tensorflow 2.21.0, jax 0.10.2, torch 2.13.0, numpy 2.4.6.
# Behaviour: some sums add one by one in the half type and stop where one more changes
# nothing, at 256 in bfloat16 and 2,048 in float16: `segment_sum` on TensorFlow and JAX,
# `cumsum` on TensorFlow, and on TensorFlow the float16 sum along the first of two axes,
# though the sum over all is right. Counts of a class under a mixed policy must be
# float32.
# Output seen:
#   tensorflow; bfloat16; sum 4096; along an axis 4096; cumsum 256; segment_sum 256
#   tensorflow; float16; sum 4096; along an axis 2048; cumsum 2048; segment_sum 2048
#   jax; bfloat16; sum 4096; along an axis 4096; cumsum 4096; segment_sum 256
#   jax; float16; sum 4096; along an axis 4096; cumsum 4096; segment_sum 2048
#   torch; bfloat16; sum 4096; along an axis 4096; cumsum 4096; segment_sum 4096
#   torch; float16; sum 4096; along an axis 4096; cumsum 4096; segment_sum 4096
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

rows = np.zeros(4096, "int32")
for dtype in ("bfloat16", "float16"):
    ones = ops.ones((4096,), dtype)
    found = {
        "sum": ops.sum(ones),
        "along an axis": ops.sum(ops.ones((4096, 3), dtype), axis=0)[0],
        "cumsum": ops.cumsum(ones)[-1],
        "segment_sum": ops.segment_sum(ones, rows, 2)[0],
    }
    counts = {k: int(ops.convert_to_numpy(ops.cast(v, "int32"))) for k, v in found.items()}
    print(sys.argv[1], dtype, *(f"{name} {count}" for name, count in counts.items()), sep="; ")
PYTHON
for name in tensorflow jax torch; do
    KERAS_BACKEND=$name "$folder/venv/bin/python" run.py $name 2>>errors.txt
done | tee seen.txt
diff seen.txt - <<'SEEN'
tensorflow; bfloat16; sum 4096; along an axis 4096; cumsum 256; segment_sum 256
tensorflow; float16; sum 4096; along an axis 2048; cumsum 2048; segment_sum 2048
jax; bfloat16; sum 4096; along an axis 4096; cumsum 4096; segment_sum 256
jax; float16; sum 4096; along an axis 4096; cumsum 4096; segment_sum 2048
torch; bfloat16; sum 4096; along an axis 4096; cumsum 4096; segment_sum 4096
torch; float16; sum 4096; along an axis 4096; cumsum 4096; segment_sum 4096
SEEN
