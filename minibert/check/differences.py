"""Central differences: what gradcheck and gradcheck_sweep measure, in one place.

For outputs y = f(x) and a cotangent dy of the shape of y, the gradient of the number <dy, y> is

    dx[i]  =  <dy, f(x + h e_i) - f(x - h e_i)> / 2h   + O(h^2)                                 (1)

Outputs are subtracted before they are summed, so an entry that did not move adds no rounding.
"""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minibert.check.structure import cast, is_float, mapped

NOT_FINITE = "CANNOT TELL: the function is not finite beside this input"


class Probe(NamedTuple):
    """One input array: its name, its value, the gradient in question, and y as a function of it."""

    name: str
    x: np.ndarray
    dx: np.ndarray
    y: Callable
    dy: Any
    zero: bool


def probes(forward, backward, args, kwargs, wrt, cotangent, zero, rng):
    """Run the pair once, in float64; a Probe for each array that has a gradient.

    Parameters
    ----------
    forward, backward, args, kwargs, wrt, cotangent, zero
        As in `gradcheck`.
    rng : numpy.random.Generator
        Draws the cotangent where none is given.

    Returns
    -------
    list of Probe
    """
    if not isinstance(args, (tuple, list)):
        raise TypeError(
            f"gradcheck: args is {type(args).__name__}, not a tuple of inputs; for one input x "
            "write (x,)"
        )
    args, kwargs = cast(list(args), np.float64), cast(kwargs or {}, np.float64)
    out, cache = _checked_pair(forward(*args, **kwargs))
    dout = _random_like(out, rng) if cotangent is None else cast(cotangent, np.float64)
    _check_cotangent(out, dout, "cotangent")
    gradients = backward(dout, cache)
    gradients = tuple(gradients) if isinstance(gradients, (tuple, list)) else (gradients,)
    names = _names(forward, len(args))
    wrt = _default_wrt(args, len(gradients)) if wrt is None else _resolve(wrt, names, kwargs)
    if len(wrt) != len(gradients):
        raise ValueError(
            f"gradcheck: backward returned {len(gradients)} gradients for {len(wrt)} inputs {wrt}; "
            "only arrays of floats count as inputs, or those named in wrt"
        )

    def with_array(place, key, moved):
        """The output with one array replaced."""
        inputs = [list(args), dict(kwargs)]
        part = inputs[0] if isinstance(place, int) else inputs[1]
        part[place] = moved if key is None else {**part[place], key: moved}
        return forward(*inputs[0], **inputs[1])[0]

    found = []
    for place, gradient in zip(wrt, gradients, strict=True):
        if place is None:
            continue
        by_position = isinstance(place, int)
        value, whole = (args[place], names[place]) if by_position else (kwargs[place], place)
        if isinstance(value, dict):
            _check_keys(value, gradient, whole)
        for key, x in _arrays(value, whole):
            name = whole if key is None else f"{whole}[{key}]"
            dx = gradient if key is None else (gradient or {}).get(key)
            dx = np.zeros_like(x) if dx is None else np.asarray(dx)
            if dx.shape != x.shape:
                raise ValueError(
                    f"gradcheck: the gradient of {name} has shape {dx.shape}, the input {x.shape}"
                )
            y = lambda moved, place=place, key=key: with_array(place, key, moved)  # noqa: E731
            found.append(Probe(name, x, dx, y, dout, name in zero))
    unknown = set(zero) - {probe.name for probe in found}
    if unknown:
        there = ", ".join(probe.name for probe in found)
        raise ValueError(f"gradcheck: zero names {sorted(unknown)}; the gradients are of {there}")
    return found


def slopes(probe, h, limit, directions, rng):
    """Analytic and numeric derivatives, at steps of h times max(1, size of the entry).

    Parameters
    ----------
    probe : Probe
    h : float
    limit : int
        Up to this many entries each is moved alone; more are moved together, at random.
    directions : int
        How many random directions then.
    rng : numpy.random.Generator
        Draws the directions.

    Returns
    -------
    analytic, numeric : ndarray
        Of the shape of x, or (directions,).
    """
    x, dx = probe.x, probe.dx
    if x.size <= limit:
        numeric = np.empty_like(x)
        for i in np.ndindex(x.shape):
            up, down = x.copy(), x.copy()
            step = h * max(1.0, abs(x[i]))
            up[i] += step
            down[i] -= step
            moved = up[i] - down[i]  # the step as it was rounded
            numeric[i] = change(probe.y(up), probe.y(down), probe.dy) / moved  # (1)
        return dx, numeric
    if directions < 1:
        raise ValueError(f"gradcheck: directions is {directions}; it is at least 1")
    analytic, numeric = np.empty(directions), np.empty(directions)
    step = h * max(1.0, float(np.abs(x).max()))
    for n in range(directions):
        u = rng.standard_normal(x.shape)
        u /= np.linalg.norm(u)
        analytic[n] = (dx * u).sum()
        moved = change(probe.y(x + step * u), probe.y(x - step * u), probe.dy)
        numeric[n] = moved / (2 * step)  # (1) along u
    return analytic, numeric


