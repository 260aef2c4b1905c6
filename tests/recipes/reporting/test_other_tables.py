"""The tables of EM, trees, signed inference, the objective's terms and the presets."""

import json
import statistics

import pytest

from keras_drmm import zoo
from recipes.reporting import other_tables, records
from tests.recipes.reporting.rows import cells_of

pytestmark = pytest.mark.smoke


def test_the_benchmark_s_tables_take_medians_and_last_errors():
    rows = [
        {"measure": "sweep", "method": "EG", "seconds": seconds}
        for seconds in ("5.0", "1.0", "3.0")
    ]
    rows += [
        {"measure": "learn", "method": "EG", "seed": seed}
        | {"epoch": epoch, "seconds": "9.0", "error": error}
        for seed, epoch, error in (
            ("0", "1", "0.5"),
            ("0", "2", "0.1"),
            ("1", "1", "0.4"),
            ("1", "2", "0.3"),
        )
    ]
    sizes = {"images": "50", "channels": "8", "kernel_size": "3", "seconds": "0.25"}
    rows.append({"measure": "growth"} | sizes)
    assert cells_of(other_tables.seconds(rows)) == [["sweep: EG", "3", "3"]]
    assert cells_of(other_tables.growth(rows)) == [["50", "8", "3x3", "0.2500"]]
    spread = f"0.2000 ± {statistics.stdev([0.1, 0.3]):.4f}"
    assert cells_of(other_tables.learning(rows)) == [["EG", spread, "2", "9", "2"]]


def test_plain_fit_has_means_over_draws():
    names = "data", "labels", "epochs", "draw", "seed", "test_error"
    runs = [
        ("digits", "50", "30", "0", "0", "3.0"),
        ("mnist", "100", "5", "0", "0", "0.9"),
        ("digits", "50", "30", "1", "0", "5.0"),
    ]
    rows = [dict(zip(names, run, strict=True)) for run in runs]
    spread = f"4.00 ± {statistics.stdev([3, 5]):.2f}"
    assert cells_of(other_tables.plain_fit(rows)) == [
        ["digits", "50", "30", spread, "2"],
        ["mnist", "100", "5", "0.90", "1"],
    ]


def test_digits_have_a_column_for_each_method():
    names = "images", "model", "labels", "draw", "seed", "test_error"
    runs = [
        ("600", "drmm", "100", "0", "0", "3.0"),
        ("600", "svm", "100", "0", "0", "9.5"),
        ("600", "drmm", "100", "1", "0", "5.0"),
        ("1400", "drmm", "100", "0", "0", "2.0"),
    ]
    rows = [dict(zip(names, run, strict=True)) for run in runs]
    table = other_tables.digits(rows)
    assert "| images | labels | drmm | svm | draws |" in table
    spread = f"4.00 ± {statistics.stdev([3, 5]):.2f}"
    assert cells_of(table) == [
        ["600", "100", spread, "9.50 (1)", "2"],
        ["1400", "100", "2.00", "", "1"],
    ]


def test_calibration_has_a_line_for_each_way():
    names = "model", "images", "way", "draw", "seed", "temperature", "ece"
    names += "cross_entropy", "aurc", "test_error"
    runs = [
        ("a", "9", "none", "0", "0", "1.0", "0.0027", "0.0266", "0.0212", "0.69"),
        ("a", "9", "copies", "0", "0", "0.84", "0.0026", "0.0265", "0.0215", "0.69"),
        ("a", "9", "none", "1", "0", "1.0", "0.0037", "0.0268", "0.0214", "0.71"),
    ]
    rows = [dict(zip(names, run, strict=True)) for run in runs]
    (none, copies) = cells_of(other_tables.calibration(rows))
    error = f"0.70 ± {statistics.stdev([0.69, 0.71]):.2f}"
    assert none[:5] == ["`a`", "9", error, "none", "1.00 ± 0.00"]
    ece = f"0.0032 ± {statistics.stdev([0.0027, 0.0037]):.4f}"
    assert none[5:] == [ece, "0.0267 ± 0.0001", "0.021 ± 0.000", "2"]
    assert copies[3:] == ["copies", "0.84", "0.0026", "0.0265", "0.021", "1"]


