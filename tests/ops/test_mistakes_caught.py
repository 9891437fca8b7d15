"""The checks of this folder, on wrong ops: each has to fail on each.

A check that passes everything proves nothing. These are mistakes that people make, each a small
change to the right formula; the right ones pass the very same call.
"""

import math

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


def _with_forward(name, forward):
    return forward, _right(name)[1]


def _with_backward(name, backward):
    return _right(name)[0], backward


def _softmax(s, axis=-1):
    e = np.exp(s - s.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


# ---------------------------------------------------------------------------- forward and backward
# A consistent pair: its gradient is the derivative of its wrong forward, which only the loop form
# can tell.


def _attention(scaled=True, axis=-1, mask_first=True):
    """A pair that is right by default, its backward the derivative of whatever its forward is."""

    def forward(q, k, v, bias=None, *, drop=None, head_mask=None, want_scores=False):
        scale = 1 / math.sqrt(q.shape[-1]) if scaled else 1.0
        s = q @ k.swapaxes(-1, -2) * scale
        bias = 0.0 if bias is None else bias
        if mask_first:
            p = seen = _softmax(s + bias, axis)
        else:
            p = _softmax(s, axis)
            seen = p * (bias == 0)
        d, c_drop = ops.dropout_forward(seen, drop)
        m = np.ones(q.shape[1], q.dtype) if head_mask is None else head_mask
        u = d @ v
        cache = q, k, v, p, d, c_drop, u, m, scale, bias, head_mask is not None
        return Attended(u * m[:, None, None], s if want_scores else None), cache

    def backward(dout, cache):
        q, k, v, p, d, c_drop, u, m, scale, bias, has_mask = cache
        du = dout.context * m[:, None, None]
        dp = ops.dropout_backward(du @ v.swapaxes(-1, -2), c_drop)
        dp = dp if mask_first else dp * (bias == 0)
        ds = p * (dp - (dp * p).sum(axis, keepdims=True))
        ds = ds if dout.scores is None else ds + dout.scores
        dm = (dout.context * u).sum((0, 2, 3)) if has_mask else None
        return ds @ k * scale, ds.swapaxes(-1, -2) @ q * scale, d.swapaxes(-1, -2) @ du, dm

    return forward, backward


def _layernorm(unbiased=False, eps_outside=False):
    def forward(x, gamma, beta, eps=1e-12):
        c = x - x.mean(-1, keepdims=True)
        D = x.shape[-1]
        var = (c * c).sum(-1, keepdims=True) / (D - 1 if unbiased else D)
        sigma = (
            np.sqrt(var) + x.dtype.type(eps) if eps_outside else np.sqrt(var + x.dtype.type(eps))
        )
        return gamma * c / sigma + beta, (c / sigma, 1 / sigma, gamma)

    return _with_forward("layernorm", forward)


def _soft_cross_entropy_over_classes():
    """Mean over classes where the paper's is over the batch, and the other way round."""
    forward, backward = _right("soft_cross_entropy")
    other = {"batch": "all", "all": "batch"}

    def wrong(student, teacher, *, tau=1.0, mean="batch"):
        return forward(student, teacher, tau=tau, mean=other[mean])

    return wrong, backward


def _kl_without_tau_squared():
    forward, backward = _right("kl")

    def wrong(student, teacher, *, tau=1.0):
        loss, cache = forward(student, teacher, tau=tau)
        return loss / student.dtype.type(tau * tau), (cache, tau)

    return wrong, lambda dloss, cache: backward(dloss / cache[1] ** 2, cache[0])


def _cross_entropy_counts_ignored():
    """The mean over all rows, ignored ones too."""
    forward, backward = _right("softmax_cross_entropy")

    def wrong(logits, labels, *, ignore_index=-100, smoothing=0.0):
        loss, cache = forward(logits, labels, ignore_index=ignore_index, smoothing=smoothing)
        share = float((labels != ignore_index).mean())
        return loss * share, (cache, share)

    return wrong, lambda dloss, cache: backward(dloss * cache[1], cache[0])


def _smoothing_over_the_others():
    """The smoothed share goes to the C - 1 wrong classes only: another formula that is in use."""
    forward, backward = _right("softmax_cross_entropy")

    def wrong(logits, labels, *, ignore_index=-100, smoothing=0.0):
        C = logits.shape[-1]
        e = smoothing * C / (C - 1)
        return forward(logits, labels, ignore_index=ignore_index, smoothing=e)

    return wrong, backward


def _missing_residual():
    forward, backward = _right("linear_add_layernorm")

    def wrong(x, w, b, residual, gamma, beta, eps=1e-12, drop=None):
        return forward(x, w, b, np.zeros_like(residual), gamma, beta, eps, drop)

    return wrong, lambda dy, c: (*backward(dy, c)[:3], np.zeros_like(dy), *backward(dy, c)[4:])


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


def _dropout_unscaled():
    def forward(x, drop):
        keep = ops.keep_mask(x.shape, drop)
        return x * keep, keep

    return forward, lambda dy, keep: dy * keep


# ------------------------------------------------------------------------------------ backward only


def _gamma_outside(dy, cache):
    xhat, inv_sigma, gamma = cache
    mean = (
        dy - dy.mean(-1, keepdims=True) - xhat * (dy * xhat).mean(-1, keepdims=True)
    ) * inv_sigma
    axes = tuple(range(dy.ndim - 1))
    return gamma * mean, (dy * xhat).sum(axes), dy.sum(axes)


def _layernorm_mean_forgotten(dy, cache):
    """The gradient through the mean left out."""
    xhat, inv_sigma, gamma = cache
    g = dy * gamma
    axes = tuple(range(dy.ndim - 1))
    dx = (g - xhat * (g * xhat).mean(-1, keepdims=True)) * inv_sigma
    return dx, (dy * xhat).sum(axes), dy.sum(axes)


def _gelu_tanh_derivative(dy, x):
    return ops.gelu_tanh_backward(dy, x)


def _attention_scores_forgotten(dout, cache):
    return ops.attention_backward(Attended(dout.context, None), cache)


def _attention_backward_unscaled(dout, cache):
    dq, dk, dv, dm = ops.attention_backward(dout, cache)
    scale = math.sqrt(cache[0].shape[-1])
    return dq * scale, dk * scale, dv, dm


def _embedding_last_wins(de, cache):
    """``dword[ids] += de`` adds only once for ids that repeat."""
    ids, _, pad_id, word_shape, *_ = cache
    _, dposition, dsegment = ops.embedding_backward(de, cache)
    dword = np.zeros(word_shape, de.dtype)
    dword[ids] += de
    if pad_id is not None:
        dword[pad_id] = 0
    return dword, dposition, dsegment


def _embedding_trains_pad(de, cache):
    """The pad row learns from look-ups."""
    return ops.embedding_backward(de, (*cache[:2], None, *cache[3:]))


def _mutating_softmax_backward(dp, p):
    dp -= (dp * p).sum(-1, keepdims=True)
    return p * dp


def _linear_bias_a_mean(dy, cache):
    dx, dw, db = ops.linear_backward(dy, cache)
    return dx, dw, db / len(dy)


def _to_float64(name):
    """np.sqrt of a Python number is a float64 scalar, which widens float32."""
    forward, backward = _right(name)
    return forward, lambda dy, cache: backward(dy, cache) * np.sqrt(np.float64(1.0))


MISTAKES = {
    "attention: not scaled by sqrt K": ("attention", _attention(scaled=False)),
    "attention: softmax over the queries": ("attention", _attention(axis=-2)),
    "attention: mask after the softmax": ("attention", _attention(mask_first=False)),
    "attention: cotangent of the scores lost": (
        "attention", _with_backward("attention", _attention_scores_forgotten)),
    "attention: backward not scaled": (
        "attention", _with_backward("attention", _attention_backward_unscaled)),
    "attention: gradient of the head mask of another head": (
        "attention",
        _with_backward("attention", lambda d, c: (
            *ops.attention_backward(d, c)[:3],
            None if c[-1] is None else ops.attention_backward(d, c)[3][::-1])),
    ),
    "softmax: over the wrong axis": (
        "softmax", _with_forward("softmax", lambda s: (_softmax(s, -2),) * 2)),
    "softmax: gradient all zero": (
        "softmax", _with_backward("softmax", lambda dp, p: np.zeros_like(p))),
    "softmax: gradient with its sign flipped": (
        "softmax", _with_backward("softmax", lambda dp, p: -ops.softmax_backward(dp, p))),
    "softmax: only the diagonal of the Jacobian": (
        "softmax", _with_backward("softmax", lambda dp, p: dp * p * (1 - p))),
    "softmax: the cotangent is changed": (
        "softmax", _with_backward("softmax", _mutating_softmax_backward)),
    "log_softmax: p missing": (
        "log_softmax",
        _with_backward("log_softmax", lambda d, c: d - d.sum(-1, keepdims=True) / d.shape[-1])),
    "layernorm: gamma outside the means": (
        "layernorm", _with_backward("layernorm", _gamma_outside)),
    "layernorm: mean forgotten in the gradient": (
        "layernorm", _with_backward("layernorm", _layernorm_mean_forgotten)),
    "layernorm: unbiased variance": ("layernorm", _layernorm(unbiased=True)),
    "layernorm: eps outside the root": ("layernorm", _layernorm(eps_outside=True)),
    "gelu: the tanh form": ("gelu", _right("gelu_tanh")),
    "gelu: derivative of the tanh form": ("gelu", _with_backward("gelu", _gelu_tanh_derivative)),
    "gelu: float64 out of float32": ("gelu", _to_float64("gelu")),
    "relu: gradient of the negative half": (
        "relu", _with_backward("relu", lambda dy, positive: dy * ~positive)),
    "tanh: 1 - x^2 instead of 1 - y^2": (
        "tanh", (lambda x: (np.tanh(x), x), lambda dy, x: dy * (1 - x * x))),
    "linear: bias gradient a mean": (
        "linear", _with_backward("linear", _linear_bias_a_mean)),
    "linear: x W instead of x W^T": (
        "linear",
        (lambda x, w, b: (x @ (w.T if w.shape[0] != w.shape[1] else w) + b, (x, w)),
         ops.linear_backward)),
    "embedding: dword[ids] += de": ("embedding", _with_backward("embedding", _embedding_last_wins)),
    "embedding: the pad row is trained": (
        "embedding", _with_backward("embedding", _embedding_trains_pad)),
    "dropout: not scaled by 1 - rate": ("dropout", _dropout_unscaled()),
    "soft cross-entropy: mean over classes": (
        "soft_cross_entropy", _soft_cross_entropy_over_classes()),
    "kl: no tau squared": ("kl", _kl_without_tau_squared()),
    "cross-entropy: ignored rows counted": (
        "softmax_cross_entropy", _cross_entropy_counts_ignored()),
    "cross-entropy: smoothing over the others": (
        "softmax_cross_entropy", _smoothing_over_the_others()),
    "mse: factor 2 missing": (
        "mse", _with_backward("mse", lambda d, c: tuple(g / 2 for g in ops.mse_backward(d, c)))),
    "mse: db with da's sign": (
        "mse", _with_backward("mse", lambda d, c: (ops.mse_backward(d, c)[0],) * 2)),
    "cosine: norms held constant": (
        "cosine",
        _with_backward("cosine", lambda d, c: (-c[5] * d * c[1] / c[2], -c[5] * d * c[0] / c[3]))),
    "info-nce: a sum": (
        "info_nce",
        (lambda q, k, *, tau=1.0: (len(q) * ops.info_nce_forward(q, k, tau=tau)[0],
                                   ops.info_nce_forward(q, k, tau=tau)[1]),
         lambda d, c: ops.info_nce_backward(len(c[0]) * d, c))),
    "info-nce: softmax over the queries": (
        "info_nce",
        (lambda q, k, *, tau=1.0: ops.info_nce_forward(k, q, tau=tau),
         lambda d, c: ops.info_nce_backward(d, c)[::-1])),
    "info-nce: gradient without tau": (
        "info_nce", _with_backward(
            "info_nce", lambda d, c: ops.info_nce_backward(d, (*c[:3], 1.0)))),
    "info-nce: gradients exchanged": (
        "info_nce", _with_backward("info_nce", lambda d, c: ops.info_nce_backward(d, c)[::-1])),
    "qkv: dx of the query only": (
        "qkv",
        _with_backward("qkv", lambda d, c: (
            ops.linear_backward(d[0], c[0])[0], *ops.qkv_backward(d, c)[1:]))),
    "linear_add_layernorm: missing residual": ("linear_add_layernorm", _missing_residual()),
    "linear_add_layernorm: dropout of the sum": ("linear_add_layernorm", _residual_dropped_too()),
    "linear_gelu: gelu's derivative at the output": (
        "linear_gelu",
        _with_backward("linear_gelu", lambda dy, c: ops.linear_backward(
            ops.gelu_backward(dy, ops.gelu_forward(c[1])[0]), c[0]))),
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


@pytest.mark.parametrize(
    ("name", "pair"), [("attention", _attention()), ("layernorm", _layernorm())]
)
def test_what_is_written_out_here_is_right_without_its_switch(name, pair):
    """So that it is the switch that is caught, and nothing else."""
    check_all(pair, _cases(name))
