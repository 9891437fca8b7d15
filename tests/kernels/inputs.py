"""Float32 inputs for every op that has a kernel, for any size n."""

import numpy as np

from minibert.check.structure import is_float, mapped
from minibert.ops import Drop

DROP = Drop(0.3, seed=5, step=3, site=2)


def inputs(op, n, seed=0):
    """(args, kwargs): n is the length, the features, the classes, or all of them."""
    rng = np.random.default_rng((n, seed))

    def f(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    def linear(out, ins):
        return f(out, ins) / np.float32(np.sqrt(ins)), f(out)

    B, H, K, F = 2, 3, max(n // 2, 1), 2 * n + 1
    gamma = rng.uniform(0.5, 1.5, n).astype(np.float32)
    if op in ("gelu", "softmax"):
        return (3 * f(B, n, n),), {}
    if op == "dropout":
        return (f(B, n, n), DROP), {}
    if op == "linear":
        return (f(B, n, n), *linear(F, n)), {}
    if op == "linear_gelu":
        return (f(B, n, n), *linear(F, n)), {}
    if op == "qkv":
        return (f(B, n, n), *linear(n, n), *linear(n, n), *linear(n, n)), {}
    if op == "layernorm":
        return (0.5 + 2 * f(B, n, n), gamma, f(n), 1e-3), {}
    if op == "linear_add_layernorm":
        return (f(B, n, F), *linear(n, F), f(B, n, n), gamma, f(n), 1e-3), {"drop": DROP}
    if op == "attention":
        keep = np.arange(n) < np.array([n, n // 2])[:, None]  # n = 1: a row without a token
        bias = np.where(keep, 0, np.finfo(np.float32).min).astype(np.float32)[:, None, None]
        kwargs = {"drop": DROP, "head_mask": np.abs(f(H)), "want_scores": True}
        return (f(B, H, n, K), f(B, H, n, K), f(B, H, n, K), bias), kwargs
    if op == "packed_attention":
        offsets = np.cumsum([0, n, 1, n // 2 + 1])
        kwargs = {"drop": DROP, "head_mask": np.abs(f(H))}
        return (*(f(H, offsets[-1], K) for _ in "qkv"), offsets), kwargs
    if op == "mse":
        return (0.5 + 2 * f(B, n, n), f(B, n, n)), {}
    if op == "softmax_cross_entropy":
        labels = rng.integers(0, n, (B, n))
        labels[0, 0] = -100
        return (2 * f(B, n, n), labels), {"smoothing": 0.1}
    if op == "embedding":
        ids = rng.integers(0, n, (B, n))
        return (f(n, F), f(n + 1, F), f(2, F), ids, rng.integers(0, 2, (B, n))), {"pad_id": 0}
    raise KeyError(op)


def leaves(x):
    """The arrays and scalars of a result, without the Nones."""
    if isinstance(x, tuple):
        return [leaf for part in x for leaf in leaves(part)]
    return [] if x is None else [x]


def cotangent(out, seed=1):
    """Random numbers of the structure, shapes and type of an output."""
    rng = np.random.default_rng(seed)

    def draw(y):
        if y is None:
            return None
        return rng.standard_normal(y.shape).astype(np.float32) if y.ndim else np.float32(1.3)

    return mapped(draw, out)


def each_array(function, x):
    """The same structure with the function applied to its float arrays."""
    return mapped(lambda a: function(a) if isinstance(a, np.ndarray) and is_float(a) else a, x)


def each_drop(function, x):
    """The same structure with the function applied to its dropouts."""
    return mapped(lambda a: function(a) if isinstance(a, Drop) else a, x)


def in_float64(x):
    return each_array(lambda a: a.astype(np.float64), x)


def run(pair, args, kwargs, dout=None):
    """Outputs and gradients of (forward, backward), in one list."""
    forward, backward = pair
    out, cache = forward(*args, **kwargs)
    grads = backward(cotangent(out) if dout is None else dout, cache)
    return leaves(out) + leaves(grads)