def test_imbalance_has_the_least_frequent_first_and_means_over_draws():
    names = (
        *("frequent", "method", "draw", "seed"),
        *("error_frequent", "error_rare", "balanced_error"),
    )
    runs = [
        ("0.99", "zoo", "0", "0", "40", "0", "20"),
        ("0.9", "zoo", "0", "0", "20", "2", "11"),
        ("0.9", "zoo", "1", "0", "24", "4", "14"),
        # Repeated: this one counts.
        ("0.9", "zoo", "1", "0", "24", "6", "15"),
    ]
    rows = [dict(zip(names, run, strict=True)) for run in runs]
    deviation = statistics.stdev([20, 24])
    assert cells_of(other_tables.imbalance(rows)) == [
        [
            "90%",
            "zoo",
            *(f"{v} ± {deviation:.2f}" for v in ("22.00", "4.00", "13.00")),
            "2",
        ],
        ["99%", "zoo", "40.00", "0.00", "20.00", "1"],
    ]


def test_untuned_data_has_a_column_for_each_method():
    names = "data", "model", "labels", "draw", "seed", "test_error"
    runs = [
        ("letters", "drmm", "260", "0", "0", "3.0"),
        ("letters", "convnet", "260", "0", "0", "9.0"),
        ("letters", "drmm", "260", "1", "0", "5.0"),
        ("objects", "convnet", "120", "0", "0", "7.0"),
    ]
    rows = [dict(zip(names, run, strict=True)) for run in runs]
    table = other_tables.untuned(rows)
    assert table.splitlines()[0] == "| data | labels | drmm | convnet | draws |"
    spread = f"4.00 ± {statistics.stdev([3, 5]):.2f}"
    assert cells_of(table) == [
        ["letters", "260", spread, "9.00 (1)", "2"],
        ["objects", "120", "", "7.00", "1"],
    ]


def test_next_labels_has_means_over_draws():
    names = "data", "labels", "chosen", "draw", "seed", "test_error"
    runs = [
        ("letters", "200", "proposed", "0", "0", "3.0"),
        ("letters", "200", "random", "0", "0", "9.0"),
        ("letters", "200", "proposed", "1", "0", "5.0"),
    ]
    rows = [dict(zip(names, run, strict=True)) for run in runs]
    spread = f"4.00 ± {statistics.stdev([3, 5]):.2f}"
    assert cells_of(other_tables.next_labels(rows)) == [
        ["letters", "200", "proposed", spread, "2"],
        ["letters", "200", "random", "9.00", "1"],
    ]


def test_classification_has_a_line_for_each_run():
    names = "model", "setting", "labels", "test_error", "seconds"
    runs = [
        ("rfm", "semi-supervised", "100", "36.2", "108"),
        ("rfm", "b", "0", "7", "9"),
    ]
    rows = [dict(zip(names, run, strict=True)) for run in runs]
    assert cells_of(other_tables.classification(rows)) == [list(run) for run in runs]


def test_rmm_table_adds_up_rises():
    rows = [
        {"labels": "100", "draw": draw, "seed": "0", "test_error": error}
        | {"rises": "1", "seconds": seconds, "test_log_prob": "200.0"}
        for draw, error, seconds in (("0", "6.0", "30.0"), ("1", "7.0", "50.0"))
    ]
    spread = f"6.50 ± {statistics.stdev([6, 7]):.2f}"
    assert cells_of(other_tables.rmm(rows)) == [
        ["100", spread, "200.00 ± 0.00", "2", "40", "2"]
    ]


def test_evolutionary_table_has_means_over_seeds():
    rows = [
        {"model": "tree", "setting": setting, "labels": "9", "draw": "0", "seed": seed}
        | {"test_error": error, "leaves": leaves}
        | {"seconds": "2", "predict_seconds": "1"}
        for setting, seed, error, leaves in (
            # The tree of an older commit, which does not count.
            ("a", "1", "9.0", "90"),
            ("a", "0", "1.0", "10"),
            ("b", "0", "7.0", "30"),
            ("a", "1", "3.0", "20"),
        )
    ]
    spread = f"2.00 ± {statistics.stdev([1, 3]):.2f}"
    assert cells_of(other_tables.evolutionary(rows)) == [
        ["tree", "a", "9", spread, "15", "2", "1", "2"],
        ["tree", "b", "9", "7.00", "30", "2", "1", "1"],
    ]


