"""Is this gradient right? Ask the function itself, by central differences.

For outputs y = f(x) and a cotangent dy of the shape of y, the gradient of the number <dy, y> is

    dx[i]  =  <dy, f(x + h e_i) - f(x - h e_i)> / 2h   + O(h^2)                                 (1)

and `backward` must return the same numbers. What makes the check able to fail:

- dy is random. With dy = 1 the check sees only the sum of the outputs; a softmax row sums to 1
  whatever its input, so its gradient is 0 then, and a backward of all zeros, or with its sign
  flipped, passes.
- float64, where (1) is good to about 1e-10; float32 would leave 1e-3 and hide real mistakes.
- every entry is tried (or, in an array above `limit` entries, random directions through all).
- outputs are subtracted before they are summed, so an entry that did not move adds no rounding.
- the relative norm of the whole difference is judged, against 1e-6, not each entry with a slack.

Choose inputs that are nothing special: no zeros or ones, sizes that are different primes.
"""

import inspect
from typing import NamedTuple

import numpy as np

from minibert.check.compare import TINY, relative_error

STEP = np.finfo(np.float64).eps ** (1 / 3)  # 6e-6, where truncation h^2 and rounding eps/h meet
DIRECTIONS = 32


class Gradient(NamedTuple):
    """One array: both gradients (or their slopes along random directions), and the verdict."""

    name: str
    analytic: np.ndarray
    numeric: np.ndarray
    error: float
    ratio: float
    ok: bool
    verdict: str


class GradientCheck(NamedTuple):
    """The rows of a check; true in a condition where all are right, printed as a table."""

    rows: tuple[Gradient, ...]

    @property
    def ok(self):
        """Whether every gradient is right."""
        return all(row.ok for row in self.rows)

    def __bool__(self):
        return self.ok

    def __str__(self):
        width = max([len(row.name) for row in self.rows] + [5])
        head = f"{'input':{width}}     analytic      numeric     ratio    error  verdict"
        return "\n".join([head] + [_line(row, width) for row in self.rows])


def gradcheck(
    forward,
    backward,
    args,
    kwargs=None,
    *,
    wrt=None,
    cotangent=None,
    zero=(),
    tolerance=1e-6,
    limit=4096,
    seed=0,
):
    """Check ``out, cache = forward(*args, **kwargs)`` with ``grads = backward(dout, cache)``.

    Parameters
    ----------
    forward, backward : callable
        The pair. `out` may be an array, a scalar, or tuples, NamedTuples, lists and dicts of these
        with None anywhere; the cotangent passed to `backward` has the same structure. `backward`
        returns one gradient, or a tuple of them; a gradient may be None, which counts as zero.
    args : tuple
        Positional inputs. Floating arrays are converted to float64; the originals stay.
    kwargs : dict, optional
        Keyword inputs.
    wrt : sequence of int, str or None, optional
        What the returned gradients belong to, in order: a position in `args`, or a keyword; None
        leaves that gradient out. By default
        the floating arrays (and dicts of them) of `args` in order, as many as there are gradients.
        An input may be a dict of arrays; its gradient is then a dict with the same keys.
    cotangent : optional
        The cotangent to use; random normal by default. None at an entry: nothing flows there.
    zero : sequence of str
        Names of inputs (as in the table) whose gradient is zero in truth, such as a key bias:
        judged against 1e-3 of the largest gradient, at a tolerance of 1e-5.
    tolerance : float
        Largest relative error in norm.
    limit : int
        An array with more entries is tried along 32 random directions instead of entry by entry.
    seed : int
        For the cotangent and the directions.

    Returns
    -------
    GradientCheck

    Raises
    ------
    TypeError
        If `wrt` names something that is not an array of floats.
    ValueError
        If `backward` returns another number of gradients than `wrt` has, or a gradient's shape is
        not its input's.

    Examples
    --------
    >>> def square_forward(x):
    ...     return x * x, x
    >>> def square_backward(dy, x):
    ...     return 2 * x * dy
    >>> bool(gradcheck(square_forward, square_backward, (np.array([0.3, -1.2]),)))
    True
    >>> x, dy = np.array([1.5, -2.0]), np.array([1.0, 1.0])
    >>> print(gradcheck(square_forward, lambda dy, x: x * dy, (x,), cotangent=dy))
    input     analytic      numeric     ratio    error  verdict
    x              2.5            5    0.5000  5.0e-01  WRONG: 0.5 times the right gradient
    """
    rng = np.random.default_rng(seed)
    args = [_to_float64(a) for a in args]
    kwargs = {name: _to_float64(a) for name, a in (kwargs or {}).items()}
    out, cache = forward(*args, **kwargs)
    dout = _random_like(out, rng) if cotangent is None else _to_float64(cotangent)
    gradients = backward(dout, cache)
    gradients = tuple(gradients) if isinstance(gradients, (tuple, list)) else (gradients,)
    wrt = _default_wrt(args, len(gradients)) if wrt is None else tuple(wrt)
    if len(wrt) != len(gradients):
        raise ValueError(
            f"gradcheck: backward returned {len(gradients)} gradients for {len(wrt)} inputs {wrt}"
        )

    def probe(place, key, moved):
        """f with one array replaced."""
        inputs = [list(args), dict(kwargs)]
        part = inputs[0] if isinstance(place, int) else inputs[1]
        part[place] = moved if key is None else {**part[place], key: moved}
        return forward(*inputs[0], **inputs[1])[0]

    found = []
    for place, gradient in zip(wrt, gradients, strict=True):
        if place is None:
            continue
        value = args[place] if isinstance(place, int) else kwargs[place]
        for key, x in _arrays(value, place):
            name = _name(forward, place) + ("" if key is None else f"[{key}]")
            dx = gradient if key is None else (gradient or {}).get(key)
            dx = np.zeros_like(x) if dx is None else np.asarray(dx)
            if dx.shape != x.shape:
                raise ValueError(
                    f"gradcheck: the gradient of {name} has shape {dx.shape}, the input {x.shape}"
                )
            found.append((name, *_slopes(lambda a: probe(place, key, a), x, dx, dout, limit, rng)))  # noqa: B023
    largest = max((np.linalg.norm(numeric) for _, _, numeric in found), default=0.0)
    return GradientCheck(tuple(_judge(*f, f[0] in zero, largest, tolerance) for f in found))


