"""The float32 kernels against the formulas in float64: numbers, masks, views, threads, NaN.

They are Numba's, and C's at every instruction-set level.
"""

import numpy as np
import pytest

from minibert import kernels as F
from minibert import ops
from minibert.check import assert_close
from minibert.ops import Attended, Drop

from .inputs import DROP, cotangent, each_array, each_drop, in_float64, inputs, leaves, run

# Relative norm of the error in float32, for outputs and gradients; the kernels' files state them.
BOUND = {
    "attention": 2e-6,
    "dropout": 2e-7,
    "embedding": 1e-6,
    "gelu": 3e-7,
    "layernorm": 1e-6,
    "linear": 1e-6,
    "linear_add_layernorm": 2e-6,
    "linear_gelu": 1e-6,
    "mse": 1e-6,
    "packed_attention": 2e-6,
    "qkv": 1e-6,
    "softmax": 1e-6,
    "softmax_cross_entropy": 1e-6,
}
OPS = sorted(BOUND)
ENGINES = ["numba", "c-scalar", "c-avx2", "c-avx512", "c-amx"]
NOT_IN_C = {"softmax", "softmax_cross_entropy"}
NOT_IN_NUMBA = {"mse"}
EACH = [
    (e, op) for e in ENGINES for op in OPS if op not in (NOT_IN_NUMBA if e == "numba" else NOT_IN_C)
]


def each_kernel(*without):
    """Of every engine every op that it has."""
    return pytest.mark.parametrize(
        ("engine", "op"), [(e, op) for e, op in EACH if op not in without], indirect=["engine"]
    )
SIZES = (1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 127, 129)


def pair(module, op):
    return getattr(module, f"{op}_forward"), getattr(module, f"{op}_backward")


def level_of_c():
    from minibert.kernels.c_library import FLOAT

    return FLOAT.name


def check(engine, op, args, kwargs, steps_aside=False):
    """The kernel is within its bound of the formula in float64, from the same inputs."""
    out, cache = engine.__dict__[f"{op}_forward"](*args, **kwargs)
    ran = type(cache).__name__ == "KernelCache"
    assert ran != steps_aside, "the kernel ran" if ran else "the formula ran, not the kernel"
    dout = cotangent(out)
    got = leaves(out) + leaves(engine.__dict__[f"{op}_backward"](dout, cache))
    expected = run(pair(ops, op), in_float64(args), in_float64(kwargs), in_float64(dout))
    # A gradient that is zero in truth is noise; it is judged beside the others. So is LayerNorm's
    # with one or two features, since its terms cancel.
    narrow = got[0].shape[-1:] in ((1,), (2,))
    floor = max(np.linalg.norm(e) for e in expected) * (1 if narrow else 1e-3)
    for n, (g, e) in enumerate(zip(got, expected, strict=True)):
        assert g.dtype == np.float32
        assert_close(g, e, name=f"{op} {n}", rtol=BOUND[op], floor=max(floor, 1e-30))


@pytest.mark.parametrize("n", [pytest.param(7, marks=pytest.mark.quick), *SIZES])
@each_kernel()
def test_kernel_is_within_its_bound_of_float64(engine, op, n):
    check(engine, op, *inputs(op, n))


@each_kernel()
def test_many_blocks_are_within_the_bound_too(engine, op, small_blocks):
    check(engine, op, *inputs(op, 67))


@each_kernel()
def test_float64_gets_the_formula(engine, op):
    args, kwargs = map(in_float64, inputs(op, 5))
    dout = in_float64(cotangent(pair(ops, op)[0](*args, **kwargs)[0]))
    for a, b in zip(
        run(pair(engine, op), args, kwargs, dout),
        run(pair(ops, op), args, kwargs, dout),
        strict=True,
    ):
        assert a.dtype == np.float64
        assert np.array_equal(a, b)


@each_kernel()
def test_the_number_of_threads_does_not_change_a_bit(engine, op, small_blocks, set_threads):
    args, kwargs = inputs(op, 67)
    results = []
    for n in (1, 2, 3):
        set_threads(n)
        results.append(run(pair(engine, op), args, kwargs))
    for others in results[1:]:
        for a, b in zip(results[0], others, strict=True):
            assert np.array_equal(a, b)


@each_kernel()
def test_views_with_gaps_give_the_same_numbers(engine, op):
    def gaps(a):
        wide = np.full((*a.shape[:-1], 2 * a.shape[-1]), np.nan, np.float32)
        wide[..., ::2] = a
        return wide[..., ::2]

    args, kwargs = inputs(op, 7)
    dout = cotangent(pair(ops, op)[0](*args, **kwargs)[0])
    expected = run(pair(engine, op), args, kwargs, dout)
    got = run(
        pair(engine, op), each_array(gaps, args), each_array(gaps, kwargs), each_array(gaps, dout)
    )
    for a, b in zip(got, expected, strict=True):
        assert_close(a, b, rtol=BOUND[op])


