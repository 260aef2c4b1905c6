"""The cells of the paper's tables that the recipes fill."""

from dataclasses import dataclass

SEMI_SUPERVISED = "semi-supervised"
PRETRAINING = "unsupervised-pretraining"
SUPERVISED = "supervised"
LABELED_ONLY = "labeled-only"
# Not the paper's: the class must not change with the pose of an image and when a part
# of it is covered.
WITH_NUISANCES = "semi-supervised, nuisances"
# Not the paper's: learns what a network of `semi-supervised` would label the images.
SECOND_NETWORK = "semi-supervised, second network"
FROM_FEW_LABELS = (SEMI_SUPERVISED, WITH_NUISANCES, SECOND_NETWORK)
SETTINGS = (*FROM_FEW_LABELS, PRETRAINING, SUPERVISED, LABELED_ONLY)

FEW = (100, 600, 1000, 3000)
ALL, ALL_BUT_VALIDATION = 60_000, 55_000
PEERS = ("convnet", "swwae", "ladder", "pseudo_label")
# The stock convnets of fewer levels than that of the peers.
CONVNETS = ("convnet_1", "convnet_2")
# Whose learning Figure 2 compares: the paper's of 1 and 2 levels, and ours of 5.
FIGURE_2 = {
    "rfm": "convnet_1",
    "drfm_lenet": "convnet_2",
    "drmm_conv_small": "convnet",
}
# Of 5 levels and more.
DEEP = ("drmm_conv_small", "drmm_conv_large", *PEERS)
# The paper's names of the zoo's models and of the peers; of several the first is
# nearest to ours: those of 5 levels learn by nonnegativity and KL terms.
PAPER_NAMES = {
    "rfm": ("RFM", "RFM (1 layer)"),
    "drmm_lenet": ("DRMM 2-layer",),
    "drmm_conv_small": ("DRMM 5-layer NN+KL", "DRMM 5-layer"),
    "drmm_conv_large": ("DRMM 9-layer",),
    "convnet_1": ("Convnet 1-layer", "Convnet (1 layer)"),
    "convnet": ("Convnet 5-layer",),
    "swwae": ("SWWAE dropout",),
    "ladder": ("LadderNetwork",),
}


@dataclass(frozen=True)
class Cell:
    """One run of a cell of a table.

    Attributes:
        table: its number in the paper.
        setting: as the paper names it.
        model: a function of the zoo, or a peer of the configuration of 5 levels.
        labels: how many images are labelled.
        draw: which, of those with equally many.
    """

    table: int
    setting: str
    model: str
    labels: int
    draw: int = 0

    @classmethod
    def of(cls, row):
        """Return the cell of a row of results, whose numbers may be texts."""
        table, labels, draw = (int(row[v]) for v in ("table", "labels", "draw"))
        return cls(table, row["setting"], row["model"], labels, draw)

    @property
    def data(self):
        """Name of the data set."""
        return "cifar10" if self.table == 4 else "mnist"

    @property
    def learns_without_labels(self):
        """Whether the run, or its first network, sees unlabelled images."""
        return self.setting in FROM_FEW_LABELS

    @property
    def has_first_network(self):
        """Whether a network learns first and labels the images for the cell's."""
        return self.setting == SECOND_NETWORK

    @property
    def is_pretrained(self):
        """Whether templates are learned by hard EM first."""
        return self.setting == PRETRAINING

    def arguments(self):
        """Return the arguments of `table.py` that run this cell."""
        names = ("table", "setting", "model", "labels", "draw")
        return [word for v in names for word in (f"--{v}", str(getattr(self, v)))]


def all_cells():
    """Return the cells of all tables that fit a CPU, those of the headline first.

    Table 4 wants a GPU, and is run a cell at a time.
    """
    cells = [
        Cell(1, SEMI_SUPERVISED, "drmm_conv_small", 100, draw) for draw in range(5)
    ]
    cells += [
        Cell(1, setting, "drmm_conv_small", 100, draw)
        for setting in (SECOND_NETWORK, WITH_NUISANCES)
        for draw in range(5)
    ]
    for draw in range(3):
        for labels in FEW:
            for model in ("drmm_conv_small", "drmm_lenet", "rfm"):
                cells.append(Cell(1, SEMI_SUPERVISED, model, labels, draw))
    for draw in range(3):
        for labels in (100, 1000):
            for peer in PEERS[1:]:
                cells.append(Cell(1, SEMI_SUPERVISED, peer, labels, draw))
    for model in ("drmm_conv_small", "rfm"):
        cells.append(Cell(3, SEMI_SUPERVISED, model, ALL))
        cells.append(Cell(3, SUPERVISED, model, ALL))
        cells.append(Cell(3, PRETRAINING, model, ALL))
    for convnet in ("convnet", "convnet_1"):
        cells.append(Cell(3, SUPERVISED, convnet, ALL))
    # Of Figure 2, which follows the validation error.
    for pair in FIGURE_2.items():
        for model in pair:
            cells.append(Cell(3, SUPERVISED, model, ALL_BUT_VALIDATION))
    for labels in FEW:
        for model in ("drmm_conv_small", "drmm_lenet", "rfm"):
            cells.append(Cell(5, LABELED_ONLY, model, labels))
        for draw in range(3):
            for convnet in ("convnet", "convnet_2", "convnet_1"):
                cells.append(Cell(5, LABELED_ONLY, convnet, labels, draw))
        for model in ("drmm_conv_small", "rfm"):
            cells.append(Cell(1, PRETRAINING, model, labels))
    return list(dict.fromkeys(cells))
