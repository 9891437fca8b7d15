"""What a case takes besides arrays: numbers, texts, settings."""

import inspect
import json
from dataclasses import asdict, is_dataclass

import numpy as np

from minibert.check.structure import parts
from minibert.ops import Drop, QTensor


def plain_inputs(case):
    """The inputs of a case that are no arrays, the function's defaults among them, as in JSON.

    Returns
    -------
    dict
        By dotted names.
    """
    parameters = inspect.signature(case.functions()[0]).parameters.values()
    named = {p.name: p.default for p in parameters if p.default is not p.empty}
    named |= case.named_inputs(*case.inputs())
    found = {name: part for key, x in named.items() for name, part in plain(x, key).items()}
    return json.loads(json.dumps(found, sort_keys=True))


def plain(x, name):
    """The parts of any structure that `leaves` has no arrays of, under dotted names.

    Lists of texts and numbers stay whole. A `Drop` is a dict of its numbers, a config its
    ``to_dict``; functions and what only has methods are no inputs of a formula and left out.

    Examples
    --------
    >>> plain({"tau": 2.0, "words": ("a", "b"), "x": np.ones(3)}, "input")
    {'input.tau': 2.0, 'input.words': ('a', 'b')}
    """
    if isinstance(x, (np.ndarray, np.generic)):
        return {} if np.ndim(x) else {name: x.item()}
    if isinstance(x, Drop):
        return {name: {key: getattr(x, key) for key in ("rate", "seed", "step", "site")}}
    if isinstance(x, QTensor) or inspect.isroutine(x):
        return {}
    if hasattr(x, "to_dict"):
        return {name: x.to_dict()}
    if _is_plain(x):
        return {name: x}
    if is_dataclass(x):
        return {name: asdict(x)}
    return {n: part for key, y in parts(x) for n, part in plain(y, f"{name}.{key}").items()}


def _is_plain(x):
    """Whether it is a number, a text, None, or a list of such."""
    if isinstance(x, (tuple, list)) and not hasattr(x, "_fields"):
        return all(map(_is_plain, x))
    return x is None or type(x) in (bool, int, float, str)