def test_signed_table_has_a_column_for_each_number_of_alternations():
    rows = [
        {"architecture": "a", "models": "9", "seed": "0", "falls": "0"}
        | {"best_found_percent_0": "10.0", "best_found_percent_3": "90.0"}
    ]
    table = other_tables.signed(rows)
    assert table.splitlines()[0] == "| architecture | models | falls | 0 | 3 |"
    assert cells_of(table) == [["a", "9", "0", "10.0", "90.0"]]


def test_variants_are_ranked_within_equal_runs():
    rows = [
        {"variant": name, "epochs": epochs, "draw": draw, "seed": "0", "model": "m"}
        | {"labels": "100", "validation_images": images, "validation_error": error}
        | {"meaning": f"what {name} is"}
        for name, epochs, images, draw, error in (
            ("zoo, as it is", "3", "50", "0", "2.0"),
            ("baseline", "3", "50", "0", "0.5"),
            ("zoo, no noise", "3", "50", "0", "1.0"),
            ("zoo, no noise", "3", "50", "1", "2.0"),
            ("zoo, no noise", "3", "90", "1", "3.0"),
            ("zoo, as it is", "1", "50", "0", "5.0"),
        )
    ]
    spread = f"1.50 ± {statistics.stdev([1, 2]):.2f}"
    own, noise = (
        ("as it is", "what zoo, as it is is"),
        ("no noise", "what zoo, no noise is"),
    )
    assert cells_of(other_tables.zoo_variants(rows)) == [
        ["m", "100", "1", "50", "5.00", "1", *own],
        ["m", "100", "3", "50", spread, "2", *noise],
        ["m", "100", "3", "50", "2.00", "1", *own],
        ["m", "100", "3", "90", "3.00", "1", *noise],
    ]
    assert cells_of(other_tables.early_variants(rows)) == [
        ["m", "100", "3", "50", "0.50", "1", "baseline", "what baseline is"]
    ]


def test_ways_to_win_a_cell_stand_by_cell():
    rows = [
        {"way": way, "epochs": "4", "draw": draw, "seed": "0", "model": "m"}
        | {"labels": labels, "validation_images": "50", "validation_error": error}
        | {"meaning": f"what {way} is", "setting": setting}
        for way, setting, labels, draw, error in (
            ("a", "pre", "600", "0", "2.0"),
            ("a", "pre", "600", "1", "4.0"),
            ("b", "pre", "600", "0", "1.0"),
            ("a", "pre", "100", "0", "9.0"),
            ("a", "alone", "100", "0", "8.0"),
        )
    ]
    spread = f"3.00 ± {statistics.stdev([2, 4]):.2f}"
    assert cells_of(other_tables.lost_cells(rows)) == [
        ["m, alone", "100", "4", "50", "8.00", "1", "a", "what a is"],
        ["m, pre", "100", "4", "50", "9.00", "1", "a", "what a is"],
        ["m, pre", "600", "4", "50", "1.00", "1", "b", "what b is"],
        ["m, pre", "600", "4", "50", spread, "2", "a", "what a is"],
    ]


def test_presets_stand_with_the_runs_that_they_were_chosen_from():
    card = {"name": "a", "labels": 100, "setting": "b", "test_error": 0.691}
    card |= {"mean_test_error": 0.742, "std_test_error": 0.078, "draws": 5}
    card |= {"data": "c", "generation": {}}
    single = {k: v for k, v in card.items() if k != "generation"} | {"draws": 1}
    assert cells_of(other_tables.presets([card, single])) == [
        ["[`a`](#a)", "c", "100", "b", "0.69", "0.74 ± 0.08", "yes"],
        ["[`a`](#a)", "c", "100", "b", "0.69", "0.74", "no"],
    ]
    assert {card["name"] for card in records.cards()} == set(zoo.presets())


