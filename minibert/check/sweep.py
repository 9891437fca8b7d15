"""Is it the gradient that is wrong, or the difference it is compared with? Try every step.

A central difference with step h is off by two amounts:

    error(h)  =  a h^2  +  b eps / h                                                            (1)

The first is what (f(x + h) - f(x - h)) / 2h leaves out, the second is the rounding of f, divided
by h. On logarithmic axes that is a V. Three pictures, three meanings:

- a V whose bottom is tiny: the gradient is right;
- a flat line, with at most its ends bent up: the gradient is wrong, and by that much;
- a V whose bottom is high: f rounds coarsely (it computes in float32: eps = 6e-8 in place of
  1e-16), and nothing smaller than the bottom can be seen. Compute in float64, or say with
  `tolerance` what is good enough.

Where f has a kink (relu at 0) it has no derivative: the difference gives the mean of the slopes on
both sides at every step. Another flat line, but slopes from the left and from the right tell it.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from minibert.check.compare import TINY, relative_error
from minibert.check.differences import (
    NOT_FINITE,
    as_pair,
    change,
    not_finite,
    probes,
    slopes,
)

STEPS = tuple(10.0**-n for n in range(1, 12))
KINK_STEPS = 1e-5, 1e-4


class Sweep(NamedTuple):
    """One array: the relative error at each step, and what their course says."""

    name: str
    steps: tuple[float, ...]
    errors: tuple[float, ...]
    ok: bool
    verdict: str

    def __str__(self):
        rows = [f"   {h:6.0e}  {e:7.1e}  |{_mark(e)}" for h, e in zip(*self[1:3], strict=True)]
        return "\n".join([f"{self.name}: {self.verdict}", "     step    error", *rows])


class GradientSweep(NamedTuple):
    """The sweeps of all inputs; true in a condition where all are right, printed as tables."""

    rows: tuple[Sweep, ...]

    @property
    def ok(self):
        """Whether every gradient is right."""
        return all(row.ok for row in self.rows)

    def __bool__(self):
        return self.ok

    def __str__(self):
        return "\n\n".join(str(row) for row in self.rows)


def gradcheck_sweep(
    forward,
    backward,
    args,
    kwargs=None,
    *,
    steps=STEPS,
    wrt=None,
    cotangent=None,
    zero=(),
    tolerance=1e-6,
    limit=256,
    directions=32,
    seed=0,
):
    """The error of a pair's gradients at many steps h: formula (1), seen.

    Parameters
    ----------
    forward, backward, args, kwargs, wrt, cotangent, zero, limit, directions, seed
        As in `gradcheck`; `limit` is lower, since every entry is moved twice for each step.
    steps : sequence of float
        Largest first, at least three. An entry x is moved by h times max(1, abs(x)).
    tolerance : float
        A gradient is right if at two neighbouring steps its error is at most this. (At a single
        one, truncation might just cancel a mistake.)

    Returns
    -------
    GradientSweep
        Errors are norm(analytic - numeric) over the larger of both norms.

    Raises
    ------
    TypeError, ValueError
        As `gradcheck`; also if `steps` are fewer than three, not positive, or not falling.

    Examples
    --------
    >>> x, dy = np.array([0.3, -1.2, 0.8]), np.ones(3)
    >>> print(gradcheck_sweep_function(np.exp, lambda dy, x: dy * np.exp(x), (x,),
    ...                                steps=[1e-1, 1e-2, 1e-3, 1e-4], cotangent=dy))
    x: right: the error falls with h^2 to 1.7e-09
         step    error
        1e-01  1.7e-03  |              *
        1e-02  1.7e-05  |            *
        1e-03  1.7e-07  |          *
        1e-04  1.7e-09  |        *
    """
    steps = tuple(float(h) for h in steps)
    if len(steps) < 3 or steps[-1] <= 0 or list(steps) != sorted(set(steps), reverse=True):
        raise ValueError(
            f"gradcheck_sweep: steps is {steps}; wanted at least three positive numbers, falling"
        )
    found = []
    for probe in probes(
        forward, backward, args, kwargs, wrt, cotangent, zero, np.random.default_rng(seed)
    ):
        # The same directions at every step, so that only h differs.
        tried = [
            slopes(probe, h, limit, directions, np.random.default_rng([seed, 1])) for h in steps
        ]
        found.append((probe, tried))
    norms = [float(np.linalg.norm(tried[0][0])) for _, tried in found]
    largest = max(filter(np.isfinite, norms), default=0.0)
    rows = []
    for probe, tried in found:
        floor = max(1e-3 * largest, TINY) if probe.zero else TINY
        errors = tuple(
            relative_error(a, n, floor=max(floor, float(np.linalg.norm(a)))) for a, n in tried
        )
        rows.append(_judge(probe, steps, errors, tolerance, limit))
    return GradientSweep(tuple(rows))


def gradcheck_sweep_function(function, gradient, args, **options):
    """The error of the gradient of any function of yours, at many steps.

    Parameters
    ----------
    function, gradient, args
        As in `gradcheck_function`: ``gradient(dout, *args)``.
    **options
        Passed to `gradcheck_sweep`.

    Returns
    -------
    GradientSweep
    """
    return gradcheck_sweep(*as_pair(function, gradient), args, **options)


def _judge(probe, steps, errors, tolerance, limit):
    """The verdict, by the course of the errors."""
    if not np.isfinite(probe.dx).all():
        ok, verdict = False, not_finite(probe.dx)
    elif _lowest_of_two(errors) <= tolerance:
        ok, verdict = True, f"right: {_course(steps, errors)}"
    else:
        ok, verdict = False, _why_not(probe, steps, errors, limit)
    return Sweep(probe.name, steps, errors, ok, verdict)


def _lowest_of_two(errors):
    """The smallest error that two neighbouring steps both reach."""
    return min(max(pair) for pair in pairwise(errors))


def _course(steps, errors):
    """In words: the arm on the left, the bottom, the arm on the right."""
    first, bottom = int(np.argmax(np.isfinite(errors))), int(np.argmin(errors))
    if bottom == first or errors[first] <= 1e-9:
        which = "first finite" if first else "largest"
        return f"{errors[first]:.1e} at the {which} step: nothing to truncate, linear or quadratic"
    falls = "falls with h^2" if _power(steps, errors, first, bottom) == 2 else "falls"
    by_rounding = _power(steps, errors, bottom, len(steps) - 1) == -1
    rises = ", then rises with 1/h, by rounding" if by_rounding else ""
    return f"the error {falls} to {errors[bottom]:.1e}{rises}"


def _power(steps, errors, first, last):
    """The nearest whole p in error ~ h^p: the median over the finite steps from first to last."""
    e, h = np.array(errors[first : last + 1]), np.array(steps[first : last + 1])
    e, h = e[np.isfinite(e)], h[np.isfinite(e)]
    p = np.diff(np.log(np.maximum(e, TINY))) / np.diff(np.log(h))
    return round(float(np.median(p))) if len(p) else None


def _why_not(probe, steps, errors, limit):
    """A kink, a wrong gradient, or a function that rounds."""
    lowest = _lowest_of_two(errors)
    kinks = _kinks(probe) if probe.x.size <= limit else ""
    if kinks:
        return f"CANNOT TELL: {kinks}; move the input off them"
    if not np.isfinite(lowest):
        return NOT_FINITE
    low = [h for h, e in zip(steps, errors, strict=True) if e <= 2 * lowest]
    if low[0] / low[-1] >= min(99.0, steps[0] / steps[-1]):  # a V is narrower at its bottom
        return f"WRONG: the error stays at {lowest:.1e} however small the step"
    if low[-1] == steps[-1]:
        return f"CANNOT TELL: the error still falls at {lowest:.1e}; add smaller steps"
    return (
        f"CANNOT TELL: the error rises again from {lowest:.1e}; the function rounds, as float32 "
        "does, and hides what is smaller"
    )


def _kinks(probe):
    """Say so if at every entry whose gradient differs the slopes on both sides differ, too."""
    x, dx = probe.x, probe.dx
    here, apart, at_kinks = probe.y(x), 0, 0
    size = np.sqrt(np.mean(dx * dx))
    for i in np.ndindex(x.shape):
        before, after = _sides(probe, here, i, KINK_STEPS[0])
        slack = 1e-3 * max(size, abs(after), abs(before))
        if abs((after + before) / 2 - dx[i]) <= slack:
            continue
        apart += 1
        low, high = sorted((before, after))
        far_before, far_after = _sides(probe, here, i, KINK_STEPS[1])
        jump, far_jump = after - before, far_after - far_before
        stays = abs(jump - far_jump) < 0.1 * abs(jump)  # curvature grows with h, rounding with 1/h
        at_kinks += stays and low - slack <= dx[i] <= high + slack
    if not apart or at_kinks < apart:
        return ""
    return f"{apart} of {x.size} entries sit at a kink, where left and right slopes differ"


def _sides(probe, here, i, h):
    """The slopes of one entry from the left and from the right."""
    step = h * max(1.0, abs(probe.x[i]))
    up, down = probe.x.copy(), probe.x.copy()
    up[i] += step
    down[i] -= step
    before = change(here, probe.y(down), probe.dy) / (probe.x[i] - down[i])
    return before, change(probe.y(up), here, probe.dy) / (up[i] - probe.x[i])


def _mark(error):
    """A star at the error's power of ten, from 1e-16 on."""
    return " " * int(np.clip(17 + np.log10(max(error, TINY)), 0, 20)) + "*"