def change(up, down, dy):
    """<dy, up - down> over a structure of arrays; None in either adds nothing."""
    if up is None or dy is None:
        return 0.0
    if isinstance(up, dict):
        return sum(change(up[key], down[key], dy.get(key)) for key in up)
    if isinstance(up, (tuple, list)):
        return sum(change(u, d, c) for u, d, c in zip(up, down, dy, strict=True))
    up, down = np.asarray(up, np.float64), np.asarray(down, np.float64)
    return float((dy * (up - down)).sum())


def not_finite(dx):
    """The verdict on a gradient with NaN or infinity in it; nothing where there is none."""
    many = int((~np.isfinite(dx)).sum())
    return f"WRONG: {many} of {dx.size} entries are not finite" if many else ""


def as_pair(function, gradient):
    """``function(*args)`` and ``gradient(dout, *args)`` as a (forward, backward) pair."""

    def forward(*inputs):
        return function(*inputs), inputs

    forward.__signature__ = _signature(function)
    return forward, lambda dout, inputs: gradient(dout, *inputs)


def _random_like(out, rng):
    def draw(y):
        if y is None:
            return None
        shape = np.shape(y)
        return rng.standard_normal(shape) if shape else float(rng.standard_normal())

    return mapped(draw, out)


def _checked_pair(found):
    """What forward returned, if it is a pair; an array of two rows would unpack as well."""
    if type(found) is not tuple or len(found) != 2:
        raise TypeError(
            f"gradcheck: forward returned {type(found).__name__}; forward returns (out, cache); "
            "for a plain function use gradcheck_function"
        )
    return found


def _check_cotangent(out, dout, where):
    """Raise where a cotangent does not fit its output; None fits everywhere."""
    if out is None or dout is None:
        return
    if isinstance(out, (dict, tuple, list)):
        named = isinstance(out, dict)
        if not isinstance(dout, dict if named else (tuple, list)):
            kinds = type(dout).__name__, type(out).__name__
            raise ValueError(f"gradcheck: {where} is {kinds[0]}, the output {kinds[1]}")
        outs, douts = (x if named else dict(enumerate(x)) for x in (out, dout))
        if not (douts.keys() <= outs.keys() if named else len(douts) == len(outs)):
            parts = f"{where} has the parts {list(douts)}, the output {list(outs)}"
            raise ValueError(f"gradcheck: {parts}")
        for key, part in douts.items():
            _check_cotangent(outs[key], part, f"{where}[{key}]")
    elif np.shape(dout) != np.shape(out):
        raise ValueError(
            f"gradcheck: {where} has shape {np.shape(dout)}, the output {np.shape(out)}"
        )


def _check_keys(value, gradient, name):
    """Raise where a dict's gradient has keys that the dict has not."""
    if gradient is not None and not isinstance(gradient, dict):
        raise ValueError(
            f"gradcheck: the gradient of {name} is {type(gradient).__name__}, the input a dict"
        )
    if gradient and gradient.keys() - value.keys():
        raise ValueError(
            f"gradcheck: the gradient of {name} has the keys {list(gradient)}, "
            f"the input {list(value)}"
        )


def _arrays(value, name):
    """The (key, array) pairs of an input: one with key None, or one for each entry of a dict."""
    items = value.items() if isinstance(value, dict) else [(None, value)]
    for key, x in items:
        if not (isinstance(x, np.ndarray) and is_float(x)):
            where = name if key is None else f"{name}[{key}]"
            raise TypeError(
                f"gradcheck: wrt {where!r} is {type(x).__name__}, not an array of floats"
            )
        yield key, x


def _default_wrt(args, count):
    """The first `count` inputs that can have a gradient."""
    able = [
        n
        for n, a in enumerate(args)
        if isinstance(a, dict) or (isinstance(a, np.ndarray) and is_float(a))
    ]
    return tuple(able[:count])


def _signature(function):
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):  # ufuncs and other compiled functions
        return inspect.Signature([inspect.Parameter("x", inspect.Parameter.POSITIONAL_OR_KEYWORD)])


def _names(forward, count):
    """The positional inputs' names, for the table."""
    try:
        parameters = list(inspect.signature(forward).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    plain = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return plain[:count] + [f"input {n}" for n in range(len(plain), count)]


def _resolve(wrt, names, kwargs):
    """`wrt` with a positional input's name replaced by its position."""
    found = []
    for place in wrt:
        position = isinstance(place, int) and 0 <= place < len(names)
        if place is not None and not position and place not in (*names, *kwargs):
            there = [f"{name!r} ({n})" for n, name in enumerate(names)] + [*map(repr, kwargs)]
            raise TypeError(f"gradcheck: wrt has {place!r}; the inputs are {', '.join(there)}")
        found.append(names.index(place) if place in names else place)
    return tuple(found)
