"""One table of the ops with a gradient: inputs, what may be differentiated, and the loop form.

Every test that holds for all ops runs over `CASES`. To add an op, add its rows here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from minibert.check import spec
from minibert.ops import Attended, Drop


class Sizes(NamedTuple):
    """Letters as everywhere; S keys in cross-attention, V words, C classes."""

    B: int
    H: int
    L: int
    K: int
    F: int
    S: int
    V: int
    C: int

    @property
    def D(self):
        return self.H * self.K


PRIMES = Sizes(B=2, H=3, L=5, K=7, F=11, S=13, V=17, C=19)  # a transposed axis cannot fit
SQUARE = Sizes(B=4, H=4, L=4, K=4, F=16, S=4, V=16, C=4)  # a transposed axis fits, and is wrong


@dataclass(frozen=True)
class Case:
    """One op in one mode.

    make(rng, z, dtype) gives the inputs ``(args, kwargs)``; wrt says, in the order in which the
    backward returns gradients, which input each belongs to (a position, a keyword, or None where
    the gradient itself is None); forward and backward are the loop forms, ``forward(*args,
    **kwargs)`` and ``backward(dout, *args, **kwargs)``, the latter where it teaches something.
    `exact` is False where the gradient is deliberately not the derivative, so that numerical
    differences do not apply.
    """

    op: str
    mode: str
    make: Callable
    wrt: tuple
    forward: Callable
    backward: Callable | None = None
    exact: bool = True

    def __str__(self):
        return f"{self.op}-{self.mode}" if self.mode else self.op

    def inputs(self, z=PRIMES, dtype=np.float64, seed=0):
        """Fresh inputs; the same numbers, rounded, in every dtype."""
        args, kwargs = self.make(np.random.default_rng(seed), z, dtype)
        return tuple(_cast(a, dtype) for a in args), {k: _cast(a, dtype) for k, a in kwargs.items()}


def _cast(a, dtype):
    is_float = isinstance(a, np.ndarray) and np.issubdtype(a.dtype, np.floating)
    return a.astype(dtype) if is_float else a


# ------------------------------------------------------------------------------------------ inputs


def gamma(rng, D):
    """Scales that are not 1: with gamma = 1 several LayerNorm mistakes cannot be seen."""
    return rng.uniform(0.5, 1.5, D) * rng.choice([-1, 1], D)


def hidden(rng, *shape):
    """Features with a mean and a spread that are not 0 and 1."""
    return 0.7 + 1.3 * rng.standard_normal(shape)


def weight(rng, o, i):
    return rng.standard_normal((o, i)) / np.sqrt(i)


def keep_tokens(rng, B, L):
    """A real padding mask: rows of different lengths, none empty."""
    lengths = 1 + np.arange(B) * (L - 1) // max(B - 1, 1)
    return np.arange(L) < rng.permutation(lengths)[:, None]


def padding(rng, z, length, dtype):
    keep = keep_tokens(rng, z.B, length)
    return np.where(keep, 0.0, np.finfo(dtype).min)[:, None, None, :]


def causal(length, dtype):
    seen = np.arange(length)[:, None] >= np.arange(length)
    return np.where(seen, 0.0, np.finfo(dtype).min)[None, None]


def _elementwise(rng, z, dtype):
    return (2 * rng.standard_normal((z.B, z.L, z.F)),), {}


def _linear(rng, z, dtype):
    return (hidden(rng, z.B, z.L, z.D), weight(rng, z.F, z.D), rng.standard_normal(z.F)), {}


def _rows_only(rng, z, dtype):
    return (hidden(rng, z.B, z.D), weight(rng, z.F, z.D), rng.standard_normal(z.F)), {}


def _layernorm(eps=None):
    def make(rng, z, dtype):
        args = hidden(rng, z.B, z.L, z.D), gamma(rng, z.D), rng.standard_normal(z.D)
        return args, {} if eps is None else {"eps": eps}

    return make


def _scores(rng, z, dtype):
    return (3 * rng.standard_normal((z.B, z.H, z.L, z.S)),), {}


def _embedding(pad_id, with_segments=True):
    def make(rng, z, dtype):
        ids = rng.integers(0, z.V, (z.B, z.L))
        ids[:, 1] = ids[0, 0]  # a word that occurs more than once
        ids[-1, -2:] = pad_id if pad_id is not None else 0
        tables = [rng.standard_normal((n, z.D)) for n in (z.V, z.L + 2, 2)]
        segments = {"segments": rng.integers(0, 2, (z.B, z.L))} if with_segments else {}
        return (*tables, ids), {**segments, "pad_id": pad_id}

    return make


def _attention(bias=None, cross=False, head_mask=False, want_scores=False, drop=False):
    def make(rng, z, dtype):
        S = z.S if cross else z.L
        q = rng.standard_normal((z.B, z.H, z.L, z.K))
        k, v = (rng.standard_normal((z.B, z.H, S, z.K)) for _ in "kv")
        made = {"padding": lambda: padding(rng, z, S, dtype), "causal": lambda: causal(S, dtype)}
        kwargs = {"want_scores": want_scores} if want_scores else {}
        if head_mask:
            kwargs["head_mask"] = rng.uniform(0.3, 1.7, z.H)
        if drop:
            kwargs["drop"] = Drop(0.3, seed=5, step=3, site=2)
        return (q, k, v, made[bias]() if bias else None), kwargs

    return make


def _labels(ignore=False, smoothing=0.0, ignore_index=-100):
    def make(rng, z, dtype):
        labels = rng.integers(0, z.C, (z.B, z.L))
        if ignore:
            labels[0, 1:3] = ignore_index
        kwargs = {"ignore_index": ignore_index} if ignore_index != -100 else {}
        return (2 * rng.standard_normal((z.B, z.L, z.C)), labels), kwargs | (
            {"smoothing": smoothing} if smoothing else {}
        )

    return make


def _two_logits(**options):
    def make(rng, z, dtype):
        return tuple(2 * rng.standard_normal((z.B + 3, z.C)) for _ in "st"), options

    return make


def _pair(keep=False):
    def make(rng, z, dtype):
        a, b = (hidden(rng, z.B, z.L, z.D) for _ in "ab")
        return (a, b), {"keep": keep_tokens(rng, z.B, z.L)} if keep else {}

    return make


def _dropout(rng, z, dtype):
    return (hidden(rng, z.B, z.L, z.D), Drop(0.4, seed=11, step=2, site=3)), {}


def _qkv(rng, z, dtype):
    weights = [(weight(rng, z.D, z.D), rng.standard_normal(z.D)) for _ in "qkv"]
    return (hidden(rng, z.B, z.L, z.D), *(a for pair in weights for a in pair)), {}


def _linear_add_layernorm(drop=False):
    def make(rng, z, dtype):
        x, w, b = hidden(rng, z.B, z.L, z.F), weight(rng, z.D, z.F), rng.standard_normal(z.D)
        residual = hidden(rng, z.B, z.L, z.D)
        kwargs = {"drop": Drop(0.3, seed=1, step=2, site=3)} if drop else {}
        return (x, w, b, residual, gamma(rng, z.D), rng.standard_normal(z.D)), kwargs

    return make


# -------------------------------------------------------------------------------------- loop forms


def rows(x):
    return np.ascontiguousarray(x).reshape(-1, x.shape[-1])


def _spec_linear(x, w, b):
    return spec.linear_forward(rows(x), w, b).reshape(*x.shape[:-1], len(w))


def _spec_linear_backward(dy, x, w, b):
    dx, dw, db = spec.linear_backward(rows(dy), rows(x), w)
    return dx.reshape(x.shape), dw, db


def _spec_layernorm(x, gamma, beta, eps=1e-12):
    return spec.layernorm_forward(rows(x), gamma, beta, eps).reshape(x.shape)


def _spec_layernorm_backward(dy, x, gamma, beta, eps=1e-12):
    dx, dgamma, dbeta = spec.layernorm_backward(rows(dy), rows(x), gamma, eps)
    return dx.reshape(x.shape), dgamma, dbeta


def _spec_softmax(s):
    return spec.softmax_forward(rows(s)).reshape(s.shape)


def _spec_softmax_backward(dp, s):
    return (spec.softmax_backward(rows(dp), rows(_spec_softmax(s))).reshape(s.shape),)


def _spec_log_softmax(s):
    return spec.log_softmax_forward(rows(s)).reshape(s.shape)


def _spec_embedding(word, position, segment, ids, segments=None, pad_id=0):
    segments = np.zeros_like(ids) if segments is None else segments
    return spec.embedding_forward(word, position, segment, ids, segments)


def _spec_embedding_backward(de, word, position, segment, ids, segments=None, pad_id=0):
    segments = np.zeros_like(ids) if segments is None else segments
    return spec.embedding_backward(de, word, position, segment, ids, segments, pad_id)


def _whole(q, k, bias, head_mask):
    """A bias of every score and a mask of every head, as the loops want them."""
    shape = q.shape[:3] + k.shape[2:3]
    bias = (
        np.zeros(shape, q.dtype) if bias is None else np.broadcast_to(bias, shape).astype(q.dtype)
    )
    return bias, np.ones(q.shape[1], q.dtype) if head_mask is None else head_mask


def _spec_attention(q, k, v, bias=None, *, head_mask=None, want_scores=False):
    context, scores = spec.attention_forward(q, k, v, *_whole(q, k, bias, head_mask))
    return Attended(context, scores if want_scores else None)


def _spec_attention_backward(dout, q, k, v, bias=None, *, head_mask=None, want_scores=False):
    dcontext, dscores = dout
    whole = _whole(q, k, bias, head_mask)
    dscores = np.zeros_like(whole[0]) if dscores is None else dscores
    *grads, dhead_mask = spec.attention_backward(dcontext, dscores, q, k, v, *whole)
    return *grads, None if head_mask is None else dhead_mask


def _spec_attention_dropout(q, k, v, bias=None, *, drop, head_mask=None, want_scores=False):
    bias, head_mask = _whole(q, k, bias, head_mask)
    _, scores = spec.attention_forward(q, k, v, bias, head_mask)
    p = _spec_dropout(_spec_softmax(scores + bias), drop)
    context = np.einsum("h,bhls,bhsk->bhlk", head_mask, p, v)
    return Attended(context, scores if want_scores else None)


def _spec_cross_entropy(logits, labels, *, ignore_index=-100, smoothing=0.0):
    flat = labels.reshape(-1)
    return spec.softmax_cross_entropy_forward(rows(logits), flat, ignore_index, smoothing)


def _spec_cross_entropy_backward(dloss, logits, labels, *, ignore_index=-100, smoothing=0.0):
    flat = labels.reshape(-1)
    dz = spec.softmax_cross_entropy_backward(rows(logits), flat, ignore_index, smoothing)
    return (dloss * dz.reshape(logits.shape),)


def _count(student, mean):
    return student.size if mean == "all" else len(student)


def _spec_soft(student, teacher, *, tau=1.0, mean="batch"):
    return spec.soft_cross_entropy_forward(student, teacher, tau, _count(student, mean))


def _spec_soft_backward(dloss, student, teacher, *, tau=1.0, mean="batch"):
    n = _count(student, mean)
    return (dloss * spec.soft_cross_entropy_backward(student, teacher, tau, n),)


def _spec_kl(student, teacher, *, tau=1.0):
    return spec.kl_forward(student, teacher, tau)


def _spec_kl_backward(dloss, student, teacher, *, tau=1.0):
    return (dloss * spec.kl_backward(student, teacher, tau),)


def _of_rows(function):
    def forward(a, b, keep=None):
        kept = np.ones(rows(a).shape[0], bool) if keep is None else keep.reshape(-1)
        return function(rows(a), rows(b), kept)

    return forward


def _of_rows_backward(function):
    def backward(dloss, a, b, keep=None):
        kept = np.ones(rows(a).shape[0], bool) if keep is None else keep.reshape(-1)
        return tuple(dloss * g.reshape(a.shape) for g in function(rows(a), rows(b), kept))

    return backward


def _spec_keep(shape, drop):
    keep = spec.keep_mask(int(np.prod(shape)), drop.rate, *drop.hash_keys())
    return keep.reshape(shape)


def _spec_dropout(x, drop):
    return spec.dropout_forward(x, _spec_keep(x.shape, drop), drop.rate)


def _spec_qkv(x, *weights):
    return tuple(_spec_linear(x, w, b) for w, b in zip(weights[::2], weights[1::2], strict=True))


def _spec_qkv_backward(dout, x, *weights):
    grads = [_spec_linear_backward(d, x, w, None) for d, w in zip(dout, weights[::2], strict=True)]
    return sum(g[0] for g in grads), *(a for g in grads for a in g[1:])


def _spec_linear_gelu(x, w, b):
    return spec.gelu_forward(_spec_linear(x, w, b))


def _spec_linear_gelu_backward(dy, x, w, b):
    return _spec_linear_backward(spec.gelu_backward(dy, _spec_linear(x, w, b)), x, w, b)


def _spec_sum(x, w, b, residual, drop):
    h = _spec_linear(x, w, b)
    return residual + (h if drop is None else _spec_dropout(h, drop))


def _spec_linear_add_layernorm(x, w, b, residual, gamma, beta, eps=1e-12, drop=None):
    return _spec_layernorm(_spec_sum(x, w, b, residual, drop), gamma, beta, eps)


def _spec_linear_add_layernorm_backward(dy, x, w, b, residual, gamma, beta, eps=1e-12, drop=None):
    total = _spec_sum(x, w, b, residual, drop)
    dsum, dgamma, dbeta = _spec_layernorm_backward(dy, total, gamma, beta, eps)
    dh = dsum if drop is None else _spec_dropout(dsum, drop)
    return *_spec_linear_backward(dh, x, w, b), dsum, dgamma, dbeta


# ------------------------------------------------------------------------------------------- table


def _attention_case(mode, wrt=(0, 1, 2), **options):
    forms = _spec_attention, _spec_attention_backward
    forms = (_spec_attention_dropout, None) if "drop" in options else forms
    return Case("attention", mode, _attention(**options), wrt, *forms)


def _ce(mode, **options):
    forms = _spec_cross_entropy, _spec_cross_entropy_backward
    return Case("softmax_cross_entropy", mode, _labels(**options), (0,), *forms)


def _soft(mode, **options):
    return Case(
        "soft_cross_entropy", mode, _two_logits(**options), (0,), _spec_soft, _spec_soft_backward
    )


def _elementwise_case(op, forward, backward=None):
    looped = backward and (lambda dy, x: (backward(dy, x),))
    return Case(op, "", _elementwise, (0,), forward, looped)


_LINEAR = (0, 1, 2), _spec_linear, _spec_linear_backward
_LAYERNORM = (0, 1, 2), _spec_layernorm, _spec_layernorm_backward
_EMBEDDING = (0, 1, 2), _spec_embedding, _spec_embedding_backward
_MSE = (0, 1), _of_rows(spec.mse_forward), _of_rows_backward(spec.mse_backward)
_COSINE = (0, 1), _of_rows(spec.cosine_forward), _of_rows_backward(spec.cosine_backward)
_ADD = tuple(range(6)), _spec_linear_add_layernorm, _spec_linear_add_layernorm_backward

CASES = (
    Case("linear", "", _linear, *_LINEAR),
    Case("linear", "rows", _rows_only, *_LINEAR),
    Case("layernorm", "", _layernorm(), *_LAYERNORM),
    Case("layernorm", "large-eps", _layernorm(eps=0.3), *_LAYERNORM),
    _elementwise_case("gelu", spec.gelu_forward, spec.gelu_backward),
    _elementwise_case("gelu_tanh", spec.gelu_tanh_forward),
    _elementwise_case("tanh", spec.tanh_forward),
    _elementwise_case("relu", spec.relu_forward),
    Case("softmax", "", _scores, (0,), _spec_softmax, _spec_softmax_backward),
    Case("log_softmax", "", _scores, (0,), _spec_log_softmax),
    Case(
        "dropout", "", _dropout, (0,), _spec_dropout, lambda dy, x, drop: (_spec_dropout(dy, drop),)
    ),
    Case("embedding", "", _embedding(None), *_EMBEDDING),
    Case("embedding", "pad", _embedding(0), *_EMBEDDING, exact=False),  # no gradient to its row
    Case("embedding", "other-pad", _embedding(3), *_EMBEDDING, exact=False),
    Case("embedding", "no-segments", _embedding(None, with_segments=False), *_EMBEDDING),
    _attention_case("", wrt=(0, 1, 2, None)),
    _attention_case("padding", wrt=(0, 1, 2, None), bias="padding"),
    _attention_case("causal", wrt=(0, 1, 2, None), bias="causal"),
    _attention_case("cross", wrt=(0, 1, 2, None), bias="padding", cross=True),
    _attention_case("scores", wrt=(0, 1, 2, None), bias="padding", want_scores=True),
    _attention_case(
        "head-mask", wrt=(0, 1, 2, "head_mask"), bias="padding", head_mask=True, want_scores=True
    ),
    _attention_case("dropout", wrt=(0, 1, 2, None), bias="padding", drop=True),
    _attention_case(
        "dropout-head-mask", wrt=(0, 1, 2, "head_mask"), drop=True, head_mask=True, want_scores=True
    ),
    _ce(""),
    _ce("ignore", ignore=True),
    _ce("ignore-index-0", ignore=True, ignore_index=0),
    _ce("smoothing", smoothing=0.1),
    _ce("ignore-smoothing", ignore=True, smoothing=0.2),
    _soft(""),
    _soft("tau", tau=3.0),
    _soft("all", mean="all"),
    _soft("tau-all", tau=0.5, mean="all"),
    Case("kl", "", _two_logits(), (0,), _spec_kl, _spec_kl_backward),
    Case("kl", "tau", _two_logits(tau=3.0), (0,), _spec_kl, _spec_kl_backward),
    Case("mse", "", _pair(), *_MSE),
    Case("mse", "keep", _pair(keep=True), *_MSE),
    Case("cosine", "", _pair(), *_COSINE),
    Case("cosine", "keep", _pair(keep=True), *_COSINE),
    Case("qkv", "", _qkv, tuple(range(7)), _spec_qkv, _spec_qkv_backward),
    Case("linear_gelu", "", _linear, (0, 1, 2), _spec_linear_gelu, _spec_linear_gelu_backward),
    Case("linear_add_layernorm", "", _linear_add_layernorm(), *_ADD),
    Case("linear_add_layernorm", "dropout", _linear_add_layernorm(drop=True), *_ADD),
)