@each_kernel()
def test_fields_of_records_are_read(engine, op):
    """Their strides are no multiples of a number's size."""

    def field(a):
        records = np.zeros(a.shape, [("a", np.float32), ("b", np.uint8)])
        records["a"] = a
        return records["a"]

    args, kwargs = inputs(op, 5)
    dout = cotangent(pair(ops, op)[0](*args, **kwargs)[0])
    expected = run(pair(engine, op), args, kwargs, dout)
    got = run(pair(engine, op), *(each_array(field, part) for part in (args, kwargs, dout)))
    for a, b in zip(got, expected, strict=True):
        assert np.array_equal(a, b)


@each_kernel()
def test_read_only_inputs_are_read(engine, op):
    def locked(a):
        a = a.copy()
        a.flags.writeable = False
        return a

    args, kwargs = inputs(op, 5)
    dout = cotangent(pair(ops, op)[0](*args, **kwargs)[0])
    expected = run(pair(engine, op), args, kwargs, dout)
    got = run(pair(engine, op), *(each_array(locked, part) for part in (args, kwargs, dout)))
    for a, b in zip(got, expected, strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@each_kernel("softmax_cross_entropy")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_nan_and_infinity_go_where_the_formula_has_them(engine, op, value):
    args, kwargs = inputs(op, 17)
    first = args[0].copy()
    first[(0,) * (first.ndim - 1) + (1,)] = value
    args = (first, *args[1:])
    dout = cotangent(pair(ops, op)[0](*args, **kwargs)[0])
    expected = run(pair(ops, op), args, kwargs, dout)
    got = run(pair(engine, op), args, kwargs, dout)
    for g, e in zip(got, expected, strict=True):
        # Parts of numbers are multiplied at the level amx: what is infinite may become NaN.
        if F.source(f"{op}_forward") == "c" and level_of_c() == "amx":
            assert np.array_equal(np.isfinite(g), np.isfinite(e))
        else:
            assert np.array_equal(np.isnan(g), np.isnan(e))
            assert np.array_equal(g[np.isinf(g)], e[np.isinf(e)])


def test_a_nan_logit_gives_a_nan_loss(numba):
    logits = np.zeros((3, 5), np.float32)
    logits[1, 2] = np.nan
    loss, cache = numba.softmax_cross_entropy_forward(logits, np.array([0, 1, 2]))
    assert np.isnan(loss)
    d = numba.softmax_cross_entropy_backward(1.0, cache)
    assert np.array_equal(np.isnan(d).all(1), [False, True, False])


@pytest.mark.quick
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_has_the_bits_of_the_formula(engine, rate, small_blocks):
    x = np.random.default_rng(0).standard_normal((3, 37, 41)).astype(np.float32)
    drop = Drop(rate, seed=2**40 + 1, step=7, site=3)
    assert np.array_equal(engine.dropout_forward(x, drop)[0], ops.dropout_forward(x, drop)[0])


@pytest.mark.parametrize(
    "op", ["attention", "dropout", "linear_add_layernorm", "packed_attention"]
)
def test_the_masks_numbers_are_counted_from_the_drops_first(engine, op, small_blocks):
    args, kwargs = each_drop(lambda drop: drop._replace(first=12_345), inputs(op, 19))
    check(engine, op, args, kwargs)


@pytest.mark.parametrize("want_scores", [False, True])
def test_attention_drops_what_the_formula_drops(engine, want_scores, small_blocks):
    """With identity values and one key a query, the context shows the mask itself."""
    B, H, L = 3, 5, 19
    q = k = np.zeros((B, H, L, L), np.float32)
    v = np.broadcast_to(np.eye(L, dtype=np.float32), (B, H, L, L))
    (context, _), _ = engine.attention_forward(q, k, v, drop=DROP, want_scores=want_scores)
    assert np.array_equal(context > 0, ops.keep_mask((B, H, L, L), DROP))


BIASES = {
    "none": None,
    "padding": lambda f, B, H, L, S: f(B, 1, 1, S),
    "causal": lambda f, B, H, L, S: f(1, 1, L, S),
    "both": lambda f, B, H, L, S: f(B, 1, L, S),
    "per head": lambda f, B, H, L, S: f(B, H, L, S),
    "three axes": lambda f, B, H, L, S: f(H, L, S),
    "one axis": lambda f, B, H, L, S: f(S),
    "one number": lambda f, B, H, L, S: f(1, 1, 1, 1),
    "a column": lambda f, B, H, L, S: f(B, H, L, 1),
}
ONE_A_KEY = ("none", "padding", "one axis", "one number")  # what C takes; others it leaves


@pytest.mark.parametrize("S", [11, 13])
@pytest.mark.parametrize("bias", BIASES)
def test_attention_takes_every_bias(engine, bias, S, small_blocks):
    rng = np.random.default_rng(0)

    def f(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    B, H, L, K = 4, 3, 11, 5
    args = f(B, H, L, K), f(B, H, S, K), f(B, H, S, K)
    steps_aside = engine.source("attention_forward") == "c" and bias not in ONE_A_KEY
    args = *args, BIASES[bias] and BIASES[bias](f, B, H, L, S)
    check(engine, "attention", args, {}, steps_aside=steps_aside)


def test_a_fully_padded_sequence_attends_evenly(engine):
    rng = np.random.default_rng(0)
    q, k, v = rng.standard_normal((3, 2, 3, 9, 4)).astype(np.float32)
    keep = np.array([[True] * 9, [False] * 9])
    (context, _), cache = engine.attention_forward(q, k, v, ops.padding_bias(keep))
    assert_close(context[1], np.broadcast_to(v[1].mean(1, keepdims=True), v[1].shape), rtol=1e-6)
    *grads, _ = engine.attention_backward(Attended(context, None), cache)
    assert all(np.isfinite(g).all() for g in grads)


def test_a_hidden_key_has_no_weight_at_all(engine):
    """Not a tiny one: whatever stands in the padding cannot change the result."""
    q, k, v = np.random.default_rng(0).standard_normal((3, 1, 2, 7, 4)).astype(np.float32)
    bias = ops.padding_bias(np.arange(7)[None] < 5)
    expected = engine.attention_forward(q, k, v, bias)[0].context
    v[:, :, 5:] = 1e30
    assert np.array_equal(engine.attention_forward(q, k, v, bias)[0].context, expected)


def test_the_scores_may_be_wanted_without_a_cotangent(engine):
    args, kwargs = inputs("attention", 9)
    out, cache = engine.attention_forward(*args, **kwargs)
    dout = Attended(out.context, None)
    got = engine.attention_backward(dout, cache)
    expected = ops.attention_backward(dout, ops.attention_forward(*args, **kwargs)[1])
    for g, e in zip(got, expected, strict=True):
        assert_close(g, e, rtol=5e-6)


def test_heads_go_in_and_out_of_attention_without_copies(engine):
    x = np.random.default_rng(0).standard_normal((2, 7, 12)).astype(np.float32)
    w = np.random.default_rng(1).standard_normal((3, 12, 12)).astype(np.float32)
    b = np.zeros(12, np.float32)
    (q, k, v), _ = engine.qkv_forward(x, w[0], b, w[1], b, w[2], b)
    assert q.base is k.base is v.base
    heads = [y.reshape(2, 7, 3, 4).swapaxes(1, 2) for y in (q, k, v)]
    assert all(np.shares_memory(h, q.base) for h in heads)
    out, cache = engine.attention_forward(*heads)
    joined = out.context.swapaxes(1, 2).reshape(2, 7, 12)
    assert np.shares_memory(joined, out.context)
    assert joined.flags.c_contiguous
    dq, dk, dv, _ = engine.attention_backward(out, cache)
    assert dq.base is dk.base is dv.base


def test_extreme_numbers(engine):
    x = np.array([0, -0.0, 1e-30, -1e-30, 5, -5, 13, -13, 40, -40, 1e10, -1e10, 3e38, -3e38], "f4")
    y, cache = engine.gelu_forward(x)
    expected = in_float64(x) * 0.5 * (1 + ops.erf(in_float64(x) / np.sqrt(2)))
    assert np.abs(y - expected).max() <= 4e-7 * np.abs(expected).max()
    assert_close(y[:6], expected[:6], rtol=1e-6)
    assert np.array_equal(engine.gelu_backward(np.ones_like(x), cache)[8:], [1, 0] * 3)


def test_extreme_logits(numba):
    p, _ = numba.softmax_forward(np.array([[0, -50, -100, -3e38], [3e38, 3e38, -3e38, 0]], "f4"))
    assert_close(p, [[1, np.exp(-50), 0, 0], [0.5, 0.5, 0, 0]], rtol=1e-6)
    assert p[0, 1] > 0


@pytest.mark.quick
def test_exp_is_within_its_bound(engine):
    """Seen through attention to two keys whose scores are 0 and whose biases differ by x."""
    x = np.linspace(-86, 0, 30_001, dtype=np.float32)
    q = np.zeros((len(x), 1, 1, 2), np.float32)
    k = np.zeros((len(x), 1, 2, 2), np.float32)
    v = np.broadcast_to(np.eye(2, dtype=np.float32), k.shape)
    bias = np.stack((x, np.zeros_like(x)), 1)[:, None, None]
    p = engine.attention_forward(q, k, v, bias)[0].context[:, 0, 0].astype(np.float64)
    ratio = p[:, 0] / p[:, 1] / np.exp(x.astype(np.float64))
    # C rounds x log2(e), which costs the more the further down x is: 1e-6 of e^-86.
    in_c = engine.source("attention_forward") == "c"
    slope = 0.0 if not in_c else 9e-8 if level_of_c() == "scalar" else 1.6e-8
    assert (np.abs(ratio - 1) < 1.2e-7 + 2 * 2**-24 + slope * np.abs(x)).all()


@pytest.mark.quick
def test_phi_is_within_its_bounds(engine):
    """Seen through GELU; in 1 + erf, Phi would lose its small values."""
    x = np.linspace(-5, 8, 100_002, dtype=np.float32)
    cdf = engine.gelu_forward(x)[0] / in_float64(x)
    truth = ops.gelu_forward(in_float64(x))[0] / in_float64(x)
    assert np.abs(cdf - truth).max() < 3e-7
    assert np.abs(cdf / truth - 1).max() < 2e-6


@pytest.mark.parametrize(
    ("op", "spoil"),
    [
        ("linear", lambda a: (a[0], a[1][:, :-1], a[2])),
        ("linear_gelu", lambda a: (a[0], a[1], a[2][:-1])),
        ("qkv", lambda a: (*a[:-1], a[-1][:-1])),
        ("layernorm", lambda a: (a[0], a[1][:-1], a[2])),
        ("linear_add_layernorm", lambda a: (*a[:3], a[3][..., :-1], *a[4:])),
        ("attention", lambda a: (a[0], a[1][..., :-1], a[2], a[3])),
        ("attention", lambda a: (*a[:3], a[3][..., :-1])),
        ("packed_attention", lambda a: (*a[:3], a[3] + 1)),
        ("packed_attention", lambda a: (*a[:3], a[3][[0, 2, 1, 3]])),
        ("packed_attention", lambda a: (*a[:3], np.append(a[3], a[3][-1]))),
        ("packed_attention", lambda a: (a[0], a[1][:, :-1], *a[2:])),
        ("softmax_cross_entropy", lambda a: (a[0], a[1] + 99)),
        ("softmax_cross_entropy", lambda a: (a[0], a[1][:, :-1])),
        ("embedding", lambda a: (*a[:3], a[3] + 99, a[4])),
        ("embedding", lambda a: (*a[:4], a[4][:, :-1])),
    ],
)
def test_wrong_inputs_raise_what_the_formula_raises(engine, op, spoil):
    """A compiled loop would read beyond the end of an array."""
    if op in NOT_IN_C and engine.level() == "c":
        pytest.skip("C has no kernel for it")
    args, kwargs = inputs(op, 5)
    args = spoil(args)
    with pytest.raises(Exception) as expected:  # noqa: PT011  (whatever it is)
        pair(ops, op)[0](*args, **kwargs)
    with pytest.raises(expected.type) as got:
        pair(engine, op)[0](*args, **kwargs)
    assert str(got.value) == str(expected.value)


@each_kernel("dropout", "mse", "softmax_cross_entropy")
def test_a_cotangent_of_another_shape_is_refused(engine, op):
    args, kwargs = inputs(op, 5)
    out, cache = pair(engine, op)[0](*args, **kwargs)
    dout = each_array(lambda a: np.concatenate((a, a), 0), cotangent(out))
    with pytest.raises(ValueError, match=r"cotangent|dimensions"):
        pair(engine, op)[1](dout, cache)


def test_without_dropout_the_sum_is_the_plain_one(engine):
    args, _ = inputs("linear_add_layernorm", 17)
    check(engine, "linear_add_layernorm", args, {})
    check(engine, "linear_add_layernorm", args, {"drop": Drop(0.0)})


def test_a_mask_that_is_given_gets_the_formula(engine):
    x = np.ones((3, 4), np.float32)
    given = np.arange(12).reshape(3, 4) % 3 > 0
    y, _ = engine.dropout_forward(x, Drop(0.5, masks={0: given}))
    assert np.array_equal(y, 2.0 * given)
