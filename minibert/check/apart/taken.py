"""What a function returned, read as the op's results: which value is which, and what is a cache."""

import types
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from minibert.check.apart.arrays import NotTakenError, ndim_of, plain, to_array, to_text, what_is
from minibert.data.names import some_names

NOTHING = object()  # there is no cache


class Want(NamedTuple):
    """A result that is expected: its name, what it is, and its number of axes."""

    name: str
    kind: str  # "array" (a number is one without axes), "text", "texts", "dict" of arrays
    ndim: int = 0


class Wanted(NamedTuple):
    """All that has to be known of an op in order to call a function for it."""

    op: str
    inputs: tuple[str, ...]
    upstream: tuple[str, ...]
    outputs: tuple[Want, ...]
    gradients: tuple[Want, ...]
    neutral: tuple[str, ...]
    signatures: dict  # "forward" and "gradient" as text


class Taken(NamedTuple):
    """What was made of a returned value.

    Attributes
    ----------
    outputs : dict
        By name: ndarray, str, list of str, or dict of ndarray.
    dtypes : dict of str to str
    notes : tuple of str
    shares : tuple of str
        The names, of those given as `owned`, that it shares memory with.
    out : object
        The output as it was returned, without the cache.
    cache : object
        `NOTHING` where none came with it.
    """

    outputs: dict
    dtypes: dict
    notes: tuple = ()
    shares: tuple = ()
    out: Any = None
    cache: Any = NOTHING


def wanted_of(steps, inputs):
    """The `Wanted` of an op, from its `Steps` and inputs of one call (upstream gradients among)."""

    def wants(part):
        results = zip(steps.results(part), steps.run(inputs, part), strict=True)
        return tuple(_want(name, value) for (name, _), value in results)

    has_gradient = steps.gradient and all(name in inputs for name, _ in steps.upstream)
    parts = ("forward", "gradient") if steps.gradient else ("forward",)
    return Wanted(
        steps.op,
        tuple(name for name, _ in steps.inputs),
        tuple(name for name, _ in steps.upstream) if steps.gradient else (),
        wants("forward"),
        wants("gradient") if has_gradient else (),
        tuple(steps.neutral),
        {part: steps.signature_of(part) for part in parts},
    )


def _want(name, value):
    if isinstance(value, dict):
        return Want(name, "dict")
    if isinstance(value, str):
        return Want(name, "text")
    if isinstance(value, (list, tuple)) and all(isinstance(v, str) for v in value):
        return Want(name, "texts")
    return Want(name, "array", np.ndim(value))


def taken(value, expected, *, inputs=(), owned=None, gradient=False):
    """Arrays of what a function returned.

    Parameters
    ----------
    value : object
    expected : tuple of Want
    inputs : tuple of str
        The names of the op's inputs, for gradients: one may be given for each.
    owned : dict of str to ndarray, optional
        The arrays that the function was given.
    gradient : bool
        Whether these are gradients: those may be called like their inputs, and there is no cache.

    Returns
    -------
    Taken

    Raises
    ------
    NotTakenError
    """
    _refuse(value, expected)
    notes = []
    found, out, cache = _parts(value, expected, inputs, gradient, notes)
    outputs, dtypes, shares = {}, {}, set()
    for want, part in zip(expected, found, strict=True):
        named = f"{want.name} is" if len(expected) > 1 else "returned"
        outputs[want.name], dtypes[want.name] = _converted(part, want, named, owned or {}, shares)
    return Taken(outputs, dtypes, tuple(notes), tuple(sorted(shares)), out, cache)


def _refuse(value, expected):
    """Raise for what is no result at all."""
    if value is None:
        raise NotTakenError("returned None: is the return statement missing?")
    if type(value) is str and not any(want.kind == "text" for want in expected):
        raise NotTakenError(f"returned the text {value[:60]!r}; expected {_names(expected)}")
    if isinstance(value, types.CoroutineType):
        value.close()
        raise NotTakenError("returned a coroutine: write def instead of async def")
    if isinstance(value, (types.FunctionType, types.MethodType, types.BuiltinFunctionType)):
        raise NotTakenError(f"returned a function, not {_names(expected)}: is it to be called?")
    if hasattr(type(value), "__next__"):
        kind = type(value).__name__
        raise NotTakenError(f"returned an iterator ({kind}): put list(...) around it")


def _parts(value, expected, inputs, gradient, notes):
    """(one value for each expected, the output alone, the cache)."""
    if (named := _by_name(value, expected, gradient)) is not None:
        return named, value, NOTHING
    if isinstance(value, Mapping):
        if len(expected) == 1 and expected[0].kind == "dict":
            return [value], value, NOTHING
        raise NotTakenError(
            f"returned a dict with {some_names(value, 8)}; expected {_names(expected)}"
        )
    if gradient:
        return _gradients(value, expected, inputs, notes), value, NOTHING
    return _one(value, expected, notes) if len(expected) == 1 else _several(value, expected, notes)


def _by_name(value, expected, gradient):
    """The values under the expected names, of a NamedTuple or a dict that has all of them."""
    if isinstance(value, tuple) and isinstance(getattr(type(value), "_fields", None), tuple):
        value = dict(zip(type(value)._fields, tuple(value), strict=False))
    if not isinstance(value, Mapping):
        return None
    for rename in (str, lambda name: name.removeprefix("d")) if gradient else (str,):
        if all(rename(want.name) in value for want in expected):
            return [value[rename(want.name)] for want in expected]
    return None


