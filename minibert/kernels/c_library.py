"""The C extension: what every C kernel needs to call it.

Importing this module fails where the extension was not built, and says why. The C functions are
single-threaded and do not hold the interpreter lock; `pool` splits the rows.
"""

import os
from pathlib import Path

import numpy as np

try:
    from minibert._c import ffi, lib
except ImportError as error:
    note = Path(__file__).parents[1] / "_c_build.txt"  # setup.py leaves it when the build fails
    reason = note.read_text(encoding="utf-8").strip() if note.exists() else str(error)
    raise ImportError(f"the C extension is missing: {reason}") from error

if not hasattr(lib, "minibert_int8_codes_size"):
    raise ImportError("the C extension is of an older minibert: install this one again")

NULL = ffi.NULL
_POINTER = {
    np.dtype(np.int8): "int8_t[]",
    np.dtype(np.int32): "int32_t[]",
    np.dtype(np.int64): "int64_t[]",
    np.dtype(np.float32): "float[]",
    np.dtype(np.float64): "double[]",
}


def read(array):
    """A C pointer to the first element of an array without gaps."""
    return ffi.from_buffer(_POINTER[array.dtype], array)


def write(array):
    """The same, for a function that writes there."""
    return ffi.from_buffer(_POINTER[array.dtype], array, require_writable=True)


def offset(array):
    """A C pointer to the first element of a float32 array with any strides."""
    return ffi.cast("float *", array.__array_interface__["data"][0])


class Levels:
    """The instruction-set levels of a family of C functions, and the one that runs now.

    Parameters
    ----------
    kind : str
        "int8" or "float"; MINIBERT_INT8_LEVEL and MINIBERT_FLOAT_LEVEL choose at the start.
    count, name, missing : C functions
        How many levels there are, slowest first; of each its name, and why it cannot run here.
    """

    def __init__(self, kind, count, name, missing):
        self.kind = kind
        self.known = {}  # why it cannot run here, or None
        for i in range(count()):
            text = missing(i)
            self.known[ffi.string(name(i)).decode()] = ffi.string(text).decode() if text else None
        self.names = list(self.known)
        self.wanted = os.environ.get(f"MINIBERT_{kind.upper()}_LEVEL") or None
        self.now = self._number(self.wanted or "auto")

    @property
    def name(self):
        """The name of the level that runs now."""
        return self.names[self.now]

    def use(self, name):
        """Choose the level, for good or for a ``with`` block."""
        before, self.now = self.now, self._number(name)
        return _Restore(self, before)

    def _number(self, name):
        if name == "auto":
            name = [n for n, why in self.known.items() if why is None][-1]
        if name not in self.known:
            raise ValueError(
                f"{self.kind} level {name!r} is not one of auto, {', '.join(self.known)}"
            )
        if self.known[name] is not None:
            raise ValueError(f"{self.kind} level {name!r} cannot run here: {self.known[name]}")
        return self.names.index(name)


class _Restore:
    def __init__(self, levels, before):
        self.levels, self.before = levels, before

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.levels.now = self.before


FLOAT = Levels(
    "float",
    lib.minibert_float_level_count,
    lib.minibert_float_level_name,
    lib.minibert_float_level_missing,
)


def float_level():
    """The name of the float32 level that runs now."""
    return FLOAT.name


def check(status, levels=FLOAT):
    """A MemoryError where a C function had no memory left for its temporaries."""
    if status == -2:
        raise MemoryError("a C kernel got no memory for its temporaries")
    if status:
        raise RuntimeError(f"{levels.kind} level {levels.name!r} cannot run here")
