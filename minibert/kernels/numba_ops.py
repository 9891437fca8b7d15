"""The table of Numba kernels, and when they step aside.

A kernel is written for float32 and for the usual shapes. Anything else (float64, an int8 weight,
a dropout mask that is given instead of computed, an empty array, shapes that do not fit) gets
NotImplemented, upon which `minibert.kernels` runs the formula: it is right at any precision, and it
is the one to say what is wrong. A backward follows its forward, by the kind of cache that it gets.
"""

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


class _KernelCache(tuple):
    """What a kernel's forward, not the formula's, keeps for the backward."""

    __slots__ = ()


def _pair(name, module):
    """The forward and backward of an op, which step aside where they must."""
    forward, backward = (getattr(module, f"{name}_{way}") for way in ("forward", "backward"))

    def suited_forward(*args, **kwargs):
        if not all(map(_is_float32, (*args, *kwargs.values()))):
            return NotImplemented
        result = forward(*args, **kwargs)
        if result is NotImplemented:
            return NotImplemented
        out, cache = result
        return out, _KernelCache((cache,))

    def suited_backward(dout, cache):
        return backward(dout, cache[0]) if isinstance(cache, _KernelCache) else NotImplemented

    return {f"{name}_forward": suited_forward, f"{name}_backward": suited_backward}


def _is_float32(argument):
    """Whether an argument is nothing that kernels cannot take; numbers and None are fine."""
    if isinstance(argument, np.ndarray):
        is_float32 = argument.dtype.kind in "iub" or argument.dtype == np.float32
        return is_float32 and argument.size > 0 and argument.ndim > 0
    if isinstance(argument, ops.Drop):
        return argument.masks is None
    return argument is None or isinstance(argument, (bool, int, float, np.number))


def _keep_freed_memory():
    """Let the C library keep freed memory, as far as it does so by itself.

    A training step allocates and frees the same tens of megabytes again and again; given back to
    the system each time, a tenth of the step goes into getting them again, page by page. glibc
    keeps what it once saw freed in blocks of that size, up to 32 MB. (Nothing is written here, so
    that no memory is really taken.)
    """
    np.empty(31 << 20, np.uint8)


KERNELS = {
    "int8_linear_forward": numba_int8.int8_linear_forward,
    "int8_matmul": numba_int8.int8_matmul,
    "quantize_affine": numba_int8.quantize_affine,
}
for _name, _module in _PAIRS.items():
    KERNELS |= _pair(_name, _module)
_keep_freed_memory()
