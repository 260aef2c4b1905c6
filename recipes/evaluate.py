"""Measure the test error of a preset again and compare it with its model card.

    python -m recipes.evaluate --preset rfm_mnist_100

Loads the trained weights, classifies the test images of the data set that they learned
from in float32, and prints the error in percent next to that on the card: 2.33 % for
`rfm_mnist_100`. The exit status is 1 if they differ by more than 0.02 percentage
points. It takes seconds on one core.
"""

import sys

from recipes.common.measure import error
from recipes.tables import presets

# Percentage points. Backends round differently, which may change the class of one or
# two images of 10,000.
TOLERANCE = 0.02


def main(arguments=None):
    """Evaluate, print and return the exit status."""
    options = parse(arguments)
    card, model = presets.load(options, ("test_error",))
    # Imports Keras, so it comes after the choice of a backend.
    from keras_drmm import data

    _, (x, y) = presets.load_data(card, options.data_dir)
    found = error(model, data.to_unit_range(x), y.reshape(-1))
    expected = card["test_error"]
    print(f"{card['name']}: test error {found:.2f} %, on its card {expected:.2f} %")
    # Both have two decimals. Half of the last one allows for the rounding of floats.
    differs = abs(found - expected) > TOLERANCE + 0.005
    if differs:
        print(f"They differ by more than {TOLERANCE} percentage points.")
    return int(differs)


def parse(arguments=None):
    """Read the command line."""
    return presets.parse(__doc__, arguments)


if __name__ == "__main__":
    sys.exit(main())
