#!/usr/bin/env bash
# Guess: with `KERAS_BACKEND=numpy`, Keras and what it asks for, NumPy among it, are
# enough to import it and to call a layer.
# Versions: keras 3.15.1, numpy 2.4.6, scipy 1.17.1, jax 0.10.2.
# Behaviour: its NumPy backend imports SciPy and JAX as well. Keras asks for neither, and
# `import keras` fails until both are there.
# Output seen:
#   keras: No module named 'scipy'
#   keras scipy: No module named 'jax'
#   keras scipy jax: (2, 1)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
cd "$folder"
cat > run.py <<'PYTHON'
import sys

title = " ".join(sys.argv[1:])
try:
    import keras

    print(f"{title}: {keras.layers.Dense(1)(keras.ops.ones((2, 3))).shape}")
except ModuleNotFoundError as error:
    print(f"{title}: {error}")
PYTHON
install() {
    "$folder/venv/bin/pip" install -q --disable-pip-version-check "$@"
}
run() {
    KERAS_BACKEND=numpy "$folder/venv/bin/python" run.py "$@" 2>>errors.txt
}
{
    install keras==3.15.1 numpy==2.4.6
    run keras
    install scipy==1.17.1
    run keras scipy
    install jax==0.10.2
    run keras scipy jax
} | tee seen.txt
diff seen.txt - <<'SEEN'
keras: No module named 'scipy'
keras scipy: No module named 'jax'
keras scipy jax: (2, 1)
SEEN
