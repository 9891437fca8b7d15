"""The operations of minibert.ops under the same names and signatures, as fast as this machine can.

``from minibert import kernels as F`` and then ``F.layernorm_forward(...)``. One table, filled by
`use`, says which function stands behind each name:

    numpy   the formulas of minibert.ops
    numba   compiled loops, where Numba is installed
    c       the extension built from csrc/, where a compiler was
    auto    for each operation the fastest of what is there: C, then Numba, then NumPy

The environment variable MINIBERT_KERNELS chooses at the start. An op that is composed of other
ops runs here as the very same code, with the names inside it looked up in this table, so that
`swap` (a student's function, a mistake) reaches every use.
"""

import importlib
import os
from functools import wraps
from types import FunctionType

from minibert import ops

OPS = {name: value for name, value in vars(ops).items() if isinstance(value, FunctionType)}
LEVELS = ("auto", "numpy", "numba", "c")
_PROVIDERS = {"numba": "minibert.kernels.numba_ops", "c": "minibert.kernels.c_int8"}
_INNER = {"erf", "keep_mask"}  # used inside ops by helpers, where a swap would not reach
_AUTO_ORDER = ("numba", "c")  # the later one wins


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
    return _state["source"][name]


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
    chosen = {}
    source = dict.fromkeys(OPS, "numpy")
    for provider in _AUTO_ORDER if level == "auto" else (level,):
        if provider == "numpy":
            continue
        functions, reason = available(provider)
        if reason and level != "auto":
            raise LevelError(f"kernels level {level!r} is not available here: {reason}")
        chosen |= functions
        source |= dict.fromkeys(functions, provider)
    # A kernel that does several ops in one pass would hide a swapped one among them.
    chosen = {name: f for name, f in chosen.items() if not _uses(name) & swapped.keys()}
    source |= dict.fromkeys(OPS.keys() - chosen.keys(), "numpy") | dict.fromkeys(swapped, "swapped")
    formulas = {
        name: _copy_with_own_globals(formula) if _calls(formula) else formula
        for name, formula in OPS.items()
    }
    table = formulas | {name: _or_formula(f, formulas[name]) for name, f in chosen.items()}
    table |= swapped
    for name, formula in formulas.items():
        if formula is not OPS[name]:
            formula.__globals__.update({used: table[used] for used in _calls(formula)})
    globals().update(table)
    _state.update(level=level, swapped=swapped, source=source)


def _or_formula(kernel, formula):
    """The kernel; the formula where it returns NotImplemented, for inputs it was not made for."""

    @wraps(formula)
    def call(*args, **kwargs):
        result = kernel(*args, **kwargs)
        if result is NotImplemented:
            return formula(*args, **kwargs)
        RAN.add(formula.__name__)
        return result

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
