"""The operations of minibert.ops under the same names and signatures, as fast as this machine can.

``from minibert import kernels as F`` and then ``F.layernorm_forward(...)``. One table, filled by
`use`, says which function stands behind each name:

    numpy   the formulas of minibert.ops
    numba   compiled loops, where Numba is installed
    c       the extension built from csrc/, where a compiler was
    auto    for each operation the first of these that takes its inputs: C, Numba, NumPy

The environment variable MINIBERT_KERNELS chooses at the start. An op that is composed of other
ops runs here as the very same code, with the names inside it looked up in this table, so that
`swap` (a student's function, a mistake) reaches every use.
"""

import importlib
import importlib.util
import os
from functools import wraps
from types import FunctionType

from minibert import ops
from minibert.kernels.packs import Kept, Packs, inference, once, without_gradients
from minibert.kernels.pool import get_threads, set_threads
from minibert.kernels.suited import KernelCache, is_suited

OPS = {name: value for name, value in vars(ops).items() if isinstance(value, FunctionType)}
LEVELS = ("auto", "numpy", "numba", "c")
_PROVIDERS = {"numba": "minibert.kernels.numba_ops", "c": "minibert.kernels.c_ops"}
_INNER = {"erf", "keep_mask"}  # used inside ops by helpers, where a swap would not reach
# What Numba has, named here so that it is not imported before it is needed, which takes a while.
_NUMBA_PAIRS = (
    "attention", "dropout", "embedding", "gelu", "layernorm", "linear", "linear_add_layernorm",
    "linear_gelu", "packed_attention", "qkv", "softmax", "softmax_cross_entropy",
)  # fmt: skip
NUMBA_OPS = (
    *(f"{pair}_{way}" for pair in _NUMBA_PAIRS for way in ("forward", "backward")),
    *("adamw_update", "bert_adam_update", "sum_of_squares"),
    *("int8_linear_forward", "int8_matmul", "quantize_affine"),
)


class LevelError(RuntimeError, ImportError):
    """A level was named that this machine does not have: Numba, or the extension, is missing."""


RAN = set()  # names of the kernels that took their inputs, since somebody cleared it
_state = {"level": None, "swapped": {}, "source": {}}


def use(level):
    """Choose the implementations, for good or inside a ``with`` block.

    Parameters
    ----------
    level : {"auto", "numpy", "numba", "c"}

    Raises
    ------
    LevelError
        The level was named and is not available on this machine; "auto" never raises.

    Examples
    --------
    >>> from minibert import kernels as F
    >>> with F.use("numpy"):
    ...     F.source("gelu_forward")
    'numpy'
    """
    if level not in LEVELS:
        raise ValueError(f"kernels level is {level!r}; it is one of {', '.join(LEVELS)}")
    previous = _Restore(_state["level"], _state["swapped"])
    _activate(level, _state["swapped"])
    return previous


def swap(**pairs):
    """Put other functions in the place of ops, for good or inside a ``with`` block.

    Parameters
    ----------
    **pairs
        ``layernorm=(forward, backward)``, or one function under its full name.

    Examples
    --------
    >>> import numpy as np
    >>> from minibert import kernels as F
    >>> with F.swap(gelu_forward=lambda x: (np.maximum(x, 0), x)):
    ...     F.linear_gelu_forward(np.array([-1.0, 2.0]), np.eye(2), np.zeros(2))[0]
    array([0., 2.])
    """
    functions = {}
    for name, value in pairs.items():
        if name in OPS and name not in _INNER:
            functions[name] = value
        elif f"{name}_forward" in OPS:
            functions[f"{name}_forward"], functions[f"{name}_backward"] = value
        else:
            raise ValueError(f"swap: {name!r} is no op that can be swapped; see minibert.ops")
    level = _state["level"] or _level_from_environment()
    previous = _Restore(level, _state["swapped"])
    _activate(level, _state["swapped"] | functions)
    return previous


def level():
    """The level in use."""
    if _state["level"] is None:
        use(_level_from_environment())
    return _state["level"]


def source(name):
    """Where the function behind this name comes from: "numpy", "numba", "c" or "swapped"."""
    level()
    found = _state["source"][name]
    return "numpy" if found == "numba" and available("numba")[1] else found


def available(level):
    """The kernels of "numba" or "c" as a dict, and the reason why there are none (or "")."""
    try:
        return importlib.import_module(_PROVIDERS[level]).KERNELS, ""
    except ImportError as error:
        return {}, str(error)


