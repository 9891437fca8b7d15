"""AdamW and BertAdam against the equations written out number by number."""

import math

import numpy as np
import pytest

from minibert.ops import QTensor
from minibert.ops.adam import BLOCK, FLUSH_EVERY
from minibert.train import AdamW, BertAdam, adamw_formula, bert_adam_formula, is_spared

pytestmark = pytest.mark.quick

NAMES = {"a.weight": (2, 3), "a.bias": (3,), "b.LayerNorm.weight": (5,), "b.LayerNorm.bias": (5,)}


def random_dicts(n, dtype=np.float64, names=NAMES, size=1.0):
    rng = np.random.default_rng(3)
    return [
        {k: (size * rng.normal(size=s)).astype(dtype) for k, s in names.items()} for _ in range(n)
    ]


def adamw_loops(params, steps, lr, wd, eps=1e-8):
    """AdamW one number at a time."""
    params = {k: p.copy() for k, p in params.items()}
    for k, p in params.items():
        for i in np.ndindex(p.shape):
            m = v = 0.0
            for t, grads in enumerate(steps, 1):
                g = float(grads[k][i])
                m = 0.9 * m + 0.1 * g
                v = 0.999 * v + 0.001 * g * g
                m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
                p[i] = p[i] - lr * wd * p[i]
                p[i] = p[i] - lr * m_hat / (math.sqrt(v_hat) + eps)
    return params


def bert_adam_loops(params, steps, rates, wd, eps=1e-6):
    """BertAdam one number at a time."""
    params = {k: p.copy() for k, p in params.items()}
    for k, p in params.items():
        decay = 0.0 if "bias" in k or "LayerNorm" in k else wd
        lengths = [math.sqrt(sum(float(x) ** 2 for x in grads[k].flat)) for grads in steps]
        for i in np.ndindex(p.shape):
            m = v = 0.0
            for grads, length, lr in zip(steps, lengths, rates, strict=True):
                g = float(grads[k][i]) * min(1.0, 1.0 / (length + 1e-6))
                m = 0.9 * m + 0.1 * g
                v = 0.999 * v + 0.001 * g * g
                p[i] = p[i] - lr * (m / (math.sqrt(v) + eps) + decay * p[i])
    return params


def assert_same(a, b, bound=0.0):
    assert a.keys() == b.keys()
    for k in a:
        assert np.linalg.norm(a[k] - b[k]) <= bound * np.linalg.norm(b[k]), k


def test_adamw_is_its_loop_form():
    params, *steps = random_dicts(8)
    expected = adamw_loops(params, steps, lr=0.03, wd=0.1)
    optimizer = AdamW(weight_decay=0.1)
    for grads in steps:
        optimizer.update(params, grads, 0.03)
    assert_same(params, expected, 1e-14)


@pytest.mark.parametrize("size", [0.01, 3.0])  # under and over the clipping norm
def test_bert_adam_is_its_loop_form(size):
    params, *steps = random_dicts(8, size=size)
    rates = [0.01 * t for t in range(7)]
    expected = bert_adam_loops(params, steps, rates, wd=0.1)
    optimizer = BertAdam(weight_decay=0.1)
    for grads in steps:
        optimizer.update(params, grads, lambda done: 0.01 * done)
    assert_same(params, expected, 1e-14)


@pytest.mark.parametrize("size", [0.01, 3.0])
def test_the_formula_of_bert_adam_is_its_loop_form(size):
    p, *steps = (d["a.weight"] for d in random_dicts(3, names={"a.weight": (2, 3)}, size=size))
    expected = bert_adam_loops({"a.weight": p}, [{"a.weight": g} for g in steps], [0.1, 0.2], 0.01)
    m = v = np.zeros_like(p)
    for g, lr in zip(steps, [0.1, 0.2], strict=True):
        p, m, v = bert_adam_formula(p, g, m, v, lr)
    assert_same({"a.weight": p}, expected, 1e-14)