def gradcheck_function(function, gradient, args, **options):
    """Check the gradient of any function of yours.

    Parameters
    ----------
    function : callable
        ``function(*args) -> out``.
    gradient : callable
        ``gradient(dout, *args)`` -> one gradient, or a tuple of them.
    args : tuple
        Inputs, as in `gradcheck`.
    **options
        Passed to `gradcheck`.

    Returns
    -------
    GradientCheck

    Examples
    --------
    >>> bool(gradcheck_function(np.sin, lambda dy, x: dy * np.cos(x), (np.array([0.1, 0.7, 2.0]),)))
    True
    """

    def forward(*inputs):
        return function(*inputs), inputs

    forward.__signature__ = _signature(function)
    return gradcheck(forward, lambda dout, inputs: gradient(dout, *inputs), args, **options)


def assert_gradient(forward, backward, args, kwargs=None, **options):
    """`gradcheck`, and an AssertionError with its table where a gradient is wrong."""
    __tracebackhide__ = True
    found = gradcheck(forward, backward, args, kwargs, **options)
    if not found:
        raise AssertionError("a gradient is wrong\n" + str(found))


def _slopes(f, x, dx, dout, limit, rng):
    """Analytic and numeric derivatives: by entry (shape of x), or along random directions (32,)."""
    if x.size <= limit:
        numeric = np.empty_like(x)
        for i in np.ndindex(x.shape):
            up, down = x.copy(), x.copy()
            step = STEP * max(1.0, abs(x[i]))
            up[i] += step
            down[i] -= step
            numeric[i] = _change(f(up), f(down), dout) / (
                up[i] - down[i]
            )  # the step as it was rounded
        return dx, numeric
    analytic, numeric = np.empty(DIRECTIONS), np.empty(DIRECTIONS)
    for n in range(DIRECTIONS):
        u = rng.standard_normal(x.shape)
        u /= np.linalg.norm(u)
        step = STEP * max(1.0, float(np.abs(x).max()))
        analytic[n] = (dx * u).sum()
        numeric[n] = _change(f(x + step * u), f(x - step * u), dout) / (2 * step)
    return analytic, numeric


