"""The page shows the numbers that are computed elsewhere, and needs nothing else."""

import csv
import re
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from scipy.stats import binom
from sklearn import metrics
from sklearn.model_selection import KFold

from keras_drmm import DRMM, Level
from keras_drmm.data import SemiSupervisedDataset
from keras_drmm.evaluation import (
    class_shares,
    confidence_interval,
    images_to_label,
    pictures,
    pseudo_label_quality,
    reject_curve,
    report,
    suspicious_labels,
)
from keras_drmm.evaluation.calibration_error import bin_by_confidence
from keras_drmm.evaluation.report import _calibration_error_by_chance
from tests.evaluation.page import Page, decode, percent, tiles
from tests.evaluation.planted import LOGITS, NAMES, RNG, Planted, X, Y, make_dataset
from tests.evaluation.test_measures import ece_by_hand


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    pytest.importorskip("matplotlib")
    path = tmp_path_factory.mktemp("page") / "trust & <b>.html"
    # Some validation images are learned from without labels, too.
    dataset = make_dataset(validation_images_unlabelled=True)
    numbers = report(Planted(), dataset, path, class_names=NAMES, count=20)
    rows = dataset.validation_indices
    return SimpleNamespace(
        path=path,
        page=Page(path),
        numbers=numbers,
        dataset=dataset,
        rows=rows,
        labels=Y[rows],
        logits=LOGITS[rows],
        p=softmax(LOGITS[rows], axis=1),
    )


def test_errors_are_those_of_scikit_learn(written):
    predicted, numbers, page = written.p.argmax(axis=1), written.numbers, written.page
    error = 1 - metrics.accuracy_score(written.labels, predicted)
    assert numbers.error == pytest.approx(error)
    assert numbers.errors == round(80 * error) > 10
    balanced = metrics.balanced_accuracy_score(written.labels, predicted)
    assert numbers.balanced_accuracy == pytest.approx(balanced)
    # Wilson's interval: its ends are where the error is z deviations away.
    for end, name in zip(numbers.error_interval, ("low", "high"), strict=True):
        deviation = np.sqrt(end * (1 - end) / 80)
        assert abs(end - error) / deviation == pytest.approx(1.959964, rel=1e-4)
        assert page.texts[f"error-{name}"] == percent(end)
    assert numbers.error_interval[0] < error < numbers.error_interval[1]
    assert page.texts["rows"] == "80"
    assert page.texts["errors"] == str(numbers.errors)
    assert page.texts["error"] == percent(error)
    assert page.texts["balanced-accuracy"] == percent(balanced)


def test_confusions_are_those_of_scikit_learn(written):
    expected = metrics.confusion_matrix(written.labels, written.p.argmax(axis=1))
    np.testing.assert_array_equal(written.numbers.confusion, expected)
    head, *lines = written.page.tables["confusion"]
    assert head == ["", *NAMES]
    assert [line[0] for line in lines] == NAMES
    shown = [[int(v or 0) for v in line[1:]] for line in lines]
    np.testing.assert_array_equal(shown, expected)
    # The colour: right or wrong, and how large a share of the row.
    cells = [v for v in written.page.all("td") if "class" in v]
    places = [(i, j) for i in range(3) for j in range(3) if expected[i, j]]
    for cell, (i, j) in zip(cells, places, strict=True):
        assert cell["class"] == ("right" if i == j else "wrong")
        share = float(cell["style"].removeprefix("--share: "))
        expected_share = expected[i, j] / sum(expected[i])
        assert share == pytest.approx(0.1 + 0.5 * expected_share, abs=0.006)


def test_classes_are_those_of_scikit_learn(written):
    predicted = written.p.argmax(axis=1)
    precision, recall, _, support = metrics.precision_recall_fscore_support(
        written.labels, predicted
    )
    np.testing.assert_allclose(written.numbers.recall, recall)
    np.testing.assert_allclose(written.numbers.precision, precision)
    lines = written.page.tables["classes"][1:]
    for k, (name, images, found, interval, taken) in enumerate(lines):
        assert (name, images) == (NAMES[k], str(support[k]))
        assert (found, taken) == (percent(recall[k]), percent(precision[k]))
        low, high = written.numbers.recall_interval[k]
        assert low < recall[k] < high
        assert interval == f"{100 * low:.0f} to {100 * high:.0f} %"


