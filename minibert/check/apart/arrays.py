"""A returned value as a plain array, or a plain text.

Nothing that came back is believed to be what it says: arrays are copied into NumPy's own type, and
a class of theirs is only ever asked for its numbers. What cannot be taken is said in a sentence.
"""

import numpy as np

MOST = 10_000_000  # entries of an array
MOST_TEXT = 1_000_000  # characters
NUMBERS = (bool, int, float, complex, np.generic)


class NotTakenError(ValueError):
    """It is no such result; the message says why."""


def ndim_of(value):
    """The number of axes; None where it is no array, nor can become one."""
    if isinstance(value, NUMBERS):
        return 0
    try:
        ndim = getattr(value, "ndim", None)
        if type(ndim) is int:
            return ndim
        array = plain(value)
    except Exception:
        return None
    return None if array.dtype.kind in "OSUV" else array.ndim


def to_text(value, kind, named):
    """A text, or a list of texts."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "OU":
        value = value.tolist()
    if kind == "text":
        found = str.__str__(value) if isinstance(value, str) else None
    elif isinstance(value, (list, tuple)) and all(isinstance(part, str) for part in value):
        found = [str.__str__(part) for part in value]
    else:
        found = None
    if found is None:
        wanted = "a text" if kind == "text" else "a list of texts"
        raise NotTakenError(f"{named} {what_is(value)}; expected {wanted}")
    longest = max(map(len, found), default=0)  # an array of them has as much room for each
    if len(found) * max(1, longest) > MOST_TEXT:
        raise NotTakenError(f"{named} a text of over {MOST_TEXT:,} characters: too long")
    return found


def to_array(value, named="returned"):
    """(the array, which may be the value itself, and what its dtype was called)."""
    if value is None:
        raise NotTakenError(f"{named} None")
    if isinstance(value, str):
        raise NotTakenError(f"{named} the text {value[:60]!r}, not an array")
    own = isinstance(value, (list, tuple, set, bool, int, float, complex))
    try:
        array = plain(value)
    except NotTakenError:
        raise
    except ValueError as error:
        if isinstance(value, (list, tuple)) and "inhomogeneous" in str(error):
            raise NotTakenError(f"{named} nested lists whose lengths differ: no array") from None
        raise _no_array(named, value, error) from error
    except Exception as error:
        raise _no_array(named, value, error) from error
    if array.size > MOST:
        raise NotTakenError(
            f"{named} an array of {array.size:,} entries; at most {MOST:,} are read"
        )
    if array.dtype.kind == "O":
        array = _of_objects(array, named, value)
    if array.dtype.kind not in "biufc":
        raise NotTakenError(f"{named} {what_is(value)} of {array.dtype}, not of numbers")
    python = own and not isinstance(value, np.generic)
    return array, "python" if python else str(array.dtype)


def plain(value):
    """An array of NumPy's own type: of an array its own memory, of others their numbers."""
    kind = type(value)
    if issubclass(kind, np.ma.MaskedArray):
        raise NotTakenError("returned a masked array: return a plain one, such as a.filled(0)")
    if issubclass(kind, np.ndarray):
        return np.ndarray.view(value, np.ndarray)
    if callable(getattr(value, "detach", None)):
        value = value.detach()
        value = value.cpu() if callable(getattr(value, "cpu", None)) else value
        value = value.numpy()
        return plain(value) if issubclass(type(value), np.ndarray) else np.asarray(value)
    if issubclass(kind, (list, tuple)) and any(hasattr(part, "detach") for part in value):
        return np.array([plain(part) for part in value])
    return np.asarray(value)


def _of_objects(array, named, value):
    """An array of Python objects as floats, if they are numbers."""
    if not array.ndim and not isinstance(value, (int, np.ndarray)):
        raise NotTakenError(f"{named} {what_is(value)}, which is no array")
    if any(part is None for part in array.flat):
        raise NotTakenError(f"{named} an array with None in it")
    try:
        return array.astype(np.float64)
    except OverflowError:
        raise NotTakenError(f"{named} a number that is too large for a float") from None
    except Exception:
        raise NotTakenError(f"{named} {what_is(value)} of objects that are no numbers") from None


def _no_array(named, value, error):
    if "bfloat16" in str(error).lower():
        return NotTakenError(f"{named} {what_is(value)} of bfloat16: return .float() of it")
    reason = f"{type(error).__name__}: {error!s:.200}"
    return NotTakenError(f"{named} {what_is(value)}, which cannot be made an array ({reason})")


def what_is(value):
    """A value in words."""
    known = {np.ndarray: "an array", list: "a list", tuple: "a tuple", dict: "a dict", set: "a set"}
    if type(value) is str:
        return f"the text {value[:60]!r}"
    return known.get(type(value)) or f"an object of the type {type(value).__name__}"
