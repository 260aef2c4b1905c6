#!/usr/bin/env bash
# Guess: saving a Keras model visits what the model tracks (layers, variables), so a
# property that only computes something is not touched.
# Versions: keras 3.15.1 on its JAX backend, numpy 2.4.6, h5py 3.14.0, jax 0.10.2.
# Behaviour: `save_weights` evaluates every property of the model's class, also one that
# holds neither a layer nor a variable. A property that warns (an old name, say) warns at
# each save, and one that is slow makes saving slow. `__getattr__`, which `dir` does not
# list, is left alone.
# Output seen:
#   the property was evaluated: True
#   the name behind __getattr__ was evaluated: False
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
    keras==3.15.1 numpy==2.4.6 h5py==3.14.0 jax==0.10.2
cd "$folder"
KERAS_BACKEND=jax "$folder/venv/bin/python" - <<'PYTHON' | tee seen.txt
import keras

evaluated = set()


class Model(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(2)

    def call(self, x):
        return self.dense(x)

    @property
    def shown(self):
        evaluated.add("shown")
        return 3.0

    def __getattr__(self, name):
        if name == "hidden":
            evaluated.add("hidden")
            return 3.0
        raise AttributeError(name)


model = Model()
model.build((None, 4))
evaluated.clear()
model.save_weights("model.weights.h5")
print("the property was evaluated:", "shown" in evaluated)
print("the name behind __getattr__ was evaluated:", "hidden" in evaluated)
PYTHON
diff seen.txt - <<'SEEN'
the property was evaluated: True
the name behind __getattr__ was evaluated: False
SEEN