def test_calibration_before_and_after_scaling(written):
    expected = ece_by_hand(written.p, written.labels)
    scaled, temperatures = np.empty_like(written.p), []
    for fitted, measured in KFold(2, shuffle=True, random_state=0).split(written.p):
        z, y = written.logits[fitted], written.labels[fitted]
        found = minimize_scalar(
            lambda t, z=z, y=y: -log_softmax(z / t, axis=1)[np.arange(40), y].sum(),
            bracket=(1, 2),
        )
        temperatures.append(found.x)
        scaled[measured] = softmax(written.logits[measured] / found.x, axis=1)
    after = ece_by_hand(scaled, written.labels)
    numbers, page = written.numbers, written.page
    assert numbers.calibration_error == pytest.approx(expected, rel=1e-9)
    assert numbers.calibration_error_scaled == pytest.approx(after, abs=1e-4)
    assert numbers.fold_temperatures == pytest.approx(temperatures, rel=1e-4)
    assert after < expected
    assert page.texts["ece"] == percent(expected)
    assert page.texts["ece-scaled"] == percent(after)
    assert page.texts["ece-chance"] == percent(numbers.calibration_error_by_chance)
    assert "T is {:.3g} and {:.3g}.".format(*temperatures) in page.text


def test_calibration_error_by_chance_is_its_expectation():
    """Of 100 rows with a confidence of 0.8: the mean deviation of a binomial share."""
    rows = np.tile([0.2, 0.8], (100, 1))
    k = np.arange(101)
    expected = (binom.pmf(k, 100, 0.8) * abs(k / 100 - 0.8)).sum()
    assert _calibration_error_by_chance(rows) == pytest.approx(expected, rel=0.1)


def test_pseudo_labels_and_rejection(written):
    rest = np.setdiff1d(
        np.arange(200), [*written.rows, *written.dataset.labelled_indices]
    )
    every = np.concatenate([written.rows, rest])
    known = np.concatenate([written.labels, np.full(len(rest), -1)])
    expected = pseudo_label_quality(softmax(LOGITS[every], axis=1), known)
    for name, values in written.numbers.pseudo_labels.items():
        np.testing.assert_allclose(values, expected[name])
    lines = written.page.tables["pseudo-labels"][1:]
    for k, line in enumerate(lines):
        threshold, share, count, accuracy = (v[k] for v in expected.values())
        assert line == [
            percent(threshold),
            percent(share),
            str(count),
            percent(accuracy),
        ]
    curve = reject_curve(written.p, written.labels)
    for name, values in written.numbers.reject.items():
        np.testing.assert_allclose(values, curve[name])
    # 40 of 80 rows, of distinct confidences.
    order = np.argsort(-written.p.max(axis=1))[:40]
    wrong = (written.p[order].argmax(axis=1) != written.labels[order]).mean()
    sentence = (
        f"If the surest 50.0 % of the images are answered (confidence from "
        f"{percent(written.p[order].max(axis=1).min())} on), the error of these is "
        f"{percent(wrong)}; of all images it is {percent(written.numbers.error)}."
    )
    assert sentence in written.page.text


def test_pictures_are_of_the_rows_they_name(written):
    lists = ("mistakes", "foreign", "suspicious", "to-label")
    pictures = [v for name in lists for v in tiles(written.page, name)]
    assert len(pictures) == 4 * 20
    for row, _, picture in pictures:
        np.testing.assert_allclose(picture[..., 0], X[row] / 255, atol=1e-6)


def test_most_confident_errors_come_first(written):
    wrong = written.p.argmax(axis=1) != written.labels
    order = sorted(np.flatnonzero(wrong), key=lambda i: -written.p[i].max())[:20]
    found = tiles(written.page, "mistakes")
    assert [row for row, _, _ in found] == written.rows[order].tolist()
    first = order[0]
    label, taken = written.labels[first], written.p[first].argmax()
    sure = percent(written.p[first].max())
    words = f"labelled {NAMES[label]}, taken for {NAMES[taken]} at {sure}"
    assert found[0][1] == words
    assert words in written.page.text


