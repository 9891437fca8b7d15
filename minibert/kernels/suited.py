"""When a kernel steps aside.

A kernel is written for float32 and for the usual shapes. Anything else (float64, an int8 weight,
a dropout mask that is given instead of computed, an empty array, shapes that do not fit) gets
NotImplemented, upon which `minibert.kernels` runs the formula: it is right at any precision, and it
is the one to say what is wrong. A backward follows its forward, by the kind of cache that it gets.
"""

import numpy as np

from minibert import ops


def pair(name, module):
    """The forward and backward of an op, which step aside where they must.

    Parameters
    ----------
    name : str
        Of the op, without "_forward".
    module
        Has both functions.

    Returns
    -------
    dict of str to function
    """
    forward, backward = (getattr(module, f"{name}_{way}") for way in ("forward", "backward"))

    def suited_forward(*args, **kwargs):
        if not is_suited(args, kwargs):
            return NotImplemented
        result = forward(*args, **kwargs)
        if result is NotImplemented:
            return NotImplemented
        out, cache = result
        return out, KernelCache((module, cache))

    def suited_backward(dout, cache):
        if not isinstance(cache, KernelCache) or cache[0] is not module:
            return NotImplemented
        return backward(dout, cache[1])

    return {f"{name}_forward": suited_forward, f"{name}_backward": suited_backward}


class KernelCache(tuple):
    """What a kernel's forward keeps for the backward, not the formula's: whose it is, and what."""

    __slots__ = ()


def is_suited(args, kwargs):
    """Whether a kernel may take these arguments: no array is of another kind than it expects."""
    for argument in (*args, *kwargs.values()) if kwargs else args:
        if isinstance(argument, np.ndarray):
            if argument.dtype.char not in _NUMBERS or not argument.size or not argument.ndim:
                return False
        elif isinstance(argument, ops.Drop):
            if argument.masks is not None:
                return False
        elif not (argument is None or isinstance(argument, _OTHERS)):
            return False
    return True


_NUMBERS = frozenset("f?bBhHiIlLqQ")  # float32, and whatever counts or chooses
_OTHERS = bool, int, float, np.number, KernelCache  # a cache: whose it is, a backward asks
