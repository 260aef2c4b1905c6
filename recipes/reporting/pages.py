"""The pages of the site that are made from the rows.

Their text is in `results.md`, `results_log.md` and `zoo.md` beside this module, with
the names of the tables in braces.
"""

from pathlib import Path

from recipes.common.results import PROJECT, read_rows
from recipes.reporting import cell_tables, other_tables, probe_tables, scaling
from recipes.reporting.records import cards


def results():
    """Return the page of results by question, with the last settings of each cell."""
    found = read_rows("tables"), read_rows("paper")
    epochs, em = read_rows("epochs"), read_rows("benchmark_em")
    return _text("results.md").format(
        few_labels=cell_tables.few_labels(*found),
        plain_fit=other_tables.plain_fit(read_rows("plain_fit")),
        imbalance=other_tables.imbalance(read_rows("imbalance")),
        untuned=other_tables.untuned(read_rows("few_labels")),
        digits=other_tables.digits(read_rows("digits")),
        calibration=other_tables.calibration(read_rows("calibration")),
        next_labels=other_tables.next_labels(read_rows("next_labels")),
        foreign_among_unlabelled=other_tables.foreign_among_unlabelled(
            read_rows("foreign")
        ),
        explanations=other_tables.explanations(read_rows("explanations")),
        activity=other_tables.activity(read_rows("explanations")),
        probes=probe_tables.probes(read_rows("nuisance_probe")),
        probe_claims=probe_tables.claims(read_rows("nuisance_probe")),
        generation=other_tables.generation(read_rows("generation")),
        styles=other_tables.styles(read_rows("generation")),
        foreign=other_tables.foreign(read_rows("generation")),
        labelled_images_alone=cell_tables.labelled_images_alone(*found),
        all_labels=cell_tables.all_labels(*found),
        colour=cell_tables.colour(*found),
        pretraining=cell_tables.pretraining(*found),
        lost_cells=other_tables.lost_cells(read_rows("lost_cells")),
        baselines=cell_tables.baselines(*found),
        first_below=cell_tables.first_below(epochs),
        threshold=f"{min(cell_tables.THRESHOLDS):g}",
        shortest=cell_tables.shortest(epochs),
        steps=cell_tables.steps(read_rows("benchmark_steps")),
        memory=scaling.memory(read_rows("peak_memory")),
        engines=scaling.engines(read_rows("distributed")),
        efficiency=scaling.measured(read_rows("scaling")),
        more_devices=scaling.more_devices(read_rows("scaling")),
        zoo_variants=other_tables.zoo_variants(read_rows("ablation")),
        rmm=other_tables.rmm(read_rows("rmm_mnist")),
        classification=other_tables.classification(read_rows("em_mnist")),
        seconds=other_tables.seconds(em),
        growth=other_tables.growth(em),
        learning=other_tables.learning(em),
        evolutionary=other_tables.evolutionary(read_rows("evolutionary_mnist")),
        signed=other_tables.signed(read_rows("signed_inference")),
        remaining=other_tables.remaining(read_rows("remaining_errors")),
    )


def zoo():
    """Return the page of presets: a table, and the card of each."""
    return _text("zoo.md").format(
        presets=other_tables.presets(cards()), cards="\n".join(map(_card, cards()))
    )


def log():
    """Return the page with the log of every run, retired settings included."""
    runs = read_rows("tables")
    return _text("results_log.md").format(
        settings_table=cell_tables.settings_table(runs),
        cells_table=cell_tables.cells_table(runs),
        all_first_below=cell_tables.all_first_below(read_rows("epochs")),
        early_variants=other_tables.early_variants(read_rows("ablation")),
    )


def _card(card):
    """Return a preset's model card, down to what is the same for all of them."""
    text = (PROJECT / "zoo" / card["name"] / "README.md").read_text("utf-8")
    return f"#{text.partition('## Load')[0].rstrip()}\n"


def _text(name):
    return (Path(__file__).parent / name).read_text("utf-8")
