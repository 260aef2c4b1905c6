"""The cells of the paper's tables that the commands fill."""

from dataclasses import dataclass

SEMI_SUPERVISED = "semi-supervised"
PRETRAINING = "unsupervised-pretraining"
SUPERVISED = "supervised"
LABELED_ONLY = "labeled-only"
# Not in the paper: the class must not change with the pose of an image, nor when a part
# of the image is covered.
WITH_NUISANCES = "semi-supervised, nuisances"
# Not in the paper: learns the labels that a network of `semi-supervised` gives.
SECOND_NETWORK = "semi-supervised, second network"
# Not in the paper: images are moved, and those of CIFAR-10 mirrored, so that the class
# must not change with either.
SEMI_SUPERVISED_MOVED = "semi-supervised, shift"
SEMI_SUPERVISED_SHIFTED = "semi-supervised, shift and mirror"
SUPERVISED_SHIFTED = "supervised, shift and mirror"
FROM_FEW_LABELS = (
    SEMI_SUPERVISED,
    WITH_NUISANCES,
    SECOND_NETWORK,
    SEMI_SUPERVISED_MOVED,
    SEMI_SUPERVISED_SHIFTED,
)
SETTINGS = (
    *FROM_FEW_LABELS,
    PRETRAINING,
    SUPERVISED,
    SUPERVISED_SHIFTED,
    LABELED_ONLY,
)

FEW = (100, 600, 1000, 3000)
ALL, ALL_BUT_VALIDATION = 60_000, 55_000
# Of CIFAR-10.
FEW_COLOUR, ALL_COLOUR, ALL_COLOUR_BUT_VALIDATION = 4000, 50_000, 45_000
# Each has the 5 levels of `drmm_conv_small`.
BASELINES = (
    "convnet",
    "swwae",
    "ladder",
    "pseudo_label",
    "fixmatch",
    "mean_teacher",
)
# The stock convnets of fewer levels.
CONVNETS = ("convnet_1", "convnet_2", "convnet_9")
# The models whose learning Figure 2 compares, and their convnets: the paper has 1 and 2
# levels, we add 5.
FIGURE_2 = {
    "rfm": "convnet_1",
    "drfm_lenet": "convnet_2",
    "drmm_conv_small": "convnet",
}
# The models of 5 levels or more.
DEEP = ("drmm_conv_small", "drmm_conv_large", "convnet_9", *BASELINES)
# The paper's names of our models. The first of several is the nearest to ours: our
# models of 5 levels learn by nonnegativity and KL terms, too.
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
        model: name of a function of the zoo, or of a baseline.
        labels: number of labelled images.
        draw: seed of the choice of labelled images.
    """

    table: int
    setting: str
    model: str
    labels: int
    draw: int = 0

    @classmethod
    def of(cls, row):
        """Return the cell of a row, whose numbers may be strings."""
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
    def has_unlabelled_rows(self):
        """Whether some of the images that the run sees are without a label."""
        most = ALL_COLOUR if self.data == "cifar10" else ALL
        return self.learns_without_labels and self.labels < most

    @property
    def is_mirrored(self):
        """Whether images are mirrored, and moved."""
        return self.setting in (SEMI_SUPERVISED_SHIFTED, SUPERVISED_SHIFTED)

    @property
    def is_moved(self):
        """Whether images are moved."""
        return self.is_mirrored or self.setting == SEMI_SUPERVISED_MOVED

    @property
    def has_first_network(self):
        """Whether another network learns first and labels the images."""
        return self.setting == SECOND_NETWORK

    @property
    def is_pretrained(self):
        """Whether hard EM learns the templates first."""
        return self.setting == PRETRAINING

    def arguments(self):
        """Return the arguments of `python -m recipes.table` that run this cell."""
        names = ("table", "setting", "model", "labels", "draw")
        return [word for v in names for word in (f"--{v}", str(getattr(self, v)))]


def all_cells():
    """Return the cells of all tables, the headline's first.

    Those of 9 levels, which take hours on a CPU, are run one at a time.
    """
    cells = [
        Cell(1, SEMI_SUPERVISED, "drmm_conv_small", 100, draw) for draw in range(5)
    ]
    cells += [
        Cell(1, setting, "drmm_conv_small", 100, draw)
        for setting in (SEMI_SUPERVISED_MOVED, SECOND_NETWORK, WITH_NUISANCES)
        for draw in range(5)
    ]
    for draw in range(3):
        for labels in FEW:
            for model in ("drmm_conv_small", "drmm_lenet", "rfm"):
                cells.append(Cell(1, SEMI_SUPERVISED, model, labels, draw))
    for draw in range(3):
        for labels in (100, 1000):
            for baseline in BASELINES[1:]:
                cells.append(Cell(1, SEMI_SUPERVISED, baseline, labels, draw))
    for model in ("drmm_conv_small", "rfm"):
        cells.append(Cell(3, SEMI_SUPERVISED, model, ALL))
        cells.append(Cell(3, SUPERVISED, model, ALL))
        cells.append(Cell(3, PRETRAINING, model, ALL))
    for convnet in ("convnet", "convnet_1"):
        cells.append(Cell(3, SUPERVISED, convnet, ALL))
    # For Figure 2, which shows the validation error.
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
    cells += colour_cells("drmm_lenet", "convnet_2")
    return list(dict.fromkeys(cells))


def colour_cells(model, convnet):
    """Return the cells of Table 4 of a model and its convnet, first draw."""
    pairs = (SEMI_SUPERVISED, SUPERVISED), (SEMI_SUPERVISED_SHIFTED, SUPERVISED_SHIFTED)
    return [
        Cell(4, setting, name, labels)
        for labels in (FEW_COLOUR, ALL_COLOUR)
        for settings in pairs
        for setting, name in zip(settings, (model, convnet), strict=True)
    ]
