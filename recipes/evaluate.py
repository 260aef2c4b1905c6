"""Measure the test error of a preset again, and compare it with its model card.

    python -m recipes.evaluate --preset NAME

Loads the trained weights, reads the test images of the data set that they learned from
and prints the error in percent beside the card's, in float32. The exit status is 1 if
they differ by more than 0.02. Seconds on one core.
"""

import os
import sys

# Percent: backends round differently, which may turn an image or two of 10,000.
TOLERANCE = 0.02


def main(arguments=None):
    """Evaluate, print and return the exit status."""
    from recipes.common import presets

    options = presets.parse(__doc__.split("\n")[0], arguments)
    # Keras reads the backend when it is imported.
    os.environ["KERAS_BACKEND"] = options.backend
    import keras

    from keras_drmm import data
    from recipes.common.measure import error

    keras.config.set_dtype_policy("float32")
    card, model = presets.load(options.preset, ("test_error",))
    _, (x, y) = presets.load_data(card, options.data_dir)
    found = error(model, data.to_unit_range(x), y.reshape(-1))
    expected = card["test_error"]
    print(f"{card['name']}: test error {found:.2f} %, on its card {expected:.2f} %")
    # Both have two decimals: half of the last one is for how floats are rounded.
    differs = abs(found - expected) > TOLERANCE + 0.005
    if differs:
        print(f"They differ by more than {TOLERANCE} percentage points.")
    return int(differs)


if __name__ == "__main__":
    sys.exit(main())
