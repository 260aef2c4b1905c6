"""Twelve kinds of objects, drawn as outlines or filled."""

from dataclasses import dataclass

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


@dataclass(frozen=True)
class Pose:
    """What an image of an object has beside the object itself.

    Attributes:
        rotation: in radians; a positive one turns the object clockwise.
        stretch: (x, y), its half width and height in pixels, about.
        middle: (x, y) of the object in pixels, y downwards.
        is_filled: whether it is filled, not an outline.
        thickness: of the outline, in pixels.
        ground, body: brightness of ground and object, from 0 to 1.
        light_from: direction of the light in radians, 0 from the right, π/2 from below.
        light: its strength: at the edge of the image it is 1 + `light`.
        noise: standard deviation of the pixel noise.
    """

    rotation: float
    stretch: np.ndarray
    middle: np.ndarray
    is_filled: bool
    thickness: float
    ground: float
    body: float
    light_from: float
    light: float
    noise: float


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
    images = np.empty((count, SIZE, SIZE), "uint8")
    for image, label in zip(images, labels, strict=True):
        # Call by call: the generator draws a pose, and then its noise.
        image[:] = draw_object(label, _random_pose(random), random)
    return images, labels


def draw_object(label, pose, random):
    """Return an object in a pose, uint8 (32, 32).

    Args:
        label: which of `OUTLINES`, by its number.
        pose: a `Pose`.
        random: a `numpy.random.Generator`, of the pixel noise.
    """
    outline = np.asarray(list(OUTLINES.values())[label], "float64")
    ink = _ink(_place(outline, pose), pose)
    x, y = np.meshgrid(*[np.linspace(-1, 1, SIZE)] * 2)
    side = x * np.cos(pose.light_from) + y * np.sin(pose.light_from)
    grey = (1 + pose.light * side) * (pose.ground + (pose.body - pose.ground) * ink)
    grey += random.normal(0, pose.noise, ink.shape)
    return np.round(255 * np.clip(grey, 0, 1)).astype("uint8")


def _random_pose(random):
    """Return the pose of an object of `draw_objects`."""
    # The order of the draws makes the images that results are of.
    return Pose(
        rotation=np.radians(random.uniform(-25, 25)),
        stretch=random.uniform(9, 12) * random.uniform(0.8, 1.1, size=2),
        middle=SIZE / 2 + random.uniform(-2, 2, size=2),
        is_filled=random.random() < 0.5,
        thickness=random.uniform(1, 2.5),
        ground=random.uniform(0.1, 0.4),
        body=random.uniform(0.55, 0.9),
        light_from=random.uniform(0, 2 * np.pi),
        light=random.uniform(0, 0.4),
        noise=random.uniform(0, 0.08),
    )


def _place(outline, pose):
    """Return the outline's points in pixels: stretched, then turned, then shifted."""
    cos, sin = np.cos(pose.rotation), np.sin(pose.rotation)
    return (outline * pose.stretch) @ np.array([[cos, sin], [-sin, cos]]) + pose.middle


def _ink(points, pose):
    """Return how much of each pixel the object covers, (32, 32) from 0 to 1."""
    from PIL import Image, ImageDraw

    picture = Image.new("L", (_FINER * SIZE, _FINER * SIZE))
    corners = [tuple(point) for point in _FINER * points]
    if pose.is_filled:
        ImageDraw.Draw(picture).polygon(corners, fill=255)
    else:
        # The second point again, so that the first corner is a joint as well.
        ImageDraw.Draw(picture).line(
            [*corners, *corners[:2]],
            fill=255,
            width=round(_FINER * pose.thickness),
            joint="curve",
        )
    return np.asarray(picture.reduce(_FINER)) / 255
