"""The checks of this folder, on wrong ops: each has to fail on each.

The mistakes of `minibert.check.mistakes` are swapped in by tests/check/mistakes. Here are those
that no plain formula has: they change no number, concern what only the library's signatures take,
or are of ops that the catalogue has not. The right ones pass the very same call.
"""

import numpy as np
import pytest

from minibert import kernels, ops
from minibert.check.cases import OP_CASES
from minibert.check.forms import check_numpy
from minibert.check.references import golden
from minibert.ops import Attended

from .checks import check_all


def _right(name):
    return getattr(ops, f"{name}_forward"), getattr(ops, f"{name}_backward")


def _with_backward(name, backward):
    return _right(name)[0], backward


def _residual_dropped_too():
    """Dropout of the sum instead of the sublayer's output."""

    def forward(x, w, b, residual, gamma, beta, eps=1e-12, drop=None):
        h, c_linear = ops.linear_forward(x, w, b)
        h, c_drop = ops.dropout_forward(residual + h, drop)
        y, c_norm = ops.layernorm_forward(h, gamma, beta, eps)
        return y, (c_linear, c_drop, c_norm)

    def backward(dy, cache):
        dsum, dgamma, dbeta = ops.layernorm_backward(dy, cache[2])
        dsum = ops.dropout_backward(dsum, cache[1])
        return *ops.linear_backward(dsum, cache[0]), dsum, dgamma, dbeta

    return forward, backward


def _attention_scores_forgotten(dout, cache):
    return ops.attention_backward(Attended(dout.context, None), cache)


def _head_masks_reversed(dout, cache):
    *grads, dm = ops.attention_backward(dout, cache)
    return *grads, None if dm is None else dm[::-1]


def _mutating_softmax_backward(dp, p):
    dp -= (dp * p).sum(-1, keepdims=True)
    return p * dp


def _to_float64(name):
    """np.sqrt of a Python number is a float64 scalar, which widens float32."""
    forward, backward = _right(name)
    return forward, lambda dy, cache: backward(dy, cache) * np.sqrt(np.float64(1.0))


MISTAKES = {
    "attention: cotangent of the scores lost": (
        "attention", _with_backward("attention", _attention_scores_forgotten)),
    "attention: gradient of the head mask of another head": (
        "attention", _with_backward("attention", _head_masks_reversed)),
    "softmax: gradient all zero": (
        "softmax", _with_backward("softmax", lambda dp, p: np.zeros_like(p))),
    "softmax: gradient with its sign flipped": (
        "softmax", _with_backward("softmax", lambda dp, p: -ops.softmax_backward(dp, p))),
    "softmax: the cotangent is changed": (
        "softmax", _with_backward("softmax", _mutating_softmax_backward)),
    "log_softmax: p missing": (
        "log_softmax",
        _with_backward("log_softmax", lambda d, c: d - d.sum(-1, keepdims=True) / d.shape[-1])),
    "gelu: float64 out of float32": ("gelu", _to_float64("gelu")),
    "relu: gradient of the negative half": (
        "relu", _with_backward("relu", lambda dy, positive: dy * ~positive)),
    "info-nce: gradients exchanged": (
        "info_nce", _with_backward("info_nce", lambda d, c: ops.info_nce_backward(d, c)[::-1])),
    "qkv: dx of the query only": (
        "qkv",
        _with_backward("qkv", lambda d, c: (
            ops.linear_backward(d[0], c[0])[0], *ops.qkv_backward(d, c)[1:]))),
    "linear_add_layernorm: dropout of the sum": ("linear_add_layernorm", _residual_dropped_too()),
}  # fmt: skip


def _cases(name):
    return [case for case in OP_CASES if case.op == name]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_caught(mistake):
    name, pair = MISTAKES[mistake]
    with pytest.raises(AssertionError):
        check_all(pair, _cases(name))


# These change no number of a float64 result.
NOT_IN_THE_NUMBERS = {"gelu: float64 out of float32", "softmax: the cotangent is changed"}


@pytest.mark.parametrize("mistake", MISTAKES.keys() - NOT_IN_THE_NUMBERS)
def test_a_mistake_is_not_proved(mistake):
    """The golden files alone tell it from the right one."""
    name, pair = MISTAKES[mistake]
    with kernels.swap(**{name: pair}):
        found = [check_numpy(case, golden(str(case)), seed=1)[0] for case in _cases(name)]
    assert "wrong" in {check.state for check in found}


@pytest.mark.parametrize("name", sorted({name for name, _ in MISTAKES.values()}))
def test_the_right_one_passes_the_same_call(name):
    check_all(_right(name), _cases(name))
