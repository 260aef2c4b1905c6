"""The benchmark of EM: its clock, its time limit and its autoencoder."""

from types import SimpleNamespace

import numpy as np
import pytest
from keras import ops

from keras_drmm import DRMM, EG, HardEM, Level
from recipes import benchmark_em
from recipes.common.measure import batches
from recipes.common.tied_autoencoder import TiedAutoencoder

X = np.random.default_rng(0).random((100, 6, 6, 1)).astype("float32")
OPTIONS = SimpleNamespace(method="hard EM", images=1000, seed=0)


def build(algorithm):
    levels = [Level(4, 3, pool_size=2), Level(3, 2)]
    model = DRMM(levels, num_classes=2, input_shape=(6, 6, 1))
    model.compile("sgd", algorithm=algorithm)
    return model


@pytest.fixture
def rows(monkeypatch):
    kept = []
    monkeypatch.setattr(benchmark_em, "record", lambda options, **row: kept.append(row))
    return kept


def test_error_is_that_of_the_weights_em_keeps(rows):
    """A sweep that raised the objective is taken back: the error before it counts."""
    model = build(HardEM())
    clock = benchmark_em.Clock(OPTIONS, model, model, X, budget=None)
    for epoch, (loss, level) in enumerate([(3.0, 0.0), (4.0, 1.0), (2.0, 2.0)]):
        model.levels[0].alpha.assign(np.full((1, 1, 1), level))
        clock.begin(epoch)
        clock.end(epoch, {"loss": loss})
    first, second, third = (float(row["error"]) for row in rows)
    assert first == second != third
    expected = np.mean(np.square(X - model.reconstruct(X)))
    assert third == pytest.approx(expected, rel=1e-4)
    assert rows[0]["seconds"] <= rows[1]["seconds"] <= rows[2]["seconds"]


def test_training_stops_when_the_seconds_are_over(rows):
    model = build(EG())
    for budget, stops in ((1e9, False), (0.0, True)):
        model.stop_training = False
        clock = benchmark_em.Clock(OPTIONS, model, model, X, budget)
        clock.begin(0)
        clock.end(0, {"loss": 1.0})
        assert model.stop_training == stops


@pytest.mark.smoke
def test_budget_is_the_median_of_eg(monkeypatch):
    recorded = [
        {"method": "EG", "epoch": "5", "images": "1000", "seconds": seconds}
        for seconds in ("10", "30", "20")
    ]
    recorded += [recorded[0] | {"epoch": "4", "seconds": "999"}]
    monkeypatch.setattr(benchmark_em, "recorded", lambda measure: recorded)
    assert benchmark_em.eg_seconds(OPTIONS) == 20
    with pytest.raises(SystemExit, match="--method EG"):
        benchmark_em.eg_seconds(SimpleNamespace(images=7))


def test_autoencoder_renders_its_message():
    """Level by level as `top_down` does, from I^(L) instead of μ_c; and it learns."""
    model = build(EG())
    trained = TiedAutoencoder(model)
    found = model.infer(X)
    z = found.messages[-1]
    for level, switches in zip(
        reversed(model.levels), reversed(found.switches), strict=True
    ):
        z = level.top_down(np.maximum(ops.convert_to_numpy(z), 0), switches)
    before = trained.render_message(X)
    np.testing.assert_allclose(before, ops.convert_to_numpy(z), atol=1e-5)
    trained.fit(batches(X), epochs=3, verbose=0)
    after = trained.render_message(X)
    assert np.mean(np.square(X - after)) < np.mean(np.square(X - before))
