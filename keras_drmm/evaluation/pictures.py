"""Charts and small pictures as PNG inside a page."""

import base64
import io

import numpy as np

from keras_drmm.evaluation.confidence_interval import confidence_interval

# Colours of (text and axes, what is measured, what it is compared with).
LIGHT = ("#333333", "#1f6fb4", "#8a8a8a")
DARK = ("#dddddd", "#6fb3f2", "#9a9a9a")


def check_matplotlib():
    """Raise an ImportError that says what to install, if matplotlib is missing."""
    try:
        import matplotlib.figure
        import matplotlib.image  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "The report's pictures need matplotlib: `pip install keras-drmm[plots]`."
        ) from error


def encode_image(image):
    """Return an image as the address of a PNG.

    Args:
        image: (H, W, C) within [0, 1]. With 3 channels it is in colour, otherwise the
            mean of its channels is shown in grey.
    """
    from matplotlib import image as images

    if image.shape[-1] != 3:
        image = image.mean(axis=-1, keepdims=True).repeat(3, axis=-1)
    buffer = io.BytesIO()
    # Of floats, and of grey ones by a colour map, matplotlib rounds some down.
    images.imsave(buffer, np.rint(255 * image).astype("uint8"), format="png")
    return _address(buffer)


def draw_reliability(bins, colours):
    """Return a diagram of accuracy by confidence as the address of a PNG.

    Args:
        bins: `Bins`, with a count of 0 where there is no row.
        colours: `LIGHT` or `DARK`.
    """

    def draw(axes):
        _, measured, compared = colours
        axes.plot([0, 100], [0, 100], "--", color=compared)
        for count, confidence, accuracy in zip(*bins, strict=True):
            if count:
                right = round(accuracy * count)
                ends = confidence_interval(right, int(count))
                x = 100 * confidence
                axes.plot([x, x], [100 * v for v in ends], color=measured)
                axes.plot(x, 100 * accuracy, "o", color=measured)
        axes.set_xlabel("confidence (%)")
        axes.set_ylabel("classified right (%)")
        axes.set_ylim(0, 105)

    return _draw(draw, colours)


def draw_reject_curve(curve, colours):
    """Return the error by the share of answered rows as the address of a PNG.

    Args:
        curve: of `reject_curve`.
        colours: `LIGHT` or `DARK`.
    """

    def draw(axes):
        axes.plot(
            100 * curve["answered"],
            100 * curve["error"],
            ".-",
            color=colours[1],
        )
        axes.set_xlabel("answered (%)")
        axes.set_ylabel("error of these (%)")
        axes.set_xlim(0, 100)
        axes.set_ylim(bottom=0)

    return _draw(draw, colours)


def _draw(draw, colours):
    import matplotlib
    from matplotlib.figure import Figure

    parts = ("axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
    style: dict = dict.fromkeys(parts, colours[0])
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(4.5, 3), layout="constrained")
        draw(figure.add_subplot())
        buffer = io.BytesIO()
        # The page's own ground shows through.
        figure.savefig(buffer, format="png", dpi=120, transparent=True)
    return _address(buffer)


def _address(buffer):
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
