"""The fused ops are their compositions, and a whole attention layer from x to its gradients."""

import numpy as np
import pytest

from minibert import ops
from minibert.check import agrees, assert_close, gradcheck, largest_norm, relative_error
from minibert.check.cases import OP_CASES, PRIMES
from minibert.check.cases.inputs import padding
from minibert.ops import Attended, Drop

from .checks import cotangent, leaves

pytestmark = pytest.mark.quick
OPS = ("qkv", "linear_gelu", "linear_add_layernorm")


def _case(op, mode=""):
    return next(case for case in OP_CASES if (case.op, case.mode) == (op, mode))


def _run(pair, args, kwargs=None):
    out, cache = pair[0](*args, **(kwargs or {}))
    return out, pair[1](cotangent(out), cache)


def test_qkv_is_three_linear_layers(impl):
    args, _ = _case("qkv").inputs()
    out, (dx, *rest) = _run(impl("qkv"), args)
    total = 0
    for n in range(3):
        y, cache = ops.linear_forward(args[0], *args[1 + 2 * n : 3 + 2 * n])
        part, dw, db = ops.linear_backward(cotangent(out)[n], cache)
        total = total + part
        assert_close(out[n], y, rtol=1e-13)
        assert_close(rest[2 * n], dw, rtol=1e-13)
        assert_close(rest[2 * n + 1], db, rtol=1e-13)
    assert_close(dx, total, rtol=1e-13)


def test_linear_gelu_is_gelu_of_linear(impl):
    args, _ = _case("linear_gelu").inputs()
    y, grads = _run(impl("linear_gelu"), args)
    h, c_linear = ops.linear_forward(*args)
    expected, c_gelu = ops.gelu_forward(h)
    assert_close(y, expected, rtol=impl.rtol or 1e-13)
    parts = ops.linear_backward(ops.gelu_backward(cotangent(y), c_gelu), c_linear)
    for got, part in zip(grads, parts, strict=True):
        assert_close(got, part, rtol=impl.rtol or 1e-13)


@pytest.mark.parametrize("drop", [None, Drop(0.3, 1, 2, 3)], ids=["plain", "dropout"])
def test_linear_add_layernorm_is_its_parts(impl, drop):
    (x, w, b, residual, gamma, beta), _ = _case("linear_add_layernorm").inputs()
    y, grads = _run(impl("linear_add_layernorm"), (x, w, b, residual, gamma, beta), {"drop": drop})
    h, c_linear = ops.linear_forward(x, w, b)
    d, c_dropout = ops.dropout_forward(h, drop)
    expected, c_norm = ops.layernorm_forward(residual + d, gamma, beta)
    assert_close(y, expected, rtol=impl.rtol or 1e-13)
    dsum, dgamma, dbeta = ops.layernorm_backward(cotangent(y), c_norm)
    parts = (
        *ops.linear_backward(ops.dropout_backward(dsum, c_dropout), c_linear),
        dsum,
        dgamma,
        dbeta,
    )
    for got, part in zip(grads, parts, strict=True):
        assert_close(got, part, rtol=impl.rtol or 1e-12)


def _self_attention(z, bias):
    """From x and the projections to the context, as one pair."""

    def split(a):
        return a.reshape(z.B, z.L, z.H, z.K).swapaxes(1, 2)

    def join(a):
        return a.swapaxes(1, 2).reshape(z.B, z.L, z.D)

    def forward(x, wq, bq, wk, bk, wv, bv):
        qkv, c_qkv = ops.qkv_forward(x, wq, bq, wk, bk, wv, bv)
        out, c_attention = ops.attention_forward(*map(split, qkv), bias)
        return join(out.context), (c_qkv, c_attention)

    def backward(dy, cache):
        *dqkv, _ = ops.attention_backward(Attended(split(dy), None), cache[1])
        return ops.qkv_backward(tuple(map(join, dqkv)), cache[0])

    return forward, backward


def test_the_key_bias_has_no_gradient():
    """A shift of all of a row's scores is invisible to softmax: the truth is 0, the rest noise."""
    args, _ = _case("qkv").inputs()
    bias = padding(np.random.default_rng(0), PRIMES, PRIMES.L, np.float64)
    forward, backward = _self_attention(PRIMES, bias)
    found = gradcheck(forward, backward, args, zero=("bk",))
    assert found, f"\n{found}"
    assert not gradcheck(forward, backward, args), "noise over noise is no agreement"
    grads = {row.name: row.analytic for row in found.rows}
    numeric = {row.name: row.numeric for row in found.rows}
    largest = largest_norm(numeric)
    assert np.linalg.norm(grads["bk"]) < 1e-12 * largest
    assert relative_error(grads["bk"], numeric["bk"]) > 1e-5
    assert all(agrees(grads[name], numeric[name], largest=largest) for name in grads)
    wrong = grads["bk"] + 1e-7 * largest
    assert not agrees(wrong, numeric["bk"], largest=largest), "the rule still sees a wrong one"


def test_outputs_are_separate_arrays(impl):
    args, _ = _case("qkv").inputs()
    q, k, v = leaves(impl("qkv")[0](*args)[0])
    assert not np.shares_memory(q, k)
    assert not np.shares_memory(k, v)
    assert not np.array_equal(q, k)
