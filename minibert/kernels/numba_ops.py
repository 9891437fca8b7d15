"""The table of Numba kernels, and when they step aside.

A kernel is written for float32. Where an argument is of another type (float64, an int8 weight),
where a dropout mask is given instead of computed, or where an array is empty, the formula of
minibert.ops runs: correct at any precision, and not worth a second set of kernels. The backward
follows its forward, which it knows by the kind of cache that it gets.
"""

from functools import wraps

import numpy as np

from minibert import ops
from minibert.kernels import (
    numba_attention,
    numba_dropout,
    numba_embedding,
    numba_gelu,
    numba_int8,
    numba_layernorm,
    numba_linear,
    numba_softmax,
)

_PAIRS = {
    "attention": numba_attention,
    "dropout": numba_dropout,
    "embedding": numba_embedding,
    "gelu": numba_gelu,
    "layernorm": numba_layernorm,
    "linear": numba_linear,
    "linear_add_layernorm": numba_layernorm,
    "linear_gelu": numba_gelu,
    "qkv": numba_linear,
    "softmax": numba_softmax,
    "softmax_cross_entropy": numba_softmax,
}
_SINGLE = {
    "int8_linear_forward": numba_int8,
    "int8_matmul": numba_int8,
    "quantize_affine": numba_int8,
}


class _KernelCache(tuple):
    """What a kernel's forward, not the formula's, keeps for the backward."""

    __slots__ = ()


def _suits(args):
    """Whether a kernel can take these arguments."""
    for a in args:
        if isinstance(a, np.ndarray):
            if a.size == 0 or (a.dtype.kind not in "iub" and a.dtype != np.float32):
                return False
        elif isinstance(a, ops.Drop):
            if a.masks is not None:
                return False
        elif isinstance(a, ops.QTensor | ops.QRows | np.generic):
            return False
    return True


def _pair(name, module):
    forward, backward = (getattr(module, f"{name}_{way}") for way in ("forward", "backward"))
    formula, formula_backward = (getattr(ops, f"{name}_{way}") for way in ("forward", "backward"))

    @wraps(formula)
    def choose_forward(*args, **kwargs):
        if not (_suits(args) and _suits(kwargs.values())):
            return formula(*args, **kwargs)
        out, cache = forward(*args, **kwargs)
        return out, _KernelCache((cache,))

    @wraps(formula_backward)
    def choose_backward(dout, cache):
        if isinstance(cache, _KernelCache):
            return backward(dout, cache[0])
        return formula_backward(dout, cache)

    return {f"{name}_forward": choose_forward, f"{name}_backward": choose_backward}


def _single(name, module):
    function, formula = getattr(module, name), getattr(ops, name)

    @wraps(formula)
    def choose(*args):
        return (function if _suits_int8(args) else formula)(*args)

    return {name: choose}


def _suits_int8(args):
    """int8_linear takes a QTensor, and QRows or an array, and a bias: float32 wherever float."""
    arrays = [part for a in args for part in _parts(a)]
    return all(a.size and (a.dtype in (np.int8, np.int32, np.float32)) for a in arrays)


def _parts(a):
    if isinstance(a, ops.QTensor):
        return a.q, a.scale
    return a if isinstance(a, ops.QRows) else (a,)


def _keep_freed_memory():
    """Let the C library keep freed memory, as far as it does so by itself.

    A training step allocates and frees the same tens of megabytes again and again; given back to
    the system each time, a tenth of the step goes into getting them again, page by page. glibc
    keeps blocks up to the size of the largest that it has seen freed, but 32 MB at most.
    """
    np.empty(31 << 20, np.uint8)


KERNELS = {}
for _name, _module in _PAIRS.items():
    KERNELS |= _pair(_name, _module)
for _name, _module in _SINGLE.items():
    KERNELS |= _single(_name, _module)
_keep_freed_memory()
