"""The optimizers' kernels against the formulas: the same bits, on any number of threads."""

import math

import numpy as np
import pytest

from minibert import kernels as F
from minibert import ops
from minibert.ops.adam import FLUSH_EVERY
from minibert.train import AdamW, BertAdam, adamw_formula, bert_adam_formula
from minibert.train.sweep import PIECE, squares

SIZES = (1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 127, 129, 40_000)
UPDATES = ("adamw_update", "bert_adam_update")


@pytest.fixture(params=["numba", "c"])
def level(request):
    """Every level that has these kernels."""
    kernels, reason = F.available(request.param)
    if "adamw_update" not in kernels:
        pytest.skip(reason or "not in this extension")
    with F.use(request.param):
        yield request.param


def arrays(n, dtype=np.float32):
    """p, g, m, v; some moments are subnormal."""
    rng = np.random.default_rng(n)
    p, g, m = (rng.standard_normal(n).astype(dtype) for _ in range(3))
    v = rng.random(n).astype(dtype)
    g[: n // 3], m[: n // 3], v[: n // 4] = 0, 1e-39, 1e-41
    return p, g, m, v


@pytest.mark.quick
@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("t", [1, FLUSH_EVERY])
@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_the_bits_are_those_of_the_formula(level, update, t, scale):
    for n in SIZES:
        expected, got = arrays(n), arrays(n)
        numbers = (t, 1e-3, 0.9, 0.999, 1e-8, 0.01, scale)
        getattr(ops, update)(*expected, *numbers)
        F.RAN.clear()
        getattr(F, update)(*got, *numbers)
        assert {update} == F.RAN
        for a, b in zip(expected, got, strict=True):
            assert np.array_equal(a, b), n


@pytest.mark.parametrize("update", UPDATES)
def test_nothing_outside_is_written(level, update):
    for n in SIZES[:-1]:
        whole = [np.concatenate([np.full(3, 7), a, np.full(3, 7)]).astype("f") for a in arrays(n)]
        getattr(F, update)(*(a[3:-3] for a in whole), 1, 1e-3)
        assert all((a[:3] == 7).all() and (a[-3:] == 7).all() for a in whole)


@pytest.mark.parametrize("update", UPDATES)
def test_nan_and_infinity_as_the_formula(level, update):
    expected, got = arrays(64), arrays(64)
    for a in (expected, got):
        for array, at in zip(a, (0, 16, 32, 48), strict=True):
            array[at : at + 3] = np.nan, np.inf, -np.inf
    with np.errstate(all="ignore"):
        getattr(ops, update)(*expected, 2, 1e-3)
    getattr(F, update)(*got, 2, 1e-3)
    for a, b in zip(expected, got, strict=True):
        assert np.array_equal(a, b, equal_nan=True)


@pytest.mark.parametrize("update", UPDATES)
def test_float64_and_views_get_the_formula(level, update):
    p, g, m, v = arrays(33, np.float64)
    q, _, m2, v2 = (a.copy() for a in (p, g, m, v))
    getattr(F, update)(p, g, m, v, 3, 1e-3)
    getattr(ops, update)(q, g, m2, v2, 3, 1e-3)
    assert np.array_equal(p, q)
    p, g, m, v = arrays(33)
    strided = np.repeat(g, 2)[::2]
    q, m2, v2 = p.copy(), m.copy(), v.copy()
    getattr(F, update)(p, strided, m, v, 3, 1e-3)
    getattr(ops, update)(q, g, m2, v2, 3, 1e-3)
    assert np.array_equal(p, q)


@pytest.mark.quick
def test_sum_of_squares(level):
    for n in (*SIZES, 1024, 1025, 3000):
        x = np.random.default_rng(n).standard_normal(n).astype(np.float32)
        F.RAN.clear()
        assert F.sum_of_squares(x) == pytest.approx(math.fsum(x.astype(float) ** 2), rel=1e-6)
        assert {"sum_of_squares"} == F.RAN
    x = np.zeros(3000, np.float32)
    assert F.sum_of_squares(x) == 0.0
    x[[5, 2000, 2999]] = 1e30, -1e30, 2
    assert F.sum_of_squares(x) == pytest.approx(2e60, rel=1e-6)
    x[7] = np.inf
    assert F.sum_of_squares(x) == math.inf
    x[2998] = np.nan
    assert math.isnan(F.sum_of_squares(x))


@pytest.mark.parametrize("make", [AdamW, BertAdam])
def test_threads_and_levels_do_not_change_a_bit(level, set_threads, make):
    """Several pieces, and the order in which threads take them, leave the formula's bits."""
    rng = np.random.default_rng(1)
    shapes = {"a.weight": (3, PIECE - 5), "b.bias": (7,)}
    start = {k: rng.standard_normal(s).astype(np.float32) for k, s in shapes.items()}
    grads = {k: rng.standard_normal(s).astype(np.float32) for k, s in shapes.items()}
    results, norms = [], []
    for n in (1, 2, 3):
        set_threads(n)
        params, optimizer = {k: p.copy() for k, p in start.items()}, make(spare=None)
        for _ in range(2):
            optimizer.update(params, grads, 1e-2, scale=0.5)
        norms.append(squares(grads.values()))
        results.append(params)
    assert norms[0] == norms[1] == norms[2]
    for k, p in start.items():
        assert all(np.array_equal(results[0][k], params[k]) for params in results[1:])
        if make is AdamW:
            m = v = np.zeros_like(p)
            for t in (1, 2):
                p, m, v = adamw_formula(p, 0.5 * grads[k], m, v, t, 1e-2)
            assert np.array_equal(results[0][k], p)
        else:  # the norm that clips is summed in another order: 1e-7
            m = v = np.zeros_like(p)
            for _ in (1, 2):
                p, m, v = bert_adam_formula(p, 0.5 * grads[k], m, v, 1e-2)
            assert np.linalg.norm(results[0][k] - p) <= 1e-6 * np.linalg.norm(p)
