"""A grid of small pictures whose rows have names."""


def save_grid(rows, pixel_range, path):
    """Write a grid of pictures as a PNG file.

    Args:
        rows: {name of a row: its pictures (N, H, W, C), grey or RGB}, with equally many
            pictures in each row.
        pixel_range: (lowest, highest) value of a pixel, shown as black and white.
        path: path of the file.

    Raises:
        ImportError: matplotlib is missing: `pip install keras-drmm[plots]`.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "Pictures need matplotlib: `pip install keras-drmm[plots]`."
        ) from error
    low, high = pixel_range
    columns = len(next(iter(rows.values())))
    figure = Figure(figsize=(1.1 * (columns + 1), 1.1 * len(rows)))
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for line, (name, pictures) in zip(axes, rows.items(), strict=True):
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8)
        for axis, picture in zip(line, pictures, strict=True):
            axis.imshow(picture.clip(low, high).squeeze(), "gray", vmin=low, vmax=high)
            axis.set_xticks([])
            axis.set_yticks([])
    figure.tight_layout(pad=0.3)
    figure.savefig(path, dpi=120)
