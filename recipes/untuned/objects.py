"""Twelve kinds of objects, drawn as outlines or filled."""

import numpy as np

SIZE = 32
# Objects are drawn in so many times the size, and then averaged.
_FINER = 4
_CURVE = np.linspace(0, 2 * np.pi, 60, endpoint=False)
_HALF = np.linspace(0, np.pi, 30)


def _polar(angles, radii=1.0, down=0.0):
    """Return points (n, 2) at angles from the top, clockwise, as pictures have y."""
    return np.stack([radii * np.sin(angles), down - radii * np.cos(angles)], axis=1)


def _crescent():
    outer = _polar(_HALF)
    return np.concatenate([outer, outer[::-1] * [0.35, 1]]) - [0.6, 0]


def _drop():
    circle = _polar(np.linspace(0.32 * np.pi, 1.68 * np.pi, 40), 0.65, 0.35)
    return np.concatenate([[[0, -1.1]], circle])


def _heart():
    x = np.sin(_CURVE) ** 3
    y = 13 * np.cos(_CURVE) - 5 * np.cos(2 * _CURVE) - 2 * np.cos(3 * _CURVE)
    return np.stack([x, (np.cos(4 * _CURVE) - y) / 15 - 0.1], axis=1)


def _star():
    corners = np.arange(10)
    return _polar(corners * np.pi / 5, np.where(corners % 2, 0.42, 1.0))


# Corners (x to the right, y downwards), about from -1 to 1.
OUTLINES = {
    "arrow": np.stack(
        [
            [-1, 0.1, 0.1, 1, 0.1, 0.1, -1],
            [-0.3, -0.3, -0.8, 0, 0.8, 0.3, 0.3],
        ],
        axis=1,
    ),
    "crescent": _crescent(),
    "cross": np.stack(
        [
            [-0.3, 0.3, 0.3, 1, 1, 0.3, 0.3, -0.3, -0.3, -1, -1, -0.3],
            [-1, -1, -0.3, -0.3, 0.3, 0.3, 1, 1, 0.3, 0.3, -0.3, -0.3],
        ],
        axis=1,
    ),
    "drop": _drop(),
    "ellipse": _polar(_CURVE) * [1, 0.7],
    "half disc": _polar(_HALF - np.pi / 2, 1.0, 0.5) * [1, 1.1],
    "heart": _heart(),
    "house": [(-0.8, 1), (-0.8, -0.1), (0, -1), (0.8, -0.1), (0.8, 1)],
    "lightning": np.stack(
        [[0.3, -0.6, -0.05, -0.3, 0.6, 0.05], [-1, 0.15, 0.15, 1, -0.25, -0.25]], axis=1
    ),
    "rectangle": [(-1, -0.7), (1, -0.7), (1, 0.7), (-1, 0.7)],
    "star": _star(),
    "triangle": [(0, -0.9), (0.95, 0.75), (-0.95, 0.75)],
}


def draw_objects(count, random):
    """Return objects, uint8 (count, 32, 32), and which of `OUTLINES` each one is.

    There are as many of each kind as of any other, or one more. An object is turned by
    up to 25 degrees, stretched, shifted by up to 2 pixels, and filled or an outline of
    1 to 2.5 pixels. It is brighter than the ground, and light falls on both from a
    side. Both have pixel noise.

    Args:
        count: number of objects.
        random: a `numpy.random.Generator`.
    """
    labels = random.permutation(np.arange(count) % len(OUTLINES))
    outlines = [np.asarray(points, "float64") for points in OUTLINES.values()]
    images = np.empty((count, SIZE, SIZE), "uint8")
    for image, label in zip(images, labels, strict=True):
        image[:] = _draw(outlines[label], random)
    return images, labels


def _draw(outline, random):
    ink = _ink(_place(outline, random), random)
    ground, body = random.uniform(0.1, 0.4), random.uniform(0.55, 0.9)
    angle, strength = random.uniform(0, 2 * np.pi), random.uniform(0, 0.4)
    x, y = np.meshgrid(*[np.linspace(-1, 1, SIZE)] * 2)
    light = 1 + strength * (x * np.cos(angle) + y * np.sin(angle))
    grey = light * (ground + (body - ground) * ink)
    grey += random.normal(0, random.uniform(0, 0.08), ink.shape)
    return np.round(255 * np.clip(grey, 0, 1))


def _place(outline, random):
    """Return the outline's points in pixels: stretched, then turned, then shifted."""
    angle = np.radians(random.uniform(-25, 25))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    radius = random.uniform(9, 12) * random.uniform(0.8, 1.1, size=2)
    middle = SIZE / 2 + random.uniform(-2, 2, size=2)
    return (outline * radius) @ turn + middle


def _ink(points, random):
    """Return how much of each pixel the object covers, (32, 32) from 0 to 1."""
    from PIL import Image, ImageDraw

    picture = Image.new("L", (_FINER * SIZE, _FINER * SIZE))
    corners = [tuple(point) for point in _FINER * points]
    is_filled, width = random.random() < 0.5, _FINER * random.uniform(1, 2.5)
    if is_filled:
        ImageDraw.Draw(picture).polygon(corners, fill=255)
    else:
        # The second point again, so that the first corner is a joint as well.
        ImageDraw.Draw(picture).line(
            [*corners, *corners[:2]], fill=255, width=round(width), joint="curve"
        )
    return np.asarray(picture.reduce(_FINER)) / 255
