#!/usr/bin/env bash
# Guess: `layer.trainable = True` makes all parts of the layer trainable, on every
# backend, as the documentation says that the value is passed on to sublayers.
# Versions: keras 3.15.1, tensorflow 2.21.0, jax 0.10.2, numpy 2.4.6.
# Behaviour: on JAX it does. On TensorFlow an assignment of the value that the layer has
# already is left out before Keras sees it: a part that was frozen by itself stays frozen.
# Assigning False first, then True, works on both.
# Output seen:
#   jax: 4 of 4 variables are trainable
#   tensorflow: 2 of 4 variables are trainable
#   tensorflow, False first: 4 of 4 variables are trainable
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
    keras==3.15.1 tensorflow==2.21.0 jax==0.10.2 numpy==2.4.6
cd "$folder"
cat > run.py <<'PYTHON'
import sys

import keras


def model():
    parts = keras.Sequential([keras.layers.Dense(2), keras.layers.Dense(2)])
    parts.build((None, 2))
    parts.layers[0].trainable = False
    return parts


def report(title, parts):
    trainable, variables = len(parts.trainable_variables), len(parts.variables)
    print(f"{title}: {trainable} of {variables} variables are trainable")


parts = model()
parts.trainable = True
report(keras.backend.backend(), parts)
if keras.backend.backend() == "tensorflow":
    parts = model()
    parts.trainable = False
    parts.trainable = True
    report("tensorflow, False first", parts)
PYTHON
{
    KERAS_BACKEND=jax "$folder/venv/bin/python" run.py
    TF_CPP_MIN_LOG_LEVEL=3 KERAS_BACKEND=tensorflow "$folder/venv/bin/python" run.py
} 2>errors.txt | tee seen.txt
diff seen.txt - <<'SEEN'
jax: 4 of 4 variables are trainable
tensorflow: 2 of 4 variables are trainable
tensorflow, False first: 4 of 4 variables are trainable
SEEN
