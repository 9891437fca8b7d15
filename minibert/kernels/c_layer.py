"""Transformer layers without gradients, all in one call of C (csrc/layer.c, csrc/int8_layer.c).

    (1)  q, k, v = the three thirds of x [Wq; Wk; Wv]^T + [bq; bk; bv]
    (2)  context = attention(q, k, v)
    (3)  x1 = layernorm(x + context Wo^T + bo)
    (4)  a = gelu(x1 W1^T + b1)
    (5)  y = layernorm(x1 + a W2^T + b2)

The threads enter the call together and share its work among themselves. With one sentence a step
takes 50 to 300 us: waking the threads for every one of them, and coming back to Python after it,
would take half as long again. Where the weights are int8 so are the products, and x, context, x1
and a become codes where they are made.

Error against float64: 3e-6 relative norm a layer. With int8 weights the products are those of
`ops.int8_linear_forward` to the bit; but where float32 rounds otherwise on the way, a number may
get the next code: 1e-2 relative norm a layer at most. On AMX attention is then in bf16, unless its
scores are wanted.
"""

import numpy as np

from minibert.kernels import c_int8, packs, pool
from minibert.kernels.arrays import F32, as_rows, bias_fits, plain
from minibert.kernels.c_attention import are_offsets, one_a_key
from minibert.kernels.c_library import FLOAT, NULL, check, ffi, lib, read, write
from minibert.kernels.c_packing import packed
from minibert.kernels.suited import is_suited
from minibert.ops.packed import QTensor

_LEAST_ROWS = 8  # below that, waking a thread costs more than its share of the work
_LINE = 16  # numbers in a cache line: what a product writes begins with one
_NOT_FINITE = -3  # what C answers where a number is none that int8 can hold


def transformer_layers(
    x, layers, *, heads, eps=1e-12, bias=None, offsets=None, want_scores=False, want_hidden=True
):
    """Hidden states, and scores where they are wanted."""
    if not layers or not is_suited((x, bias, offsets), {}):
        return NotImplemented
    stack = _stack(layers, tuple(heads), eps)
    if stack is None or not _fits(x, stack.D, bias, offsets, want_scores):
        return NotImplemented
    rows, N = as_rows(x), len(layers)
    M = len(rows)
    scores = [None] * N
    if offsets is None:
        B, L, _ = x.shape
        offsets = np.arange(0, M + 1, L)
        if want_scores:
            scores = [np.empty((B, H, L, L), F32) for H in heads]
        bias = None if bias is None else plain(np.broadcast_to(bias, (B, 1, 1, L)))
    offsets = np.ascontiguousarray(offsets, np.int64)
    # The last alone needs two arrays, from one of which each layer reads while it writes the other.
    hidden = [np.empty(x.shape, F32) for _ in (layers if want_hidden else layers[:2])]
    hidden_of = [hidden[(i - N) % len(hidden)] for i in range(N)]
    counters = np.zeros(stack.counters(N), np.int64)
    hidden_at = ffi.new("float *[]", [write(y) for y in hidden_of])
    scores_at = ffi.new("float *[]", [write(s) for s in scores]) if want_scores else NULL
    call, space = stack.call(M, len(offsets) - 1)
    call.count, call.layers = N, stack.c
    call.x, call.M, call.offsets, call.B = read(rows), M, read(offsets), len(offsets) - 1
    call.bias = NULL if bias is None else read(bias)
    call.y, call.scores, call.counters = hidden_at, scores_at, write(counters)
    # Other threads may still be in C when this function ends: `share` holds what they read.
    alive = call, rows, offsets, bias, hidden, scores, hidden_at, scores_at, counters, space, stack

    def share():
        return alive[-1].run(alive[0])  # (1) to (5)

    status = pool.together(share) if M >= _LEAST_ROWS else share()
    if status == _NOT_FINITE:
        return NotImplemented  # the formula says where
    check(status, stack.LEVELS)
    return tuple(hidden) if want_hidden else (hidden[-1],), tuple(scores)


_MATRICES = 0, 2, 4, 6, 10, 12  # of a layer's sixteen arrays


class _Stack:
    """The weights of all layers as C reads them, and what keeps them alive."""

    LAYERS, LEVELS, run = "minibert_layer[]", FLOAT, lib.minibert_layers_forward

    def __init__(self, layers, heads, eps):
        self.c, self.level = ffi.new(self.LAYERS, len(layers)), FLOAT.now
        self.alive, widths, inner = [], [], []
        for c, weights, H in zip(self.c, layers, heads, strict=True):
            wq, bq, wk, bk, wv, bv, wo, bo, gamma1, beta1, w1, b1, w2, b2, gamma2, beta2 = weights
            self.fill(c.qkv, (wq, wk, wv), np.concatenate((bq, bk, bv)))
            self.fill(c.out, (wo,), bo)
            self.fill(c.up, (w1,), b1)
            self.fill(c.down, (w2,), b2)
            norms = [plain(a) for a in (gamma1, beta1, gamma2, beta2)]
            self.alive += norms
            c.norm1.gamma, c.norm1.beta, c.norm2.gamma, c.norm2.beta = map(read, norms)
            c.norm1.eps = c.norm2.eps = eps
            c.H, c.K = H, wq.shape[0] // H
            widths.append(wq.shape[0])
            inner.append(w1.shape[0])
        self.D, self.W, self.F = layers[0][0].shape[1], max(widths), max(inner)

    def fill(self, u, matrices, b):
        """A weight of C's: one matrix, or several one below another."""
        w, b = packed(*matrices), plain(b)
        u.packed, u.b, (u.N, u.K) = w.at, read(b), w.shape
        self.alive += w, b

    def call(self, M, B):
        """C's struct for M rows of B sequences, and what keeps its memory alive."""
        call = ffi.new("minibert_layers_call *")
        call.level = self.level
        *between, space = _between(3 * M * self.W, M * self.W, M * self.D, M * self.F)
        call.qkv, call.context, call.x1, call.a = between
        return call, space

    def counters(self, N):
        """How many C wants for N layers."""
        return lib.LAYER_COUNTERS * N