def test_suspicious_labels_are_shown_ones(written):
    rows = written.dataset.labelled_indices
    p = softmax(LOGITS[rows], axis=1)
    expected = suspicious_labels(p, Y[rows], 20)
    found = tiles(written.page, "suspicious")
    assert [row for row, _, _ in found] == rows[expected["row"]].tolist()
    np.testing.assert_array_equal(
        written.numbers.suspicious["row"], rows[expected["row"]]
    )
    flagged = int(expected["flagged"].sum())
    assert 0 < flagged < 20
    assert written.page.texts["flagged"] == str(flagged)
    for k, (_, words, _) in enumerate(found):
        label, other = (NAMES[expected[v][k]] for v in ("label", "suggested"))
        own = percent(expected["probability"][k])
        end = " – flagged" if expected["flagged"][k] else ""
        assert words == f"labelled {label} ({own}), perhaps {other}{end}"


def test_images_to_label_are_in_the_table_beside_the_page(written):
    taken = [*written.rows, *written.dataset.labelled_indices]
    rest = np.setdiff1d(np.arange(200), taken)
    p = softmax(LOGITS[rest], axis=1)
    chosen = images_to_label(p, X[rest], 20)
    found = tiles(written.page, "to-label")
    assert [row for row, _, _ in found] == rest[chosen].tolist()
    assert written.numbers.to_label.tolist() == rest[chosen].tolist()
    table = written.path.parent / "trust & <b>_to_label.csv"
    assert written.numbers.annotation_csv == table
    assert sorted(written.path.parent.iterdir()) == sorted([table, written.path])
    assert table.name in written.page.text
    with table.open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    for line, i, (_, words, _) in zip(lines, chosen, found, strict=True):
        best = NAMES[p[i].argmax()]
        assert (line["file"], line["label"]) == (str(rest[i]), "")
        assert (line["suggested"], line["confidence"]) == (best, f"{p[i].max():.4f}")
        assert words == f"{best} at {percent(p[i].max())}?"


def test_files_are_named(tmp_path):
    """On the page and in the table, where `files` has their names."""
    pytest.importorskip("matplotlib")
    dataset, files = make_dataset(), [f"<{row}>.png" for row in range(200)]
    path = tmp_path / "named.html"
    numbers = report(Planted(), dataset, path, count=5, files=files)
    page = Page(path)
    with numbers.annotation_csv.open(newline="", encoding="utf-8") as file:
        listed = [line["file"] for line in csv.DictReader(file)]
    assert listed == [f"<{row}>.png" for row in numbers.to_label]
    shown = [v["alt"].split(": ")[0] for v in page.all("img")]
    for row in (*numbers.to_label, *numbers.suspicious["row"]):
        assert f"Image <{row}>.png" in shown
        assert f"<{row}>.png" in page.text
    with pytest.raises(
        ValueError, match="`files` must have a name for each of the 200"
    ):
        report(Planted(), dataset, path, files=files[:-1])


def test_labels_that_were_not_learned(tmp_path):
    """The page does not say that the model learned what it is measured on."""
    pytest.importorskip("matplotlib")
    known = np.arange(80)
    dataset = SemiSupervisedDataset(
        X,
        Y.astype("int32"),
        labelled_indices=known,
        unlabelled_indices=np.arange(80, 200),
        validation_indices=known,
        num_classes=3,
        batch_size=100,
        labelled_per_batch=None,
        seed=0,
    )
    numbers = report(Planted(), dataset, tmp_path / "new.html")
    assert numbers.rows == 80
    assert set(numbers.suspicious["row"]) <= set(known)
    page = Page(tmp_path / "new.html").text
    assert "The model learned" not in page
    # No row is taken for a copy of itself.
    assert len(numbers.shared["row"]) == 0
    assert "among the training images" not in page
    # Nor of which shares the labels were that it learned.
    assert numbers.shares is None
    p = softmax(LOGITS[80:], axis=1)
    counts = [50, 20, 30]
    told = report(Planted(), dataset, tmp_path / "told.html", learned_counts=counts)
    np.testing.assert_array_equal(
        told.shares["shares"], class_shares(p, counts)["shares"]
    )
    report(Planted(), make_dataset(), tmp_path / "learned.html")
    assert "The model learned" in Page(tmp_path / "learned.html").text


