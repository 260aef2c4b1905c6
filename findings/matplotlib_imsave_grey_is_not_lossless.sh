#!/usr/bin/env bash
# Guess: `imsave` of a uint8 image with cmap="gray", vmin=0, vmax=255 writes a PNG of the
# same grey levels: 256 levels, a map of 256 greys, a format without loss.
# Versions: matplotlib 3.11.2, numpy 2.4.6, Pillow 13.0.0.
# Behaviour: 24 of the 256 levels come out one too low, the same ones for k / 255 as
# floats: the map's colour k / 255 is multiplied by 255 and cut off, which is k - 1 where
# the product is rounded down. An image written as RGB of uint8 keeps its levels. Data
# sets of grey images that are written this way change without a word.
# Output seen:
#   uint8 with cmap: 24 of 256 levels differ, by -1: 33 37 41 45 49 ...
#   uint8 as RGB: 0 of 256 levels differ
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
    matplotlib==3.11.2 numpy==2.4.6 pillow==13.0.0
cd "$folder"
cat > run.py <<'PYTHON'
import matplotlib

matplotlib.use("agg")
import matplotlib.image
import numpy as np
from PIL import Image

levels = np.arange(256, dtype="uint8").reshape(16, 16)


def written(image, **options):
    matplotlib.image.imsave("image.png", image, **options)
    found = np.asarray(Image.open("image.png").convert("RGB"))[..., 0]
    return found.astype(int) - levels


change = written(levels, cmap="gray", vmin=0, vmax=255)
differ = levels[change != 0]
(by,) = set(change[change != 0].tolist())
print(
    f"uint8 with cmap: {len(differ)} of 256 levels differ, by {by}:",
    *differ[:5],
    "...",
)
change = written(np.repeat(levels[..., None], 3, axis=2))
print(f"uint8 as RGB: {np.count_nonzero(change)} of 256 levels differ")
PYTHON
MPLCONFIGDIR="$folder" "$folder/venv/bin/python" run.py | tee seen.txt
diff seen.txt - <<'SEEN'
uint8 with cmap: 24 of 256 levels differ, by -1: 33 37 41 45 49 ...
uint8 as RGB: 0 of 256 levels differ
SEEN
