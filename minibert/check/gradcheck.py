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

Choose inputs that are nothing special: no zeros or ones, sizes that are different primes. Where a
verdict surprises, or is CANNOT TELL (which counts as not right), `gradcheck_sweep` shows the error
at every step h: it tells a wrong gradient from a function that rounds, or that has a kink.
"""

from typing import NamedTuple

import numpy as np

from minibert.check.compare import NO_MEASURE, TINY, relative_error
from minibert.check.differences import NOT_FINITE, as_pair, not_finite, probes, slopes

STEP = np.finfo(np.float64).eps ** (1 / 3)  # 6e-6, where truncation h^2 and rounding eps/h meet


class Gradient(NamedTuple):
    """One array: both gradients (or their slopes along random directions), and the verdict.

    `ratio` is analytic to numeric; NaN where the numeric gradient is zero.
    """

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
    directions=32,
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
        What the returned gradients belong to, in order: a position in `args`, or an input's name;
        None leaves that gradient out. By default the floating arrays (and dicts of them) of `args`
        in order, as many as there are gradients. An input may be a dict of arrays; its gradient is
        then a dict with the same keys, and a missing key counts as zero.
    cotangent : optional
        The cotangent to use, of the output's structure and shapes; random normal by default. None
        at an entry: nothing flows there.
    zero : sequence of str
        Names of inputs (as in the table) whose gradient is zero in truth, such as a key bias:
        judged against 1e-3 of the largest gradient, at a tolerance of 1e-5.
    tolerance : float
        Largest relative error in norm.
    limit : int
        An array with more entries is tried along random directions instead of entry by entry.
    directions : int
        How many. One wrong entry of n moves each by about 1/sqrt(n) of its own error, so a larger
        array needs no more of them.
    seed : int
        For the cotangent and the directions.

    Returns
    -------
    GradientCheck

    Raises
    ------
    TypeError
        If `args` is no tuple, if `forward` returns no pair, or if `wrt` names something that is no
        input, or not an array of floats.
    ValueError
        If `directions` is less than 1, if `backward` returns another number of gradients than `wrt`
        has, if a gradient has another shape than its input or a key that its input has not, if
        `cotangent` does not fit the output, or if `zero` has a name that the table has not.

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
    found = [
        (probe, *slopes(probe, STEP, limit, directions, rng))
        for probe in probes(forward, backward, args, kwargs, wrt, cotangent, zero, rng)
    ]
    norms = [float(np.linalg.norm(numeric)) for _, _, numeric in found]
    largest = max(filter(np.isfinite, norms), default=0.0)
    return GradientCheck(tuple(_judge(*f, largest, tolerance, limit) for f in found))


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
    return gradcheck(*as_pair(function, gradient), args, **options)


def assert_gradient(forward, backward, args, kwargs=None, **options):
    """`gradcheck`, and an AssertionError with its table where a gradient is not right."""
    __tracebackhide__ = True
    found = gradcheck(forward, backward, args, kwargs, **options)
    if not found:
        raise AssertionError("not every gradient is right\n" + str(found))


def _judge(probe, analytic, numeric, largest, tolerance, limit):
    floor = TINY
    if probe.zero:
        floor, tolerance = max(1e-3 * largest, TINY), 1e-5
    error = relative_error(analytic, numeric, floor)
    square = float((numeric * numeric).sum())
    zeros = square == 0 or np.linalg.norm(numeric) <= tolerance * floor  # nothing, or rounding
    ratio = float("nan") if zeros else float((analytic * numeric).sum()) / square
    ok = bool(error <= tolerance)
    verdict = "ok" if ok else _why_not(probe, analytic, numeric, ratio, error, tolerance, limit)
    return Gradient(probe.name, analytic, numeric, error, ratio, ok, verdict)


def _why_not(probe, analytic, numeric, ratio, error, tolerance, limit):
    """What is wrong, in words, where the shape of the difference says it."""
    if not np.isfinite(probe.dx).all():
        return not_finite(probe.dx)
    if not np.isfinite(numeric).all():
        return NOT_FINITE
    if np.isnan(ratio):
        return "WRONG: expected all zero"
    if not analytic.any():
        return "WRONG: all zero"
    if relative_error(analytic, ratio * numeric) < 1e-5:
        if abs(ratio - 1) < 1e-5:
            return f"WRONG: differs by {error:.1e}, {tolerance:.0e} allowed; see gradcheck_sweep"
        if abs(ratio + 1) < 1e-5:
            return "WRONG: the sign is flipped"
        return f"WRONG: {ratio:.6g} times the right gradient"
    apart = np.abs(analytic - numeric)
    many = int((apart > 1e-6 * np.sqrt(np.mean(numeric * numeric))).sum())
    if probe.x.size > limit:
        where = f"{many} of {apart.size} random directions"
        return f"WRONG: along {where}; raise limit to see which entries"
    worst = np.unravel_index(np.argmax(apart), apart.shape)
    at = ", ".join(str(int(i)) for i in worst)
    values = f"{analytic[worst]:.6g}, expected {numeric[worst]:.6g}"
    return f"WRONG: {many} of {apart.size} entries, worst at [{at}]: {values}"


def _line(row, width):
    analytic, numeric = np.linalg.norm(row.analytic), np.linalg.norm(row.numeric)
    ratio = "-" if np.isnan(row.ratio) else f"{row.ratio:.4f}"
    error = "-" if NO_MEASURE < row.error < np.inf else f"{row.error:.1e}"
    numbers = f"{analytic:11.6g}  {numeric:11.6g}  {ratio:>8}  {error:>7}"
    return f"{row.name:{width}}  {numbers}  {row.verdict}"
