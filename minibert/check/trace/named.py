"""Activations that somebody wrote down; of a file only what has a known name is read."""

import tokenize
import zipfile
import zlib
from typing import NamedTuple

import numpy as np

from minibert.check.trace.names import INPUTS, primary_names, short_name
from minibert.interop.fit import listed
from minibert.interop.tensors import read_header, read_stored

STACKS = ("hidden_states", "attentions")  # may be given as one array, the layers first
LARGEST = 2**33  # bytes: a file may claim to hold more than any memory
BROKEN = (
    ValueError, OSError, EOFError, LookupError, NotImplementedError, RuntimeError, SyntaxError,
    MemoryError, zipfile.BadZipFile, zlib.error, tokenize.TokenError,
)  # fmt: skip


class Named(NamedTuple):
    """Activations by the names that they have here, in no order, and what came with them."""

    name: str
    arrays: dict
    inputs: dict  # input_ids, attention_mask, token_type_ids, as far as they are there
    unknown: tuple  # names in the file that nobody knows


def read_named(path, known, n_layers, head):
    """The activations in an .npz or .safetensors file.

    Parameters
    ----------
    path : Path
    known : collection of str
        The names that the reference has.
    n_layers, head
        The reference's.

    Returns
    -------
    Named

    Raises
    ------
    ValueError
        The file is broken, cut short, or holds something else than arrays of numbers.
    """
    if path.suffix == ".safetensors":
        stored, _ = read_header(path)
        return pick(str(path), list(stored), lambda name: _one(stored, name), known, n_layers, head)
    try:
        file = np.load(path, allow_pickle=False)
    except BROKEN as error:
        raise _broken(path, error) from None
    if isinstance(file, np.ndarray):
        raise _broken(path, "it is a single array, without names")
    with file:
        size = sum(member.file_size for member in file.zip.infolist())
        if size > LARGEST:
            raise _broken(path, f"its arrays would take {size:,} bytes")
        names = list(file.files)
        return pick(str(path), names, lambda name: _member(path, file, name), known, n_layers, head)


def _member(path, file, name):
    """One array of an .npz."""
    try:
        return file[name]
    except BROKEN as error:
        raise _broken(path, error) from None


def _broken(path, error):
    reason = (str(error) or type(error).__name__).splitlines()[0]
    return ValueError(
        f"{path} is not a whole .npz of arrays of numbers, as np.savez writes it: {reason:.200}"
    )


def pick(source, names, get, known, n_layers, head):
    """Those of the arrays that have a known name, each once.

    Parameters
    ----------
    source : str
        For messages.
    names : list of str
    get : callable
        From a name to its array.
    known, n_layers, head
        As for `read_named`.

    Returns
    -------
    Named
    """
    primary = primary_names(n_layers, head)
    arrays, inputs, unknown, given = {}, {}, [], {}
    for name in names:
        short = short_name(name)
        if short not in known and short not in STACKS and short not in INPUTS:
            unknown.append(name)
            continue
        array = _numbers(source, name, get(name))
        if short in given and not _same(array, given[short][1]):
            raise ValueError(
                f"{source} holds {short} twice, as {given[short][0]} and as {name}, and they "
                "differ: leave one out"
            )
        given[short] = name, array
        if short in INPUTS:
            inputs[short] = array
        elif short in STACKS and array.ndim:
            arrays |= {f"{short}.{i}": a for i, a in enumerate(array) if f"{short}.{i}" in known}
        else:
            arrays[short] = array
    if not arrays:
        raise ValueError(
            f"{source} has no activation that this model has: it holds {listed(names) or 'nothing'}"
            "; names are those of Hugging Face's modules, see `minibert trace --help`"
        )
    return Named(source, _once(arrays, primary), inputs, tuple(unknown))


def _once(arrays, primary):
    """Without those that are equal to the same tensor under its first name."""

    def is_repeated(name, array):
        first = primary.get(name)
        if name.endswith(".LayerNorm"):
            first = name.removesuffix(".LayerNorm")
        return first in arrays and _same(array, arrays[first])

    return {name: a for name, a in arrays.items() if not is_repeated(name, a)}


def _same(a, b):
    return a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def _one(stored, name):
    return read_stored({name: stored[name]})[name]


def _numbers(source, name, array):
    array = np.asarray(array)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{source}: {name} is {array.dtype}; wanted numbers")
    return array