def _one(value, expected, notes):
    """The one output, alone or as the first of a tuple."""
    (want,) = expected
    sequence = type(value) is list and len(value) > 0 and hasattr(value[0], "ndim")
    if not isinstance(value, tuple) and not (sequence and _fits(value[0], want)):
        return [value], value, NOTHING
    if len(value) == 0:
        raise NotTakenError("returned an empty tuple")
    first = value[0]
    inner = _by_name(first, expected, False)
    if inner is None and not _fits(first, want):
        whole = _fits(value, want) or len(value) != 2 or want.kind != "array"
        if whole or ndim_of(first) is None:
            return [value], value, NOTHING
    if len(value) == 2:
        notes.append(f"of the 2 values returned, the first is taken as {want.name}")
        return inner or [first], first, value[1]
    if len(value) > 2:
        notes.append(f"of the {len(value)} values returned, the first is taken as {want.name}")
    return inner or [first], first, NOTHING


def _several(value, expected, notes):
    """One value for each output; a cache may come last, or beside a tuple of them."""
    values, n = _sequence(value, expected), len(expected)
    if len(values) == 2:
        inner = _by_name(values[0], expected, False)
        if inner is None and type(values[0]) is tuple and len(values[0]) == n:
            inner = list(values[0])
        if inner is not None:
            return inner, values[0], values[1]
    if len(values) == n + 1:
        notes.append(f"of the {n + 1} values returned, the first {n} are taken")
        return values[:n], tuple(values[:n]), values[n]
    if len(values) != n:
        raise NotTakenError(f"returned {_count(values)}; expected {_names(expected)}")
    return values, value, NOTHING


def _gradients(value, expected, inputs, notes):
    """One value for each gradient, where there may be one, or None, for every input."""
    n = len(expected)
    if n == 1 and not (isinstance(value, tuple) or (type(value) is list and _holds_arrays(value))):
        return [value]
    values = _sequence(value, expected)
    if n == 1 and type(value) is list and not _fits(values[0], expected[0]):
        return [value]
    if len(values) == n:
        return values
    placed = [values[inputs.index(w.name.removeprefix("d"))] for w in expected] if (
        len(values) == len(inputs)
    ) else [None]  # fmt: skip
    if not any(part is None for part in placed):
        notes.append("of one value for each input, those of " + _names(expected) + " are taken")
        return placed
    kept = [part for part in values if part is not None]
    if len(kept) == n < len(values):
        notes.append(f"returned {len(values)} values; those that are None are left out")
        return kept
    raise NotTakenError(f"returned {_count(values)}; expected {_names(expected)}")


def _holds_arrays(values):
    return any(hasattr(part, "ndim") or part is None for part in values)


def _sequence(value, expected):
    """A tuple's or a list's values; those of an array are its first axis."""
    if isinstance(value, (tuple, list)):
        return list(value)
    ndim, n = ndim_of(value), len(expected)
    if hasattr(value, "ndim") and ndim and all(want.ndim == ndim - 1 for want in expected):
        array = plain(value)
        if len(array) == n:
            return list(array)
    if ndim is None:
        raise NotTakenError(f"returned {what_is(value)}; expected {_names(expected)}")
    raise NotTakenError(f"returned one value; expected {n}: {_names(expected)}")


def cotangent(out, expected, upstream):
    """The upstream gradients in the structure that the output had.

    Parameters
    ----------
    out : object
        `Taken.out`.
    expected : tuple of Want
    upstream : list
        One for each of the expected.
    """
    by_name = {want.name: d for want, d in zip(expected, upstream, strict=True)}
    fields = getattr(type(out), "_fields", None)
    if isinstance(out, tuple) and fields and by_name.keys() <= set(fields):
        return type(out)._make(by_name.get(field) for field in fields)
    if isinstance(out, Mapping) and by_name.keys() <= out.keys():
        return {name: by_name.get(name) for name in out}
    return upstream[0] if len(upstream) == 1 else tuple(upstream)


def _fits(value, want):
    """Whether a value could be the output."""
    if want.kind == "dict":
        return isinstance(value, Mapping)
    if want.kind == "text":
        return isinstance(value, str)
    if want.kind == "texts":
        listed = isinstance(value, (list, tuple))
        return listed and all(isinstance(part, str) for part in value)
    return ndim_of(value) == want.ndim


def _converted(value, want, named, owned, shares):
    """(a copy, the dtype's name) of one result."""
    if want.kind == "dict":
        if not isinstance(value, Mapping):
            raise NotTakenError(f"{named} {what_is(value)}; expected a dict of arrays")
        one = Want(want.name, "array", 0)
        found = {
            str(key)[:200]: _converted(v, one, f"the entry {key!r:.60} is", owned, shares)
            for key, v in list(value.items())[:1000]
        }
        return {k: a for k, (a, _) in found.items()}, next((d for _, d in found.values()), "python")
    if want.kind in ("text", "texts"):
        return to_text(value, want.kind, named), "python"
    array, dtype = to_array(value, named)
    for name, other in owned.items():
        if dtype != "python" and np.may_share_memory(array, other):
            shares.add(name)
    return np.array(array, order="C"), dtype


def _names(expected):
    return ", ".join(want.name for want in expected)


def _count(values):
    return "1 value" if len(values) == 1 else f"{len(values)} values"
