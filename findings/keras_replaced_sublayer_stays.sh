#!/usr/bin/env bash
# Guess: a sublayer that is assigned anew to the same attribute takes the old one's
# place: only its weights are listed, and a weights file fits a model made at once.
# Versions: keras 3.15.1, jax 0.10.2, numpy 2.4.6.
# Behaviour: the old sublayer stays among the layers and weights. `set_weights` of a model
# made at once with the last sublayer alone refuses the longer list, and a weights file is
# read, though it has a second "dense" that the other model knows nothing of: that model
# gets the weights of the sublayer that was replaced, if its shapes are the same.
# Output seen:
#   weights: 4, of the sublayer in place: 2
#   set_weights: ValueError
#   load_weights: the kernel of the replaced sublayer
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
    keras==3.15.1 jax==0.10.2 numpy==2.4.6
cd "$folder"
cat > run.py <<'PYTHON'
import keras
import numpy as np


class Holder(keras.Model):
    def __init__(self):
        super().__init__(name="holder")
        self.replace()

    def replace(self):
        self.part = keras.layers.Dense(3)
        self.part.build((None, 2))
        self.built = True

    def call(self, x):
        return self.part(x)


twice = Holder()
old = twice.part
twice.replace()
print(f"weights: {len(twice.weights)}, of the sublayer in place: "
      f"{len(twice.part.weights)}")
once = Holder()
try:
    once.set_weights(twice.get_weights())
    print("set_weights: fits")
except ValueError as error:
    print("set_weights:", type(error).__name__)
twice.save_weights("twice.weights.h5")
try:
    once.load_weights("twice.weights.h5")
    kernel = np.asarray(once.part.kernel)
    names = {"replaced": old, "present": twice.part}
    found = [k for k, v in names.items() if np.array_equal(kernel, v.kernel)]
    print("load_weights: the kernel of the", *(found or ["neither"]), "sublayer")
except ValueError as error:
    print("load_weights:", type(error).__name__)
PYTHON
KERAS_BACKEND=jax "$folder/venv/bin/python" run.py 2>errors.txt | tee seen.txt
diff seen.txt - <<'SEEN'
weights: 4, of the sublayer in place: 2
set_weights: ValueError
load_weights: the kernel of the replaced sublayer
SEEN