def test_remaining_errors_are_shares_of_the_last_row():
    row = {"preset": "a", "images": "200", "wrong": "5", "sure": "100"}
    row |= {"sure_and_wrong": "2", "confusions": "1 for 2: 3, 1"}
    rows = [row | {"wrong": "9"}, row, row | {"preset": "b", "sure": "0"}]
    assert cells_of(other_tables.remaining(rows)) == [
        ["`a`", "2.50", "50.0", "2.00", "1 for 2: 3, 1"],
        ["`b`", "2.50", "0.0", "-", "1 for 2: 3, 1"],
    ]


def test_generation_has_means_over_seeds_of_test_images():
    def row(seed, share, held_out="test", peer=""):
        measured = {
            **dict.fromkeys(("frechet", "frechet_real"), "0.5"),
            **dict.fromkeys(("trained_on", "trained_on_real", "cpu_seconds"), "7"),
            "share": share,
            **dict.fromkeys(("share_once", "bits"), "" if peer else "0.125"),
            "reconstructions": "" if peer else "1.5",
            "auroc": "" if peer else json.dumps({"bound": {"noise": float(share)}}),
        }
        for method in ("posterior", "transport", "shift"):
            for name in ("share", "slant", "ink", "x", "y"):
                measured[f"style_{method}_{name}"] = "" if peer else "0.25"
        names = {
            "preset": "p",
            "settings": '{"epochs": 5}',
            "held_out": held_out,
            "peer": peer,
        }
        return measured | names | {"seed": seed}

    rows = [
        row("0", "0.2"),
        row("1", "0.4"),
        row("0", "0.9", "validation"),
        row("0", "0.1", peer="cvae"),
    ]
    spread = f"0.30 ± {statistics.stdev([0.2, 0.4]):.2f}"
    found = cells_of(other_tables.generation(rows))
    once = f"{0.125:.2f} ± 0.00"
    assert [line[:5] for line in found] == [
        ["p", "switch prior, 5 epochs", spread, once, "0.500 ± 0.000"],
        ["p", "cvae", "0.10", "", "0.500"],
    ]
    assert [line[-2:] for line in found] == [["7", "2"], ["7", "1"]]
    found = cells_of(other_tables.styles(rows))
    assert [line[2] for line in found] == ["posterior", "transport", "shift"]
    assert found[0][3] == "0.25 ± 0.00"
    assert cells_of(other_tables.foreign(rows)) == [["p", "bound", "0.300", "2"]]


def test_explanations_have_the_last_row_of_each_method():
    names = (
        *("preset", "measure", "method", "seconds", "deletion", "insertion"),
        *("other_answer", "random_levels", "score"),
    )
    runs = [
        ("a", "evidence", "render", "1", ".2", ".9", ".8", ".7", ""),
        ("a", "evidence", "render", "1", ".3", ".8", ".5", ".25", ""),
        ("a", "activity", "sum", "2.5", "", "", "", "", "15"),
        ("a", "activity", "gradient ascent", "50", "", "", "", "", "20"),
        ("b", "activity", "sum", "2", "", "", "", "", "7"),
    ]
    rows = [dict(zip(names, run, strict=True)) for run in runs]
    assert cells_of(other_tables.explanations(rows)) == [
        ["a", "render", "0.300", "0.800", "0.500", "0.250"]
    ]
    assert cells_of(other_tables.activity(rows)) == [
        ["a", "sum", "15.00", "2.50", "0.750", "0.050"],
        ["a", "gradient ascent", "20.00", "50.00", "1.000", "1.000"],
        ["b", "sum", "7.00", "2.00", "", ""],
    ]


def test_foreign_images_have_means_over_seeds():
    names = (
        *("images", "labels", "draw", "seed", "auroc"),
        *("error_without", "error_with", "error_weighed"),
    )
    runs = [
        ("5000", "100", "0", "0", '{"foreign_images": {"all": 0.9}}', "4", "6", "5"),
        ("5000", "100", "1", "1", '{"foreign_images": {"all": 0.8}}', "5", "7", "6"),
    ]
    rows = [dict(zip(names, run, strict=True)) for run in runs]
    deviation = f"{statistics.stdev([4, 5]):.2f}"
    errors = [f"{v} ± {deviation}" for v in ("4.50", "6.50", "5.50")]
    assert cells_of(other_tables.foreign_among_unlabelled(rows)) == [
        ["5000", "100", *errors, "0.850", "2"]
    ]