def _change(up, down, dout):
    """<dout, up - down> over a structure of arrays; None in either adds nothing."""
    if up is None or dout is None:
        return 0.0
    if isinstance(up, dict):
        return sum(_change(up[key], down[key], dout.get(key)) for key in up)
    if isinstance(up, (tuple, list)):
        return sum(_change(u, d, c) for u, d, c in zip(up, down, dout, strict=True))
    return float((dout * (np.asarray(up) - np.asarray(down))).sum())


def _map(f, x):
    """`f` on every leaf of a structure of tuples, NamedTuples, lists and dicts."""
    if isinstance(x, dict):
        return {key: _map(f, value) for key, value in x.items()}
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return type(x)(*(_map(f, value) for value in x))
    if isinstance(x, (tuple, list)):
        return type(x)(_map(f, value) for value in x)
    return f(x)


def _is_float(x):
    return isinstance(x, (np.ndarray, np.floating)) and np.issubdtype(x.dtype, np.floating)


def _to_float64(x):
    return _map(lambda a: a.astype(np.float64) if _is_float(a) else a, x)


def _random_like(out, rng):
    def draw(y):
        if y is None:
            return None
        shape = np.shape(y)
        return rng.standard_normal(shape) if shape else float(rng.standard_normal())

    return _map(draw, out)


def _arrays(value, place):
    """The (key, array) pairs of an input: one with key None, or one for each entry of a dict."""
    items = value.items() if isinstance(value, dict) else [(None, value)]
    for key, x in items:
        if not (isinstance(x, np.ndarray) and _is_float(x)):
            where = place if key is None else f"{place}[{key}]"
            raise TypeError(
                f"gradcheck: wrt {where!r} is {type(x).__name__}, not an array of floats"
            )
        yield key, x


def _default_wrt(args, count):
    """The first `count` inputs that can have a gradient."""
    able = [
        n
        for n, a in enumerate(args)
        if isinstance(a, dict) or (isinstance(a, np.ndarray) and _is_float(a))
    ]
    return tuple(able[:count])


def _signature(function):
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):  # ufuncs and other compiled functions
        return inspect.Signature([inspect.Parameter("x", inspect.Parameter.POSITIONAL_OR_KEYWORD)])


def _name(forward, place):
    """The parameter's name, for the table."""
    if isinstance(place, str):
        return place
    try:
        names = list(inspect.signature(forward).parameters.values())
    except (TypeError, ValueError):
        names = []
    plain = [p.name for p in names if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return plain[place] if place < len(plain) else f"input {place}"


def _judge(name, analytic, numeric, is_zero, largest, tolerance):
    floor = max(1e-3 * largest, TINY) if is_zero else TINY
    error = relative_error(analytic, numeric, floor)
    square = float((numeric * numeric).sum())
    ratio = float((analytic * numeric).sum()) / square if square > 0 else float("nan")
    ok = bool(error <= (1e-5 if is_zero else tolerance))
    return Gradient(
        name, analytic, numeric, error, ratio, ok, _verdict(analytic, numeric, ratio, ok)
    )


def _verdict(analytic, numeric, ratio, ok):
    """What is wrong, in words, where the shape of the difference says it."""
    if ok:
        return "ok"
    if not np.isfinite(analytic).all():
        many = int((~np.isfinite(analytic)).sum())
        return f"WRONG: {many} of {analytic.size} entries are not finite"
    if not analytic.any():
        return "WRONG: all zero"
    if np.isfinite(ratio) and relative_error(analytic, ratio * numeric) < 1e-5:
        return (
            "WRONG: the sign is flipped"
            if abs(ratio + 1) < 1e-5
            else f"WRONG: {ratio:.6g} times the right gradient"
        )
    apart = np.abs(analytic - numeric)
    worst = np.unravel_index(np.argmax(apart), apart.shape)
    many = int((apart > 1e-6 * np.sqrt(np.mean(numeric * numeric))).sum())
    at = ", ".join(str(int(i)) for i in worst)
    values = f"{analytic[worst]:.6g}, expected {numeric[worst]:.6g}"
    return f"WRONG: {many} of {apart.size} entries, worst at [{at}]: {values}"


def _line(row, width):
    analytic, numeric = np.linalg.norm(row.analytic), np.linalg.norm(row.numeric)
    numbers = f"{analytic:11.6g}  {numeric:11.6g}  {row.ratio:8.4f}  {row.error:7.1e}"
    return f"{row.name:{width}}  {numbers}  {row.verdict}"
