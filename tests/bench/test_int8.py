"""Rows of int8 without peers: what is measured, skipped and why, and what is noticed."""

from dataclasses import replace

import numpy as np
import pytest

from minibert import kernels as F
from minibert.bench import engines, gemm, goals, inference, inference_int8
from minibert.bench.compare import MismatchError
from minibert.bench.rows import Row
from minibert.bench.run import Run
from minibert.bench.timing import figure

pytestmark = pytest.mark.usefixtures("tiny")

RUN = Run(threads=1, repeat=1)


def int8_rows(run=RUN):
    """Of one and of two texts of eight tokens."""
    float32 = engines.our_model(inference.preset(inference.PRESET))
    return list(inference_int8.rows(run, float32, (1, 2), 8, 3))


@pytest.fixture
def c_int8():
    """C's levels, with C's kernels in use whatever its level is."""
    if F.available("c")[1]:
        pytest.skip("the extension is not built")
    from minibert.kernels import c_int8

    with F.use("c"):
        yield c_int8


# ---- the model


def test_ours_is_in_int8_and_held_against_float32():
    first, second, sentences, over_float32, *_ = int8_rows()
    for row in (first, second):
        assert row.figures.keys() == {"minibert"}
        assert 1e-3 < row.errors["minibert"] < engines.INT8_LIMIT
        assert row.at == {}  # so that no plot takes it for float32
    assert f"{engines.INT8_LIMIT:g} at most" in first.note
    assert "fetch rotten-tomatoes" in sentences.note
    assert over_float32.figures.keys() == {"minibert", goals.FLOAT32}
    assert over_float32.held == over_float32.ratios[goals.FLOAT32]
    assert f"{over_float32.held:.2f}x" in over_float32.note


def test_its_packed_weights_are_kept():
    """As of a model that was read from a file; one that `quantize` made packs anew each call."""
    model = engines.our_model(inference.preset(inference.PRESET), int8=True)
    assert model.is_quantized
    assert model._packs is not None


def test_a_quick_run_is_shorter():
    works = [row.work for row in int8_rows(replace(RUN, quick=True))]
    assert len(works) == 4
    assert not any("avx512vnni" in work or "bert-base" in work for work in works)


def test_a_wrong_int8_is_noticed(monkeypatch):
    def wrong(params):
        name = "bert.embeddings.word_embeddings.weight"
        return quantize(params) | {name: F.quantize_symmetric(-params[name])}

    quantize = engines.quantize_params
    monkeypatch.setattr(engines, "quantize_params", wrong)
    with pytest.raises(MismatchError, match="our int8's differ"):
        int8_rows()


# ---- the level


def level_rows():
    return [row for row in int8_rows() if inference_int8.LEVEL in row.work]


def test_a_level_is_measured_apart(c_int8, monkeypatch):
    """Any other than the one that runs; it runs in these rows only."""
    best = c_int8.level()
    if best == "scalar":
        pytest.skip("there is one level only")
    monkeypatch.setattr(inference_int8, "LEVEL", "scalar")
    seen = []
    row = engines.Engines.row
    monkeypatch.setattr(
        engines.Engines, "row", lambda *a, **k: seen.append(c_int8.level()) or row(*a, **k)
    )
    rows = level_rows()
    assert [row.work for row in rows] == [f"inference in int8, scalar ({n},8)" for n in (1, 2)]
    assert all(row.figures and row.goal == goals.INT8_WITHOUT_AMX for row in rows)
    assert seen == [best, best, "scalar", "scalar", best]  # the last is of the large model
    assert c_int8.level() == best


@pytest.mark.parametrize(
    ("levels", "said"),
    [
        ({"scalar": None}, "there is no such level"),
        ({"avx512vnni": "the CPU has no AVX512-VNNI"}, "the CPU has no AVX512-VNNI"),
        ({"scalar": None, "avx512vnni": None}, "it is the level of the rows above"),
    ],
)
def test_a_level_is_skipped_with_a_reason(c_int8, monkeypatch, levels, said):
    monkeypatch.setattr(c_int8, "levels", lambda: levels)
    monkeypatch.setattr(c_int8, "level", lambda: "avx512vnni")
    (row,) = level_rows()
    assert row.figures == {}
    assert row.note == said


def test_levels_say_nothing_where_c_is_not_in_use():
    with F.use("numpy"):
        (row,) = level_rows()
    assert row.figures == {}
    assert row.note == "int8 products are not C's here, but those of numpy"


# ---- products


def test_products_on_one_thread(monkeypatch):
    run, seen = replace(RUN, threads=2), []
    F.set_threads(2)
    random_layer = gemm.random_layer
    monkeypatch.setattr(
        gemm, "random_layer", lambda *a: seen.append(F.get_threads()) or random_layer(*a)
    )
    *rows, mean = gemm.rows(run)
    assert [row.at for row in rows] == [
        {"tokens": 40, "outputs": N, "inputs": K} for N, K in gemm.LAYERS
    ]
    assert all("1 thread" in row.work and "GOP/s" in row.note for row in rows)
    assert mean.figures.keys() == {"minibert"}
    assert mean.reached() is None
    assert (seen, F.get_threads()) == ([1, 1], 2)


def test_threads_come_back_after_an_error(monkeypatch):
    F.set_threads(2)
    monkeypatch.setattr(gemm, "random_layer", lambda *a: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        list(gemm.rows(replace(RUN, threads=2)))
    assert F.get_threads() == 2


@pytest.mark.parametrize(
    ("ratios", "mean", "reached"),
    [
        ((1.0, 1.0), 1.0, (False, False)),
        ((0.98, 2.0), 1.4, (True, False)),
        ((0.5, 8.0), 2.0, (True, True)),
    ],
)
def test_the_mean_of_ratios_is_geometric(ratios, mean, reached):
    """Whatever the times are."""
    rows = [
        Row("a work", {"minibert": figure([ms]), "torch": figure([ratio * ms])})
        for ratio, ms in zip(ratios, (0.1, 70.0), strict=True)
    ]
    row = gemm.mean(rows)
    assert row.ratios == {"torch": pytest.approx(mean)}
    assert (row.reached(), row.reached("go_for")) == reached
    assert row.work.endswith("geometric mean of 2")


def test_a_product_may_have_no_error_and_what_is_timed_some():
    x, w, b = gemm.random_layer(6, 5, 7)
    y, _ = F.int8_linear_forward(x, w, b)
    product = x.q.astype(int) @ w.q.T.astype(int)
    assert gemm._compare("a work", x, w, b, y, product) == 0.0
    assert gemm._compare("a work", x, w, b, y * np.float32(1 + 1e-6), product) == 0.0
    other = product + np.eye(6, 5, dtype=int)
    dequantized = (other - x.zero * w.row_sum) * x.scale * w.scale + b
    for wrong in ((y + 1, product), (dequantized, other)):
        with pytest.raises(MismatchError, match="torch"):
            gemm._compare("a work", x, w, b, *wrong)
