"""Images that are not what a model was trained on."""

from pathlib import Path

import numpy as np

# Of matplotlib.
FONTS = ("Sans", "Sans-Bold", "Sans-Oblique", "Serif", "Serif-Bold", "SansMono")


def foreign_images(x, seed=0):
    """Return {kind: images (N, H, W, 1)}, made of images or drawn.

    Args:
        x: images (N, H, W, 1) from 0 to 1, of height and width that 4 divides.
        seed: of all that is drawn.
    """
    random = np.random.default_rng(seed)
    return {
        "noise": random.random(x.shape).astype("float32"),
        "shifted": shift(x, 6),
        "turned": np.ascontiguousarray(np.rot90(x, axes=(1, 2))),
        "patches of a quarter": shuffle_patches(x, x.shape[1] // 4, random),
        "patches of a half": shuffle_patches(x, x.shape[1] // 2, random),
        "shapes": draw_shapes(len(x), x.shape[1], random),
    }


def shift(x, by):
    """Return images moved down and right, what leaves them cut off."""
    moved = np.zeros_like(x)
    moved[:, by:, by:] = x[:, :-by, :-by]
    return moved


def shuffle_patches(x, size, random):
    """Return images whose square patches changed places, others in each image."""
    rows, height, width, _ = x.shape
    down, right = height // size, width // size
    # (N, down, size, right, size) -> (N, down * right, size, size)
    patches = x.reshape(rows, down, size, right, size).swapaxes(2, 3)
    patches = patches.reshape(rows, down * right, size, size)
    order = np.argsort(random.random((rows, down * right)), axis=1)
    patches = np.take_along_axis(patches, order[:, :, None, None], axis=1)
    patches = patches.reshape(rows, down, right, size, size).swapaxes(2, 3)
    return patches.reshape(x.shape)


def draw_shapes(count, size, random):
    """Return outlines of polygons of 3 to 6 corners, as thick as strokes, (N, s, s, 1).

    A pixel is the brighter the nearer it is to one of the edges.
    """
    grid = np.stack(np.meshgrid(np.arange(size), np.arange(size)), axis=-1)
    images = np.empty((count, size, size, 1), "float32")
    for image in images:
        corners = random.integers(3, 7)
        turn = random.random() * 2 * np.pi
        angles = turn + 2 * np.pi * np.arange(corners) / corners
        radius = size * random.uniform(0.25, 0.36)
        middle = size / 2 + random.uniform(-2, 2, size=2)
        points = middle + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        distances = [
            _distance(grid, start, end)
            for start, end in zip(points, np.roll(points, 1, axis=0), strict=True)
        ]
        image[..., 0] = np.clip(2 - np.min(distances, axis=0), 0, 1)
    return images


def draw_letters(count, size, random):
    """Return capital letters of several fonts, turned and moved a little, (N, s, s, 1).

    I, O, S and Z are left out, which look like digits.
    """
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    # Four pixels across become one.
    large = 4 * size
    images = np.empty((count, size, size, 1), "float32")
    for image in images:
        font = ImageFont.truetype(
            str(folder / f"DejaVu{random.choice(FONTS)}.ttf"),
            round(large * random.uniform(0.64, 0.82)),
        )
        page = Image.new("L", (large, large))
        letter = random.choice(list("ABCDEFGHJKLMNPQRTUVWXY"))
        middle = large / 2, large / 2
        ImageDraw.Draw(page).text(middle, letter, fill=255, font=font, anchor="mm")
        page = page.rotate(
            random.uniform(-15, 15),
            resample=Image.Resampling.BILINEAR,
            translate=tuple(random.uniform(-6, 6, 2)),
        )
        page = page.resize((size, size), Image.Resampling.BOX)
        image[..., 0] = np.asarray(page) / 255
    return images


def _distance(grid, start, end):
    """Return the distance of each point of a grid from a line segment."""
    along = end - start
    share = np.clip((grid - start) @ along / (along @ along), 0, 1)
    return np.linalg.norm(grid - start - share[..., None] * along, axis=-1)
