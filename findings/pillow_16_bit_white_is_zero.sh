#!/usr/bin/env bash
# Guess: a grey TIFF whose tag says that 0 is white comes from Pillow as any other image
# does, 0 being black, whatever its depth: numbers of 16 bits are inverted as those of 8.
# Versions: Pillow 13.0.0, numpy 2.4.6.
# Behaviour: 8 bits are inverted, 16 bits are not: the same picture, saved with twice the
# depth by a scanner that writes white as 0, arrives as its negative. Mode I;16 does not
# tell; the tag PhotometricInterpretation (262) does.
# Output seen:
#   8 bits, white is zero: 0 is read as 255, the highest as 0
#   16 bits, white is zero: 0 is read as 0, the highest as 65535
#   16 bits, black is zero: 0 is read as 0, the highest as 65535
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check pillow==13.0.0 numpy==2.4.6
cd "$folder"
cat > run.py <<'PYTHON'
import struct

import numpy as np
from PIL import Image

SHORT, LONG = 3, 4


def tiff(pixels, white_is_zero):
    """A little-endian TIFF of one uncompressed strip, by the TIFF 6.0 specification."""
    height, width = pixels.shape
    data = pixels.tobytes()
    tags = [
        (256, LONG, width),
        (257, LONG, height),
        (258, SHORT, 8 * pixels.itemsize),
        (259, SHORT, 1),
        (262, SHORT, 0 if white_is_zero else 1),
        (273, LONG, 8),
        (277, SHORT, 1),
        (278, LONG, height),
        (279, LONG, len(data)),
    ]
    entries = [
        struct.pack("<HHI", tag, kind, 1) + struct.pack("<I", value)
        for tag, kind, value in tags
    ]
    head = struct.pack("<2sHI", b"II", 42, 8 + len(data))
    return head + data + struct.pack("<H", len(tags)) + b"".join(entries) + bytes(4)


for kind, white_is_zero in (("u1", True), ("u2", True), ("u2", False)):
    pixels = np.array([[0, np.iinfo(kind).max]], "<" + kind)
    with open("image.tif", "wb") as file:
        file.write(tiff(pixels, white_is_zero))
    found = np.asarray(Image.open("image.tif"))[0]
    print(
        f"{8 * pixels.itemsize} bits, {'white' if white_is_zero else 'black'} is zero: "
        f"0 is read as {found[0]}, the highest as {found[1]}"
    )
PYTHON
"$folder/venv/bin/python" run.py | tee seen.txt
diff seen.txt - <<'SEEN'
8 bits, white is zero: 0 is read as 255, the highest as 0
16 bits, white is zero: 0 is read as 0, the highest as 65535
16 bits, black is zero: 0 is read as 0, the highest as 65535
SEEN