def __getattr__(name):
    # Reached only until the first use: the table is filled then, so that importing is cheap.
    if name in OPS and _state["level"] is None:
        level()
        return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class _Restore:
    """Goes back to the table as it was, at the end of a ``with`` block."""

    def __init__(self, level, swapped):
        self.previous = level or _level_from_environment(), swapped

    def __enter__(self):
        return self

    def __exit__(self, *error):
        _activate(*self.previous)


def _activate(level, swapped):
    """Fill the table: swapped functions, then the level's kernels, then the formulas."""
    chosen, source = {}, dict.fromkeys(OPS, "numpy")  # chosen: kernels to try, the best first
    for provider in ("numba", "c") if level == "auto" else (level,):
        for name, kernel in _kernels_of(provider, level).items():
            # A kernel that does several ops in one pass would hide a swapped one among them.
            if not _uses(name) & swapped.keys():
                chosen[name], source[name] = [kernel, *chosen.get(name, ())], provider
    source |= dict.fromkeys(swapped, "swapped")
    formulas = {
        name: _copy_with_own_globals(formula) if _calls(formula) else formula
        for name, formula in OPS.items()
    }
    table = formulas | {name: _or_formula(k, formulas[name]) for name, k in chosen.items()}
    table |= swapped
    for name, formula in formulas.items():
        if formula is not OPS[name]:
            formula.__globals__.update({used: table[used] for used in _calls(formula)})
    globals().update(table)
    _state.update(level=level, swapped=swapped, source=source)


def _kernels_of(provider, level):
    """A provider's kernels; for "auto" an empty dict where it is not there."""
    if provider == "numpy":
        return {}
    if provider == "numba" and level == "auto":
        return {name: _when_needed(name) for name in NUMBA_OPS} if _has_numba() else {}
    functions, reason = available(provider)
    if reason and level != "auto":
        raise LevelError(f"kernels level {level!r} is not available here: {reason}")
    if level == "auto":
        return {name: kernel for name, kernel in functions.items() if _is_worth_it(kernel)}
    return functions


def _is_worth_it(kernel):
    """Whether "auto" takes a kernel of C's: always, but at a scalar level that nobody asked for."""
    levels = getattr(kernel, "levels", None)
    slow = levels is not None and levels.name == "scalar" and not levels.wanted
    return not slow or kernel.__name__ == "quantize_affine"  # no product is in it


def _has_numba():
    return importlib.util.find_spec("numba") is not None


def _when_needed(name):
    """A kernel of Numba's, which is imported at the first call that it might take."""
    found = []  # the kernel; None where Numba is broken, whose import is not tried again
    of_floats = name.removesuffix("_forward") in _NUMBA_PAIRS

    def call(*args, **kwargs):
        if not found:
            if of_floats and not is_suited(args, kwargs):
                return NotImplemented
            if name.endswith("_backward") and not isinstance(args[1], KernelCache):
                return NotImplemented  # a formula's forward ran
            found.append(available("numba")[0].get(name))
        return NotImplemented if found[0] is None else found[0](*args, **kwargs)

    return call


def _or_formula(kernels, formula):
    """The first kernel that does not return NotImplemented, or else the formula."""

    @wraps(formula)
    def call(*args, **kwargs):
        for kernel in kernels:
            result = kernel(*args, **kwargs)
            if result is not NotImplemented:
                RAN.add(formula.__name__)
                return result
        return formula(*args, **kwargs)

    return call


def _calls(function):
    """The ops that an op calls by name."""
    return OPS.keys() & set(function.__code__.co_names)


def _uses(name):
    """The ops that an op is made of, and its partner: forward and backward share a cache."""
    pair = {name.replace("_backward", "_forward"), name.replace("_forward", "_backward")}
    found, todo = pair & OPS.keys(), list(pair & OPS.keys())
    while todo:
        for used in _calls(OPS[todo.pop()]) - found:
            found.add(used)
            todo.append(used)
    return found - {name}


def _copy_with_own_globals(function):
    copy = FunctionType(function.__code__, dict(function.__globals__), function.__name__)
    copy.__defaults__, copy.__kwdefaults__ = function.__defaults__, function.__kwdefaults__
    copy.__doc__ = function.__doc__
    return copy


def _level_from_environment():
    return os.environ.get("MINIBERT_KERNELS", "auto")
