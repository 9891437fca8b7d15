"""Arrays within tuples, NamedTuples, lists, dicts: names for them, others in their place.

What an op takes and returns is seldom one array. Everything here goes through such a structure the
same way; a part that holds no others (an array, a number, a config, a `Drop`, None) is a leaf.
"""

import numpy as np

from minibert.ops import Drop, QTensor

NUMBERS = (np.ndarray, np.generic, bool, int, float)


def leaves(x, name, others=()):
    """The arrays and numbers of a result of any structure, under dotted names.

    Parameters
    ----------
    x : array, number, or tuple, NamedTuple, list, dict, QTensor of such; None adds nothing
    name : str
    others : tuple of type
        What else is to be found, and is left as it is.

    Returns
    -------
    dict of str to ndarray

    Examples
    --------
    >>> leaves({"a": np.ones(2), "b": (1.0, None)}, "output")
    {'output.a': array([1., 1.]), 'output.b.0': array(1.)}
    """
    if isinstance(x, others):
        return {name: x}
    if isinstance(x, NUMBERS):
        return {name: np.asarray(x)}
    found = {}
    for key, part in parts(x):
        found |= leaves(part, f"{name}.{key}", others)
    return found


def filled(x, name, arrays):
    """The same structure with other arrays in it; where there is none of a name, None.

    ``filled(x, "output", leaves(x, "output"))`` is x again.
    """
    if isinstance(x, NUMBERS):
        array = arrays.get(name)
        if array is None or np.ndim(array):
            return array
        return array[()] if isinstance(x, (np.ndarray, np.generic)) else type(x)(array)
    return _rebuilt(x, lambda key, part: filled(part, f"{name}.{key}", arrays))


def mapped(f, x):
    """The same structure with f(leaf) for every leaf; a QTensor is one here.

    Examples
    --------
    >>> mapped(lambda n: n and 2 * n, {"a": 1, "b": (2, None)})
    {'a': 2, 'b': (4, None)}
    """
    is_leaf = isinstance(x, Drop) or not isinstance(x, (dict, tuple, list))
    return f(x) if is_leaf else _rebuilt(x, lambda _, part: mapped(f, part))


def cast(x, dtype):
    """The same structure with its floating arrays in another dtype."""
    return mapped(lambda a: a.astype(dtype) if is_float(a) else a, x)


def with_masks(x, masks):
    """The same structure with explicit dropout masks in every `Drop`; x itself without masks."""
    return mapped(lambda a: a._replace(masks=masks) if isinstance(a, Drop) and masks else a, x)


def is_float(x):
    """Whether x is an array, or a scalar of NumPy's, of floats."""
    return isinstance(x, (np.ndarray, np.floating)) and np.issubdtype(x.dtype, np.floating)


def parts(x):
    """(key, part) of a structure; nothing of a leaf."""
    if isinstance(x, Drop):
        return ()
    if isinstance(x, dict):
        return x.items()
    if isinstance(x, QTensor):
        return (("q", x.q), ("scale", x.scale))
    if hasattr(x, "_fields"):
        return zip(x._fields, x, strict=True)
    return enumerate(x) if isinstance(x, (tuple, list)) else ()


def _rebuilt(x, change):
    """The structure with ``change(key, part)`` in place of each part; a leaf as it is."""
    if isinstance(x, dict):
        return {key: change(key, part) for key, part in x.items()}
    changed = [change(key, part) for key, part in parts(x)]
    if isinstance(x, QTensor) or (hasattr(x, "_fields") and not isinstance(x, Drop)):
        return type(x)(*changed)
    return type(x)(changed) if isinstance(x, (tuple, list)) and not isinstance(x, Drop) else x
