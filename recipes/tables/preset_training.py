"""What a preset learned from."""

from recipes.common import presets
from recipes.tables import training
from recipes.tables.cells import SEMI_SUPERVISED, Cell


def load_training(metadata, model, data_dir):
    """Return the images that a preset learned from, and the labels it was shown.

    Args:
        metadata: the preset's, with `labels` and `draw`.
        model: the preset's.
        data_dir: folder of data sets, or None.

    Returns:
        (images (n, ...), labels (n,), the `SemiSupervisedDataset` it learned from).

    Raises:
        SystemExit: the data set is missing, or all its labels were shown.
    """
    (x, y), _ = presets.load_data(metadata, data_dir)
    if metadata["labels"] >= len(x):
        raise SystemExit(
            f"{metadata['name']} learned {metadata['labels']} labels of {len(x)} "
            "images: none was hidden from it. Choose a preset of fewer labels."
        )
    # Every setting shows the same labels for the same draw.
    cell = Cell(1, SEMI_SUPERVISED, model.name, metadata["labels"], metadata["draw"])
    return x, y.reshape(-1), training.make_dataset(cell, x, y)
