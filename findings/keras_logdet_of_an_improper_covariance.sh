#!/usr/bin/env bash
# Guess: `keras.ops.logdet` of a symmetric matrix with a negative determinant is NaN on
# every backend, the logarithm of a negative number: so a covariance that is none is
# noticed.
# Versions: keras 3.15.1, tensorflow 2.21.0, jax 0.10.2, torch 2.13.0, numpy 2.4.6.
# Behaviour: TensorFlow and PyTorch give NaN. JAX gives the logarithm of the absolute
# value, and a mixture's log-likelihood goes on with a matrix that is no covariance.
# Output seen:
#   tensorflow logdet nan; ln 3 = 1.0986
#   jax logdet 1.0986; ln 3 = 1.0986
#   torch logdet nan; ln 3 = 1.0986
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

matrix = np.float32([[1, 2], [2, 1]])
print(sys.argv[1], f"logdet {float(ops.logdet(matrix)):.4f}; ln 3 = {np.log(3):.4f}")
PYTHON
for name in tensorflow jax torch; do
    KERAS_BACKEND=$name "$folder/venv/bin/python" run.py $name 2>>errors.txt
done | tee seen.txt
diff seen.txt - <<'SEEN'
tensorflow logdet nan; ln 3 = 1.0986
jax logdet 1.0986; ln 3 = 1.0986
torch logdet nan; ln 3 = 1.0986
SEEN