def test_a_model_of_another_range_of_pixels_is_told_of(tmp_path):
    pytest.importorskip("matplotlib")

    class Bytes(Planted):
        name, pixel_range = "bytes", (0.0, 255.0)

    with pytest.warns(UserWarning, match=r"`bytes` takes pixels in \[0.0, 255.0\]"):
        report(Bytes(), make_dataset(), tmp_path / "bytes.html")


def test_copies_in_training_are_warned_of(tmp_path):
    pytest.importorskip("matplotlib")
    dataset = make_dataset()
    rows = dataset.validation_indices
    # Two that differ by the first pixel, which says the row.
    dataset.x = X.copy()
    one, other = rows[3], dataset.unlabelled_indices[5]
    dataset.x[other] = dataset.x[one]
    numbers = report(Planted(), dataset, tmp_path / "shared.html")
    assert numbers.shared["row"].tolist() == [one]
    assert numbers.shared["other"].tolist() == [other]
    assert numbers.shared["exact"].all()
    assert "1 of these images are among the training" in (
        Page(tmp_path / "shared.html").text
    )


def test_the_page_needs_nothing_else(written):
    page = written.page
    images = page.all("img")
    assert len(images) == 4 * 20 + 2
    for image in images:
        assert image["src"].startswith("data:image/png;base64,")
        assert len(image["alt"]) > 10
    # The charts have a picture for a dark ground, which differs.
    sources = page.all("source")
    assert len(sources) == 2
    charts = [v for v in images if not v["alt"].startswith("Image ")]
    for source, chart in zip(sources, charts, strict=True):
        assert source["media"] == "(prefers-color-scheme: dark)"
        light, dark = decode(chart["src"]), decode(source["srcset"])
        assert light.shape == dark.shape
        # The ground is clear; the darkest drawn pixel is not that of the other.
        assert light[0, 0, 3] == dark[0, 0, 3] == 0
        darkest = [v[..., :3][v[..., 3] == 1].min() for v in (light, dark)]
        assert darkest[0] < 0.25
        assert darkest[1] > 0.25
    html = written.path.read_text(encoding="utf-8")
    assert not re.search(r"https?:|url\(|@import|//", re.sub(r'"data:[^"]*"', "", html))
    assert not {"script", "link", "iframe"} & {tag for tag, _ in page.tags}
    policy, viewport = (
        next(v["content"] for v in page.all("meta") if name in v.values())
        for name in ("Content-Security-Policy", "viewport")
    )
    assert "default-src 'none'" in policy
    assert "width=device-width" in viewport
    assert "@media (prefers-color-scheme: dark)" in html
    for chart in ("Reliability diagram", "Error against the share"):
        assert sum(chart in image["alt"] for image in charts) == 1


@pytest.fixture
def axes(monkeypatch):
    """What a chart draws on."""
    figure = pytest.importorskip("matplotlib.figure")
    found = figure.Figure().add_subplot()
    monkeypatch.setattr(pictures, "_draw", lambda draw, colours: draw(found))
    return found


def test_reliability_diagram_has_a_point_and_an_interval_a_bin(written, axes):
    bins = bin_by_confidence(written.p, written.labels, 10)
    pictures.draw_reliability(bins, pictures.LIGHT)
    diagonal, *marks = [line.get_xydata() for line in axes.get_lines()]
    np.testing.assert_array_equal(diagonal, [[0, 0], [100, 100]])
    filled = [k for k in range(10) if bins.counts[k]]
    assert 1 < len(filled) < 10
    for k, bar, point in zip(filled, marks[::2], marks[1::2], strict=True):
        sure = written.p.max(axis=1)
        rows = (sure > k / 10) & (sure <= (k + 1) / 10)
        right = (written.p.argmax(axis=1) == written.labels)[rows]
        ends = confidence_interval(int(right.sum()), len(right))
        x = 100 * sure[rows].mean()
        np.testing.assert_allclose(point, [[x, 100 * right.mean()]])
        np.testing.assert_allclose(bar, [[x, 100 * v] for v in ends])
    assert axes.get_xlabel() == "confidence (%)"
    assert axes.get_ylabel() == "classified right (%)"
    assert axes.get_ylim() == (0, 105)