def test_first_steps_by_hand():
    """AdamW's first step has the length lr; BertAdam's is sqrt(10) lr."""
    for optimizer, length in ((AdamW(weight_decay=0.0), 1.0), (BertAdam(), math.sqrt(10))):
        params = {"x.bias": np.zeros(2)}
        optimizer.update(params, {"x.bias": np.array([0.5, -0.25])}, 0.1)
        np.testing.assert_allclose(params["x.bias"], [-0.1 * length, 0.1 * length], rtol=2e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_blocks_give_the_bits_of_the_formula(dtype, scale):
    """Over several blocks, the last one not full; the dtype is kept."""
    shape = (3, BLOCK - 5)
    p, *steps = (d["x.weight"] for d in random_dicts(4, dtype, {"x.weight": shape}))
    for optimizer in (AdamW(), BertAdam(max_norm=None)):
        params, q = {"x.weight": p.copy()}, p
        m = v = np.zeros(shape, dtype)
        for t, g in enumerate(steps, 1):
            before = g.copy()
            optimizer.update(params, {"x.weight": g}, np.float64(0.01), scale=scale)
            assert np.array_equal(g, before)
            if isinstance(optimizer, AdamW):
                q, m, v = adamw_formula(q, scale * g, m, v, t, 0.01)
            else:
                q, m, v = bert_adam_formula(q, scale * g, m, v, 0.01, max_norm=None)
        assert params["x.weight"].dtype == q.dtype == optimizer.moments.m["x.weight"].dtype == dtype
        assert np.array_equal(params["x.weight"], q)
        assert np.array_equal(optimizer.moments.v["x.weight"], v)


def test_bert_adam_scales_before_it_clips():
    params, grads = random_dicts(2)
    other = {k: p.copy() for k, p in params.items()}
    a, b = BertAdam(), BertAdam()
    a.update(params, grads, 0.1, scale=0.25)
    b.update(other, {k: 0.25 * g for k, g in grads.items()}, 0.1)
    assert_same(params, other, 1e-14)


def test_formulas_are_pure():
    arrays = [np.random.default_rng(i).random(7) for i in range(4)]
    before = [a.copy() for a in arrays]
    adamw_formula(*arrays, 3, 0.1)
    bert_adam_formula(*arrays, 0.1)
    assert all(np.array_equal(a, b) for a, b in zip(arrays, before, strict=True))


def test_update_is_in_place():
    params, grads = random_dicts(2)
    arrays = dict(params)
    AdamW().update(params, grads, 0.1)
    assert all(params[k] is arrays[k] for k in params)


def test_no_decay_rule():
    spared = {"cls.predictions.bias", "a.bias", "LayerNorm.weight", "b.LayerNorm.bias", "bias"}
    decayed = {"a.weight", "bert.embeddings.word_embeddings.weight", "biased.weight"}
    assert {n for n in spared | decayed if is_spared(n)} == spared


@pytest.mark.parametrize(
    ("optimizer", "moved"),
    [
        (AdamW(), set(NAMES)),
        (AdamW(spare=is_spared), {"a.weight"}),
        (BertAdam(), {"a.weight"}),
        (BertAdam(spare=None), set(NAMES)),
    ],
)
def test_what_decays_under_a_gradient_of_zeros(optimizer, moved):
    (params,) = random_dicts(1)
    before = {k: p.copy() for k, p in params.items()}
    optimizer.update(params, {k: np.zeros_like(p) for k, p in params.items()}, 0.1)
    assert {k for k in params if not np.array_equal(params[k], before[k])} == moved
    for k in moved:
        np.testing.assert_allclose(params[k], before[k] * (1 - 0.1 * 0.01), rtol=1e-15)


@pytest.mark.parametrize("make", [AdamW, BertAdam])
def test_a_missing_gradient_skips_decay_and_count(make):
    params, g1, g2 = random_dicts(3)
    other = {k: p.copy() for k, p in params.items()}
    seen = []
    rate = (lambda done: seen.append(done) or 0.1) if make is BertAdam else 0.1
    optimizer = make()
    optimizer.update(params, {"a.bias": g1["a.bias"], "a.weight": None}, rate)
    assert np.array_equal(params["a.weight"], other["a.weight"])
    optimizer.update(params, g2, rate)
    assert optimizer.moments.t == {k: 2 if k == "a.bias" else 1 for k in NAMES}
    late = make()  # for all but a.bias the second update was the first
    late.update(other, g2, 0.1)
    assert np.array_equal(params["a.weight"], other["a.weight"])
    if make is BertAdam:
        assert seen == [0, *(1 if k == "a.bias" else 0 for k in NAMES)]


@pytest.mark.parametrize("make", [AdamW, BertAdam])
def test_twenty_steps_are_ten_and_ten(make):
    params, *steps = random_dicts(21, np.float32)
    again = {k: p.copy() for k, p in params.items()}
    optimizer = make()
    for grads in steps:
        optimizer.update(params, grads, 0.01)
    first, second = make(), make()
    for grads in steps[:10]:
        first.update(again, grads, 0.01)
    saved = first.state()
    assert all(isinstance(a, np.ndarray) for a in saved.values())
    second.load(saved)
    for grads in steps[10:]:
        second.update(again, grads, 0.01)
    assert first.moments.t["a.bias"] == 10  # the loaded one has copies of its own
    assert not np.shares_memory(first.moments.m["a.bias"], second.moments.m["a.bias"])
    assert_same(params, again)
    assert_same(optimizer.state(), second.state())


def test_load_refuses_what_is_incomplete():
    params, grads = random_dicts(2)
    optimizer = AdamW()
    optimizer.update(params, grads, 0.1)
    state = optimizer.state()
    del state["v/a.bias"]
    with pytest.raises(ValueError, match=r"'a\.bias' lacks"):
        AdamW().load(state)
    with pytest.raises(ValueError, match="unexpected key 'w'"):
        AdamW().load({"w": np.zeros(1)})


@pytest.mark.parametrize("make", [AdamW, BertAdam])
@pytest.mark.parametrize(
    ("bad", "gradient", "error", "words"),
    [
        (
            QTensor(np.zeros((2, 3), np.int8), np.ones(2, np.float32)),
            np.zeros((2, 3)),
            TypeError,
            "QTensor.*quantize it afterwards",
        ),
        (np.zeros((2, 3), np.int8), np.zeros((2, 3)), TypeError, "array of int8"),
        (np.zeros((2, 3)), np.zeros((3, 2)), ValueError, r"\(3, 2\), wanted float64 \(2, 3\)"),
        (np.zeros((2, 3), np.float32), np.zeros((2, 3)), ValueError, "float64.*wanted float32"),
        (np.zeros((3, 2)).T, np.zeros((2, 3)), ValueError, "not contiguous"),
        (np.broadcast_to(0.0, (2, 3)), np.zeros((2, 3)), ValueError, "read-only"),
        (None, np.zeros((2, 3)), ValueError, "no parameter 'z.weight'"),
    ],
)
def test_bad_parameters_are_named_and_nothing_moves(make, bad, gradient, error, words):
    params, grads = random_dicts(2)
    before = {k: p.copy() for k, p in params.items()}
    if bad is not None:
        params["z.weight"] = bad
    optimizer = make()
    with pytest.raises(error, match=words) as caught:
        optimizer.update(params, grads | {"z.weight": gradient}, 0.1)
    assert "z.weight" in str(caught.value)
    assert_same({k: params[k] for k in before}, before)
    assert optimizer.state() == {}


def test_a_changed_shape_asks_for_a_new_optimizer():
    optimizer = AdamW()
    optimizer.update({"w": np.zeros(3)}, {"w": np.ones(3)}, 0.1)
    with pytest.raises(ValueError, match="new optimizer"):
        optimizer.update({"w": np.zeros(2)}, {"w": np.ones(2)}, 0.1)


def test_subnormal_moments_become_zero():
    """A row that got one gradient and then none: its m would stay subnormal for ever."""
    params, optimizer = {"w": np.ones(2, np.float32)}, AdamW()
    optimizer.update(params, {"w": np.array([1e-3, 0], np.float32)}, 1e-3)
    for _ in range(16 * FLUSH_EVERY - 1):
        optimizer.update(params, {"w": np.zeros(2, np.float32)}, 1e-3)
    assert optimizer.moments.m["w"][0] == 0.0
    assert optimizer.moments.v["w"][0] > 0.0
    stuck = np.float32(1e-4)
    for _ in range(16 * FLUSH_EVERY - 1):
        stuck *= np.float32(0.9)
    assert 0.0 < stuck < np.finfo(np.float32).tiny


@pytest.mark.parametrize("bad", [{"betas": (0.9, 1.0)}, {"eps": -1.0}, {"weight_decay": math.nan}])
def test_numbers_out_of_range_are_named(bad):
    for make in (AdamW, BertAdam):
        with pytest.raises(ValueError, match=next(iter(bad))):
            make(**bad)