class _Int8Stack(_Stack):
    """The same of `QTensor`s."""

    LAYERS, LEVELS = "minibert_int8_layer[]", c_int8.LEVELS
    run = lib.minibert_int8_layers_forward

    def fill(self, u, matrices, b):
        w, b = c_int8.packed(*(m.q for m in matrices)), plain(b)
        scale = plain(np.concatenate([m.scale for m in matrices]))
        u.packed, u.scale, u.b, (u.N, u.K) = w.at, read(scale), read(b), w.shape
        self.alive += w, scale, b

    def call(self, M, B):
        call, space = ffi.new("minibert_int8_layers_call *"), None
        call.level, call.float_level = c_int8.LEVELS.now, FLOAT.now
        if B < lib.FEW_SEQUENCES:  # from there on no thread hands another anything
            size = lib.minibert_int8_codes_size(M, self.D) // 4
            call.context, call.scale, zero, codes, space = _between(M * self.W, M, M, size)
            call.zero, call.codes = ffi.cast("int32_t *", zero), ffi.cast("uint8_t *", codes)
        return call, space

    def counters(self, N):
        return lib.INT8_LAYER_COUNTERS * N + 2


def _stack(layers, heads, eps):
    """A `_Stack`, kept where that is allowed; None where the arrays do not fit one another."""
    form = _Int8Stack if isinstance(layers[0][0], QTensor) else _Stack
    arrays = (layers,) if isinstance(layers, packs.Kept) else [a for w in layers for a in w]

    def make():
        fit = len(layers) == len(heads) and all(len(weights) == 16 for weights in layers)
        fit = fit and (_are_int8 if form is _Int8Stack else _are_floats)(layers)
        D = layers[0][0].shape[-1] if fit else 0
        fit = fit and all(_fit_together(w, D, H) for w, H in zip(layers, heads, strict=True))
        return form(layers, heads, eps) if fit else None

    return packs.once((form, FLOAT.now, heads, eps), arrays, make)


def _are_floats(layers):
    """Whether all are what kernels take."""
    return all(is_suited(weights, {}) for weights in layers)


def _are_int8(layers):
    """Whether every matrix is an int8 one that C takes, and all else what kernels take."""
    matrices = [weights[i] for weights in layers for i in _MATRICES]
    vectors = [a for weights in layers for i, a in enumerate(weights) if i not in _MATRICES]
    return (
        all(isinstance(w, QTensor) and w.q.dtype == np.int8 for w in matrices)
        and all(w.scale.shape == w.shape[:1] for w in matrices)
        and all(w.shape[1] <= c_int8.LINEAR_INPUTS for w in matrices)
        and is_suited(vectors, {})
    )


def _fit_together(weights, D, heads):
    wq, bq, wk, bk, wv, bv, wo, bo, gamma1, beta1, w1, b1, w2, b2, gamma2, beta2 = weights
    W, F = wq.shape[0], w1.shape[0]
    return (
        wq.shape == wk.shape == wv.shape == (W, D) and wo.shape == (D, W)
        and w1.shape == (F, D) and w2.shape == (D, F) and W % heads == 0
        and bq.shape == bk.shape == bv.shape == (W,) and b1.shape == (F,)
        and all(a.shape == (D,) for a in (bo, gamma1, beta1, b2, gamma2, beta2))
    )  # fmt: skip


def _fits(x, D, bias, offsets, want_scores):
    """Whether x has the layers' width, and bias and offsets are such as C takes."""
    if x.shape[-1] != D:
        return False
    if offsets is not None:
        return x.ndim == 2 and bias is None and not want_scores and are_offsets(offsets, len(x))
    if x.ndim != 3 or not one_a_key(bias):
        return False
    B, L, _ = x.shape
    return bias_fits(bias, (B, 1, 1, L))


def _between(*sizes):
    """Pointers to that many numbers each, aligned to cache lines; last, what keeps them alive."""
    starts, end = [], 0
    for size in sizes:
        starts.append(end)
        end += -(-size // _LINE) * _LINE
    space = np.empty(end + _LINE, F32)
    at = write(space)
    at += -(int(ffi.cast("uintptr_t", at)) // 4) % _LINE
    return *(at + start for start in starts), space
