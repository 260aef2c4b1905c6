#!/usr/bin/env bash
# Guess: `keras.backend.result_type("float64", "float32")` is float64 on TensorFlow and
# PyTorch, which both have double precision without any setting, as it is what joining
# tensors of the two types gives.
# Versions: keras 3.15.1, tensorflow 2.21.0, torch 2.13.0, numpy 2.4.6.
# Behaviour: on PyTorch it is float32, although `ops.concatenate` of the same two types
# is float64 there. To cast to what `result_type` says would lose half the digits.
# Output seen:
#   tensorflow: result_type float64, concatenated float64
#   torch: result_type float32, concatenated float64
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
cd "$folder"
"$folder/venv/bin/pip" install -q --disable-pip-version-check keras==3.15.1 \
    numpy==2.4.6 tensorflow==2.21.0 torch==2.13.0
cat > run.py <<'PYTHON'
import sys

import keras
import numpy as np
from keras import ops

double = ops.convert_to_tensor(np.ones(2))
joined = ops.concatenate([double, ops.cast(double, "float32")])
told = keras.backend.result_type("float64", "float32")
found = keras.backend.standardize_dtype(joined.dtype)
print(f"{sys.argv[1]}: result_type {told}, concatenated {found}")
PYTHON
for name in tensorflow torch; do
    KERAS_BACKEND=$name "$folder/venv/bin/python" run.py $name 2>>errors.txt
done | tee seen.txt
diff seen.txt - <<'SEEN'
tensorflow: result_type float64, concatenated float64
torch: result_type float32, concatenated float64
SEEN
