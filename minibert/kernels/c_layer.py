"""Transformer layers without gradients, all of them in one call of C (csrc/layer.c).

    (1)  q, k, v = the three thirds of x [Wq; Wk; Wv]^T + [bq; bk; bv]
    (2)  context = attention(q, k, v)
    (3)  x1 = layernorm(x + context Wo^T + bo)
    (4)  a = gelu(x1 W1^T + b1)
    (5)  y = layernorm(x1 + a W2^T + b2)

The threads enter the call together and share each step among themselves. With one sentence a step
takes 50 to 300 us: waking the threads for every one of them, and coming back to Python after it,
would take half as long again.

Error against float64: 3e-6 relative norm a layer.
"""

import numpy as np

from minibert.kernels import packs, pool
from minibert.kernels.arrays import F32, as_rows, bias_fits, plain
from minibert.kernels.c_attention import are_offsets, one_a_key
from minibert.kernels.c_library import FLOAT, NULL, check, ffi, lib, read, write
from minibert.kernels.c_packing import packed
from minibert.kernels.suited import is_suited

_LEAST_ROWS = 8  # below that, waking a thread costs more than its share of the work
_LINE = 16  # numbers in a cache line: what a product writes begins with one
_STEPS = 7  # of a layer; each has two counters


def transformer_layers(
    x, layers, *, heads, eps=1e-12, bias=None, offsets=None, want_scores=False
):
    """Hidden states, and scores where they are wanted."""
    arrays = [a for weights in layers for a in weights]
    if not layers or not is_suited((x, bias, offsets), {}):
        return NotImplemented
    stack = _stack(layers, arrays, tuple(heads), eps)
    if stack is None or not _fits(x, stack.D, bias, offsets, want_scores):
        return NotImplemented
    rows, N = as_rows(x), len(layers)
    M, D = rows.shape
    scores = [None] * N
    if offsets is None:
        B, L, _ = x.shape
        offsets = np.arange(0, M + 1, L)
        if want_scores:
            scores = [np.empty((B, H, L, L), F32) for H in heads]
        bias = None if bias is None else plain(np.broadcast_to(bias, (B, 1, 1, L)))
    offsets = np.ascontiguousarray(offsets, np.int64)
    hidden = [np.empty(x.shape, F32) for _ in layers]
    counters = np.zeros(2 * _STEPS * N, np.int64)
    *between, space = _between(3 * M * stack.W, M * stack.W, M * D, M * stack.F)
    hidden_at = ffi.new("float *[]", [write(y) for y in hidden])
    scores_at = ffi.new("float *[]", [write(s) for s in scores]) if want_scores else NULL
    call = ffi.new("minibert_layers_call *")
    call.level, call.count, call.layers = FLOAT.now, N, stack.c
    call.x, call.M, call.offsets, call.B = read(rows), M, read(offsets), len(offsets) - 1
    call.bias = NULL if bias is None else read(bias)
    call.qkv, call.context, call.x1, call.a = between
    call.y, call.scores, call.counters = hidden_at, scores_at, write(counters)
    # Ctrl-C may end this function while another thread is in C: that thread holds `together`.
    alive = call, rows, offsets, bias, hidden, scores, hidden_at, scores_at, counters, space, stack

    def together(_):
        check(lib.minibert_layers_forward(alive[0]))  # (1) to (5)

    threads = pool.get_threads() if M >= _LEAST_ROWS else 1
    pool.run((together, range(threads)), blas=False)
    return tuple(hidden), tuple(scores)


class _Stack:
    """The weights of all layers as C reads them, and what keeps them alive."""

    def __init__(self, layers, heads, eps):
        self.c = ffi.new("minibert_layer[]", len(layers))
        self.alive, widths, inner = [], [], []
        for c, weights, H in zip(self.c, layers, heads, strict=True):
            wq, bq, wk, bk, wv, bv, wo, bo, gamma1, beta1, w1, b1, w2, b2, gamma2, beta2 = weights
            matrices = packed(wq, wk, wv), packed(wo), packed(w1), packed(w2)
            vectors = plain(np.concatenate((bq, bk, bv))), *map(plain, (bo, b1, b2))
            norms = [plain(a) for a in (gamma1, beta1, gamma2, beta2)]
            self.alive += matrices, vectors, norms
            for u, w, b in zip((c.qkv, c.out, c.up, c.down), matrices, vectors, strict=True):
                u.packed, u.b, (u.N, u.K) = w.at, read(b), w.shape
            c.norm1.gamma, c.norm1.beta, c.norm2.gamma, c.norm2.beta = map(read, norms)
            c.norm1.eps = c.norm2.eps = eps
            c.H, c.K = H, len(wq) // H
            widths.append(len(wq))
            inner.append(len(w1))
        self.D, self.W, self.F = layers[0][0].shape[1], max(widths), max(inner)


def _stack(layers, arrays, heads, eps):
    """A `_Stack`, kept where that is allowed; None where the arrays do not fit one another."""
    kept = packs.current()

    def make():
        fit = len(layers) == len(heads) and is_suited(arrays, {})
        D = layers[0][0].shape[-1] if fit else 0
        fit = fit and all(_fit_together(w, D, H) for w, H in zip(layers, heads, strict=True))
        return _Stack(layers, heads, eps) if fit else None

    return make() if kept is None else kept.get((FLOAT.now, heads, eps), arrays, make)


def _fit_together(weights, D, heads):
    if len(weights) != 16:
        return False
    wq, bq, wk, bk, wv, bv, wo, bo, gamma1, beta1, w1, b1, w2, b2, gamma2, beta2 = weights
    (W, F) = len(wq), len(w1)
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
    at = write(space) + -(space.__array_interface__["data"][0] // 4) % _LINE
    return *(at + start for start in starts), space
