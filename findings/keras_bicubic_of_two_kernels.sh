#!/usr/bin/env bash
# Guess: `ops.image.resize(..., interpolation="bicubic")` is one formula: Keras names no
# parameter of it, and with `antialias=True` or in bilinear form the backends agree.
# Versions: keras 3.15.1, tensorflow 2.21.0, jax 0.10.2, torch 2.13.0, numpy 2.4.6.
# Behaviour: without antialiasing PyTorch takes Keys' kernel with a = -0.75, TensorFlow
# and JAX a = -0.5, which leave an edge from 0 to 1 another overshoot: enlarged twice,
# the pixels beside it differ by up to 0.035. With antialiasing PyTorch takes -0.5, too,
# so that the flag changes an enlarged image there, and nowhere else.
# Output seen:
#   tensorflow: plain [-0.07, 0.203, 0.797, 1.07], antialiased [-0.07, 0.203, 0.797, 1.07]
#   jax: plain [-0.07, 0.203, 0.797, 1.07], antialiased [-0.07, 0.203, 0.797, 1.07]
#   torch: plain [-0.105, 0.227, 0.773, 1.105], antialiased [-0.07, 0.203, 0.797, 1.07]
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

edge = np.repeat(np.float32([[0, 0, 0, 0, 1, 1, 1, 1]]), 8, axis=0)[None, ..., None]
found = []
for name, antialias in (("plain", False), ("antialiased", True)):
    large = keras.ops.image.resize(
        edge, (16, 16), interpolation="bicubic", antialias=antialias
    )
    across = keras.ops.convert_to_numpy(large)[0, 8, 6:10, 0].astype(float)
    found.append(f"{name} {across.round(3).tolist()}")
print(f"{sys.argv[1]}: {', '.join(found)}")
PYTHON
for name in tensorflow jax torch; do
    KERAS_BACKEND=$name "$folder/venv/bin/python" run.py $name 2>>errors.txt
done | tee seen.txt
diff seen.txt - <<'SEEN'
tensorflow: plain [-0.07, 0.203, 0.797, 1.07], antialiased [-0.07, 0.203, 0.797, 1.07]
jax: plain [-0.07, 0.203, 0.797, 1.07], antialiased [-0.07, 0.203, 0.797, 1.07]
torch: plain [-0.105, 0.227, 0.773, 1.105], antialiased [-0.07, 0.203, 0.797, 1.07]
SEEN
