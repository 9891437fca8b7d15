"""Attention beyond the table: masks of every kind, the scores, dropout, the head mask."""

import math

import numpy as np
import pytest

from minibert.check import assert_close
from minibert.check.cases import PRIMES
from minibert.check.cases.inputs import keep_tokens
from minibert.ops import Attended, Drop, causal_bias, padding_bias

pytestmark = pytest.mark.quick
OPS = ("attention",)
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def _qkv(dtype=np.float64, S=PRIMES.L, seed=0):
    rng, z = np.random.default_rng(seed), PRIMES
    q = rng.standard_normal((z.B, z.H, z.L, z.K)).astype(dtype)
    return q, *(rng.standard_normal((z.B, z.H, S, z.K)).astype(dtype) for _ in "kv")


def _gradients(impl, q, k, v, bias=None, seed=1, **options):
    forward, backward = impl("attention")
    out, cache = forward(q, k, v, bias, **options)
    dcontext = np.random.default_rng(seed).standard_normal(out.context.shape).astype(q.dtype)
    return out, backward(Attended(dcontext, None), cache)


@DTYPES
def test_a_fully_masked_row_is_uniform_and_finite(impl, dtype):
    q, k, v = _qkv(dtype)
    keep = np.array([[False] * PRIMES.L, [True] * PRIMES.L])
    out, grads = _gradients(impl, q, k, v, padding_bias(keep, dtype))
    assert_close(
        out.context[0], np.broadcast_to(v[0].mean(1, keepdims=True), v[0].shape), rtol=1e-6
    )
    assert all(np.isfinite(g).all() for g in grads[:3])


@DTYPES
def test_padded_keys_have_no_influence(impl, dtype):
    q, k, v = _qkv(dtype)
    keep = keep_tokens(np.random.default_rng(0), PRIMES.B, PRIMES.L)
    assert not keep.all()
    bias = padding_bias(keep, dtype)
    out, (_, dk, dv, _) = _gradients(impl, q, k, v, bias)
    hidden_keys = ~keep[:, None, :, None] & np.ones_like(k, bool)
    assert not dk[hidden_keys].any()
    assert not dv[hidden_keys].any()
    k2, v2 = (
        np.where(hidden_keys, k + 5, k).astype(dtype),
        np.where(hidden_keys, v - 3, v).astype(dtype),
    )
    assert np.array_equal(impl("attention")[0](q, k2, v2, bias)[0].context, out.context)


def test_a_masked_batch_equals_its_rows_without_padding(impl):
    q, k, v = _qkv()
    keep = keep_tokens(np.random.default_rng(0), PRIMES.B, PRIMES.L)
    out, _ = impl("attention")[0](q, k, v, padding_bias(keep, np.float64))
    for b, length in enumerate(keep.sum(1)):
        here = np.s_[b : b + 1, :, :length]
        alone, _ = impl("attention")[0](q[here], k[here], v[here])
        assert_close(out.context[here], alone.context, rtol=1e-12)


@DTYPES
def test_causal_tokens_do_not_see_the_future(impl, dtype):
    q, k, v = _qkv(dtype)
    bias = causal_bias(PRIMES.L, dtype)
    assert bias.shape == (1, 1, PRIMES.L, PRIMES.L)
    assert bias.dtype == dtype
    out, _ = impl("attention")[0](q, k, v, bias)
    assert_close(out.context[:, :, 0], v[:, :, 0], rtol=1e-6, name="the first token sees itself")
    last = k.copy(), v.copy()
    for a in last:
        a[:, :, -1] += 5
    changed, _ = impl("attention")[0](q, *last, bias)
    assert np.array_equal(changed.context[:, :, :-1], out.context[:, :, :-1])
    assert not np.array_equal(changed.context[:, :, -1], out.context[:, :, -1])


