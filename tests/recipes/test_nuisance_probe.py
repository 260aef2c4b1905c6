"""What the recipe draws, records and keeps fixed."""

import numpy as np
import pytest

from keras_drmm import analysis
from recipes import nuisance_probe
from recipes.untuned.objects import OUTLINES


def test_factors_are_those_of_the_images():
    random = np.random.default_rng(0)
    images, classes, factors = nuisance_probe.draw(600, nuisance_probe.RANGES, random)
    assert images.shape == (600, 32, 32)
    assert set(np.bincount(classes)) == {600 // len(OUTLINES)}
    assert list(factors) == list(nuisance_probe.RANGES)
    # The outline is what differs from a ground that light changes slowly.
    flat = images.astype("float64") / 255
    ink = np.clip(flat - np.median(flat, axis=(1, 2), keepdims=True) - 0.15, 0, None)
    total = ink.sum(axis=(1, 2))
    places = np.arange(32) + 0.5 - 16
    centre_x = (ink.sum(axis=1) * places).sum(axis=1) / total
    centre_y = (ink.sum(axis=2) * places).sum(axis=1) / total
    assert np.corrcoef(centre_x, factors["x"])[0, 1] > 0.8
    assert np.corrcoef(centre_y, factors["y"])[0, 1] > 0.8
    assert np.corrcoef(total, factors["thickness"])[0, 1] > 0.7
    # The ground is brighter where the light comes from.
    border = flat[:, 1:-1, -2:].mean(axis=(1, 2)) - flat[:, 1:-1, :2].mean(axis=(1, 2))
    assert np.corrcoef(border, factors["light"][:, 0])[0, 1] > 0.8
    np.testing.assert_allclose(np.square(factors["rotation"]).sum(axis=1), 1)
    assert np.abs(factors["rotation"][:, 0]).max() < np.sin(np.radians(60))


def test_few_nuisances_are_the_same_places_and_the_rest_is_fixed():
    few, many = (
        nuisance_probe.draw(24, varied, np.random.default_rng(3))
        for varied in nuisance_probe.NUISANCES.values()
    )
    assert list(few[2]) == ["x", "y"]
    np.testing.assert_array_equal(few[1], many[1])
    for name in few[2]:
        np.testing.assert_array_equal(few[2][name], many[2][name])
    images, classes, _ = nuisance_probe.draw(240, (), np.random.default_rng(0))
    flat = images.astype("float64")[classes == 0]
    # Of one class with nothing but its place and noise: the same light everywhere.
    assert flat.min(axis=(1, 2)).std() < 5
    assert flat.max(axis=(1, 2)).std() < 8


@pytest.fixture
def rows(monkeypatch):
    """What the command records, with probes that tell their number."""
    found, seen = [], []
    record = nuisance_probe.results
    monkeypatch.setattr(record, "record", lambda *given: found.append(given))
    monkeypatch.setattr(record, "origin", lambda backend: {})
    monkeypatch.setattr(nuisance_probe, "choose_backend", lambda name: None)
    monkeypatch.setattr(nuisance_probe, "SHORT_IMAGES", 50)
    monkeypatch.setattr(nuisance_probe, "SHORT_PROBE_IMAGES", 24)

    def probe(model, images, factors, seed):
        seen.append((model, model.get_weights(), images, seed))
        return {name: np.full(6, float(len(seen))) for name in factors}

    monkeypatch.setattr(analysis, "probe_nuisances", probe)
    return found, seen


def test_rows_are_of_one_model_before_and_after_it_learned(rows, monkeypatch):
    found, seen = rows
    monkeypatch.setattr("sys.argv", ["nuisance_probe", "--short", "--seed", "7"])
    nuisance_probe.main()
    assert {name for name, *_ in found} == {"nuisance_probe"}
    assert {kept for *_, kept in found} == {False}
    keys = [(row["nuisances"], row["trained"]) for _, row, _ in found]
    assert keys == [
        *[("few", "no")] * 3,
        *[("few", "yes")] * 3,
        *[("many", "no")] * 7,
        *[("many", "yes")] * 7,
    ]
    assert [row["level_5"] for _, row, _ in found[::3]][:3] == [1.0, 2.0, 3.0]
    assert {row["seed"] for _, row, _ in found} == {7}
    for before, after in (seen[:2], seen[2:]):
        assert before[0] is after[0]
        np.testing.assert_array_equal(before[2], after[2])
        assert any(
            not np.array_equal(*pair) for pair in zip(before[1], after[1], strict=True)
        )
