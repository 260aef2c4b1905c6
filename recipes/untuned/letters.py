"""Capital letters, drawn in the fonts that come with matplotlib."""

from functools import cache
from pathlib import Path
from string import ascii_uppercase

import numpy as np

SIZE = 28
# Letters are drawn in so many times the size, and then averaged.
_FINER = 4
_FONT_SIZE = 76
# Upright, slanted, bold, with and without serifs, and of equal widths.
FONTS = (
    *(
        f"DejaVu{family}{style}"
        for family, slanted in (("Sans", "Oblique"), ("SansMono", "Oblique"))
        for style in ("", "-Bold", f"-{slanted}", f"-Bold{slanted}")
    ),
    *(f"DejaVuSerif{style}" for style in ("", "-Bold", "-Italic", "-BoldItalic")),
    *(f"STIXGeneral{style}" for style in ("", "Bol", "Italic", "BolIta")),
    *("cmr10", "cmb10", "cmss10", "cmtt10", "cmmi10"),
)


def draw_letters(count, random):
    """Return letters, uint8 (count, 28, 28), and which of the alphabet each one is.

    There are as many of each letter as of any other, or one more. A letter is in one of
    21 fonts, turned by up to 14 degrees, sheared by up to 0.25, scaled by 0.85 to 1.25
    along each axis and shifted by up to 2 pixels. Its strokes are up to a pixel thicker
    than the font's, blurred, and brighter than the ground. Both have pixel noise.

    Args:
        count: number of letters.
        random: a `numpy.random.Generator`.
    """
    labels = random.permutation(np.arange(count) % len(ascii_uppercase))
    images = np.empty((count, SIZE, SIZE), "uint8")
    for image, label in zip(images, labels, strict=True):
        image[:] = _draw(ascii_uppercase[label], random)
    return images, labels


def _draw(letter, random):
    from PIL import Image, ImageFilter

    glyph = _glyph(letter, FONTS[random.integers(len(FONTS))], random.integers(4))
    # Pillow asks where in the glyph a pixel of the drawn letter is: the inverse.
    inverse = np.linalg.inv(_pose(random))
    middle = np.full(2, _FINER * SIZE / 2)
    shift = _FINER * random.uniform(-2, 2, size=2)
    offset = middle - inverse @ (middle + shift)
    moved = glyph.transform(
        glyph.size,
        Image.Transform.AFFINE,
        (*inverse[0], offset[0], *inverse[1], offset[1]),
        Image.Resampling.BILINEAR,
    )
    blurred = moved.filter(ImageFilter.GaussianBlur(_FINER * random.uniform(0, 0.8)))
    ink = np.asarray(blurred.reduce(_FINER)) / 255
    ground, stroke = random.uniform(0, 0.2), random.uniform(0.7, 1)
    grey = ground + (stroke - ground) * ink
    grey += random.normal(0, random.uniform(0, 0.08), ink.shape)
    return np.round(255 * np.clip(grey, 0, 1))


def _pose(random):
    """Return a random matrix (2, 2): scale, then shear, then rotation."""
    angle, shear = random.uniform(-0.25, 0.25, size=2)
    rotation = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    scale = np.diag(random.uniform(0.85, 1.25, size=2))
    return rotation @ np.array([[1, shear], [0, 1]]) @ scale


@cache
def _glyph(letter, font, thicker):
    """Return a letter in the middle of a picture, white on black."""
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{font}.ttf"
    # Another engine, which is not everywhere, would place letters otherwise.
    drawn = ImageFont.truetype(
        str(path), _FONT_SIZE, layout_engine=ImageFont.Layout.BASIC
    )
    left, top, right, bottom = drawn.getbbox(letter)
    middle = _FINER * SIZE / 2
    corner = middle - (left + right) / 2, middle - (top + bottom) / 2
    picture = Image.new("L", (_FINER * SIZE, _FINER * SIZE))
    # The stroke is thicker on both sides.
    ImageDraw.Draw(picture).text(
        corner, letter, fill=255, font=drawn, stroke_width=int(thicker) / 2
    )
    return picture