def test_reject_curve_is_drawn_in_percent(written, axes):
    pictures.draw_reject_curve(written.numbers.reject, pictures.LIGHT)
    (line,) = axes.get_lines()
    curve = [written.numbers.reject[name] for name in ("answered", "error")]
    np.testing.assert_allclose(line.get_xydata(), 100 * np.transpose(curve))
    assert axes.get_xlabel() == "answered (%)"
    assert axes.get_ylabel() == "error of these (%)"
    assert axes.get_xlim() == (0, 100)
    assert axes.get_ylim()[0] == 0


def test_names_are_escaped(written):
    html = written.path.read_text(encoding="utf-8")
    assert Planted.name not in html
    assert Planted.name in written.page.text
    assert "<b>cat" not in html
    assert "dog & " not in html


def test_few_rows_are_warned_of(written, tmp_path):
    assert "These are few images." in written.page.text
    assert "that was given" not in written.page.text
    report(Planted(), make_dataset(validation=100), tmp_path / "a.html", count=1)
    assert "These are few images." not in Page(tmp_path / "a.html").text


def test_a_temperature_divides_all_logits(written, tmp_path):
    path = tmp_path / "a.html"
    found = report(Planted(), written.dataset, path, temperature=2.5, count=20)
    assert "divided by the temperature T = 2.5 that was given" in Page(path).text
    cooled = report(Planted(LOGITS / 2.5), written.dataset, path, count=20)
    assert found.calibration_error == pytest.approx(cooled.calibration_error)
    assert found.calibration_error < written.numbers.calibration_error
    np.testing.assert_allclose(
        found.suspicious["probability"], cooled.suspicious["probability"]
    )
    np.testing.assert_array_equal(found.to_label, cooled.to_label)
    np.testing.assert_allclose(
        found.pseudo_labels["share"], cooled.pseudo_labels["share"]
    )
    # On the scale of the model's own logits, whatever the page divides by.
    expected = pytest.approx(written.numbers.fold_temperatures, rel=1e-5)
    assert found.fold_temperatures == expected


@pytest.mark.filterwarnings("error")
def test_a_class_without_images_and_a_model_without_errors(tmp_path):
    """And no unlabelled images; the fourth class is in no label."""
    pytest.importorskip("matplotlib")
    logits = np.pad(4 * np.eye(3)[Y], ((0, 0), (0, 1)))
    x = np.repeat(X[..., None], 3, axis=-1)
    dataset = make_dataset(num_labels=None, x=x)
    path = tmp_path / "a.html"
    numbers = report(Planted(logits), dataset, path, count=2)
    assert (numbers.error, numbers.balanced_accuracy) == (0, 1)
    assert numbers.fold_temperatures == (1, 1)
    page = Page(path)
    assert page.tables["classes"][4] == ["3", "0", "–", "–", "–"]
    assert "There are no errors to show." in page.text
    assert "There are no unlabelled images." in page.text
    assert numbers.annotation_csv is None
    assert len(numbers.to_label) == 0
    assert list(tmp_path.iterdir()) == [path]
    # In colour.
    row, _, picture = tiles(page, "suspicious")[0]
    np.testing.assert_allclose(picture[..., :3], x[row] / 255, atol=1e-6)


def test_large_images_are_compared_by_every_third_pixel(tmp_path):
    pytest.importorskip("matplotlib")
    x = RNG.integers(0, 256, (200, 40, 65), dtype="uint8")
    x[:, 0, 0] = np.arange(200)
    dataset = make_dataset(x=x)
    numbers = report(Planted(), dataset, tmp_path / "a.html", count=5)
    rest = dataset.unlabelled_indices
    p = softmax(LOGITS[rest], axis=1)
    chosen, others = (
        rest[images_to_label(p, x[rest, ::step, ::step], 5)].tolist() for step in (3, 1)
    )
    assert numbers.to_label.tolist() == chosen != others


def test_a_drmm_is_reported(tmp_path):
    pytest.importorskip("matplotlib")
    model = DRMM([Level(4, 3, pool_size=2)], (6, 5, 1), 3, name="small")
    model.class_names = ["ant", "bee", "cow"]
    dataset = make_dataset()
    numbers = report(model, dataset, tmp_path / "a.html", count=2)
    images, labels = dataset.validation
    wrong = model.predict(images, verbose=0).argmax(axis=1) != labels
    assert numbers.error == pytest.approx(wrong.mean())
    text = Page(tmp_path / "a.html").text
    assert "How far to trust small" in text
    assert "bee" in text