@DTYPES
def test_padding_bias_is_the_types_minimum(dtype):
    keep = np.array([[True, True, False], [True, False, False]])
    bias = padding_bias(keep, dtype)
    assert bias.shape == (2, 1, 1, 3)
    assert bias.dtype == dtype
    assert np.array_equal(bias[:, 0, 0] == 0, keep)
    assert (bias[:, 0, 0][~keep] == np.finfo(dtype).min).all()


def test_scores_are_scaled_and_before_the_bias(impl):
    q, k, v = _qkv(S=PRIMES.S)
    bias = padding_bias(keep_tokens(np.random.default_rng(0), PRIMES.B, PRIMES.S), np.float64)
    out, _ = impl("attention")[0](q, k, v, bias, want_scores=True)
    expected = np.einsum("bhlk,bhsk->bhls", q, k) / math.sqrt(PRIMES.K)
    assert_close(out.scores, expected, rtol=1e-12, axes="BHLS")
    assert impl("attention")[0](q, k, v, bias)[0].scores is None


def test_want_scores_does_not_change_the_context(impl):
    q, k, v = _qkv()
    plain, scored = (impl("attention")[0](q, k, v, want_scores=w)[0].context for w in (False, True))
    assert_close(scored, plain, rtol=1e-12)


def test_a_cotangent_of_the_scores_alone(impl):
    q, k, v = _qkv()
    forward, backward = impl("attention")
    out, cache = forward(q, k, v, want_scores=True)
    ds = np.random.default_rng(1).standard_normal(out.scores.shape)
    dq, dk, dv, _ = backward(Attended(np.zeros_like(out.context), ds), cache)
    assert_close(dq, ds @ k / math.sqrt(PRIMES.K), rtol=1e-12)
    assert_close(dk, ds.swapaxes(-1, -2) @ q / math.sqrt(PRIMES.K), rtol=1e-12)
    assert not dv.any()


def test_the_backward_is_linear_in_both_cotangents(impl):
    q, k, v = _qkv()
    forward, backward = impl("attention")
    out, cache = forward(q, k, v, want_scores=True)
    rng = np.random.default_rng(1)
    dc, ds = rng.standard_normal(out.context.shape), rng.standard_normal(out.scores.shape)
    both = backward(Attended(dc, ds), cache)
    context_only = backward(Attended(dc, None), cache)
    scores_only = backward(Attended(np.zeros_like(dc), ds), cache)
    for total, a, b in zip(both[:3], context_only, scores_only, strict=False):
        assert_close(total, a + b, rtol=1e-12)


def test_a_head_mask_of_zero_removes_the_head_and_its_gradient_is_its_weight(impl):
    q, k, v = _qkv()
    mask = np.array([1.0, 0.0, 1.0])
    out, (dq, dk, dv, dmask) = _gradients(impl, q, k, v, head_mask=mask)
    assert not out.context[:, 1].any()
    assert not any(d[:, 1].any() for d in (dq, dk, dv))
    plain, _ = impl("attention")[0](q, k, v)
    dcontext = np.random.default_rng(1).standard_normal(plain.context.shape)
    assert_close(dmask, (dcontext * plain.context).sum((0, 2, 3)), rtol=1e-12)
    assert abs(dmask[1]) > 0.1, "a head that is masked still says what it would be worth"


def test_dropout_of_rate_zero_is_no_dropout(impl):
    q, k, v = _qkv()
    plain, dropped = (impl("attention")[0](q, k, v, drop=d)[0].context for d in (None, Drop(0.0)))
    assert np.array_equal(plain, dropped)


def test_dropout_takes_explicit_masks(impl):
    q, k, v = _qkv()
    mask = np.random.default_rng(3).random((PRIMES.B, PRIMES.H, PRIMES.L, PRIMES.L)) > 0.5
    out, _ = impl("attention")[0](q, k, v, drop=Drop(0.5, site=4, masks={4: mask}))
    s = np.exp(q @ k.swapaxes(-1, -2) / math.sqrt(PRIMES.K))
    assert_close(out.context, (s / s.sum(-1, keepdims=True) * mask / 0.5) @ v, rtol=1e-12)
