#!/usr/bin/env bash
# Guess: an image augmentation of Keras returns new images and leaves those that it is
# given as they are, on every backend: two augmentations of one batch do not see each
# other.
# Versions: keras 3.15.1, tensorflow 2.21.0, jax 0.10.2, torch 2.13.0, numpy 2.4.6.
# Behaviour: on PyTorch `RandomBrightness`, and `RandomColorJitter` with it, add to the
# batch itself. The "unchanged" view beside a strong one is then the strong one, and a
# gradient that needs the images fails.
# Output seen:
#   tensorflow: RandomBrightness changed its input by 0.00; GaussianNoise by 0.00
#   jax: RandomBrightness changed its input by 0.00; GaussianNoise by 0.00
#   torch: RandomBrightness changed its input by 0.50; GaussianNoise by 0.00
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


def change(layer):
    images = ops.zeros((2, 4, 4, 3))
    layer(images, training=True)
    return f"{float(ops.max(ops.abs(images))):.2f}"


brightness = keras.layers.RandomBrightness((0.5, 0.5), value_range=(0, 1), seed=0)
noise = keras.layers.GaussianNoise(0.5, seed=0)
print(
    f"{sys.argv[1]}: RandomBrightness changed its input by {change(brightness)}; "
    f"GaussianNoise by {change(noise)}"
)
PYTHON
for name in tensorflow jax torch; do
    KERAS_BACKEND=$name "$folder/venv/bin/python" run.py $name 2>>errors.txt
done | tee seen.txt
diff seen.txt - <<'SEEN'
tensorflow: RandomBrightness changed its input by 0.00; GaussianNoise by 0.00
jax: RandomBrightness changed its input by 0.00; GaussianNoise by 0.00
torch: RandomBrightness changed its input by 0.50; GaussianNoise by 0.00
SEEN
