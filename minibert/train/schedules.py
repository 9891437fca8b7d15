"""Learning-rate schedules: pure functions from a step to the factor on the base learning rate.

`step` counts the updates already done, so the first update asks for step 0. With T `total_steps`
and W `warmup_steps`, all three rise alike and differ in what follows:

    f(step) = step / max(1, W)                              step < W        (1)  warm-up
    f(step) = 1                                             constant        (2)
    f(step) = max(0, (T - step) / max(1, T - W))            linear          (3)
    f(step) = (1 + cos(pi r)) / 2                           cosine          (4)
              r = min(1, (step - W) / max(1, T - W))

Source: (1)-(4) are Hugging Face's `get_*_schedule_with_warmup`, meant for PyTorch's LambdaLR,
except that (4) stays at 0 after T, where theirs rises again. (4) is Loshchilov & Hutter 2017,
equation 5, without restarts.

BertAdam writes the linear schedule with the fraction done x = step/T and a warm-up fraction w:

    f(x) = x / w                                            x < w           (5)
    f(x) = max(0, (1 - x) / (1 - w))                        otherwise       (6)

which is (1) and (3) at W = w T. The two conventions thus differ only in rounding w T to a whole
step, and W may be fractional here: a warm-up given as a fraction follows (5)-(6), one given in
steps (1)-(4). Either way a warm-up makes the factor of the very first update 0.
"""

import math
from functools import partial


def constant(step, total_steps=None, warmup_steps=0):
    """(1), then (2): a warm-up followed by a constant 1.

    Parameters
    ----------
    step : int
        Updates already done.
    total_steps : int, optional
        Not used; there so that all schedules are called alike.
    warmup_steps : float
        Length of the warm-up in steps.

    Returns
    -------
    float

    Examples
    --------
    >>> [constant(step, warmup_steps=4) for step in range(6)]
    [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    """
    return step / max(1, warmup_steps) if step < warmup_steps else 1.0


def linear(step, total_steps, warmup_steps=0):
    """(1), then (3): a warm-up followed by a straight line to 0 at `total_steps`.

    Parameters
    ----------
    step, total_steps : int
    warmup_steps : float

    Returns
    -------
    float

    Examples
    --------
    >>> [linear(step, 6, 2) for step in range(8)]
    [0.0, 0.5, 1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
    """
    if step < warmup_steps:
        return step / max(1, warmup_steps)
    return max(0.0, (total_steps - step) / max(1, total_steps - warmup_steps))


def cosine(step, total_steps, warmup_steps=0):
    """(1), then (4): a warm-up followed by half a cosine wave to 0 at `total_steps`.

    Parameters
    ----------
    step, total_steps : int
    warmup_steps : float

    Returns
    -------
    float

    Examples
    --------
    >>> [round(cosine(step, 4), 3) for step in range(6)]
    [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """
    if step < warmup_steps:
        return step / max(1, warmup_steps)
    r = min(1.0, (step - warmup_steps) / max(1, total_steps - warmup_steps))
    return 0.5 * (1.0 + math.cos(math.pi * r))


def bert_linear(step, total_steps, warmup=0.1):
    """(5), then (6): BertAdam's linear schedule in its own words.

    Parameters
    ----------
    step, total_steps : int
    warmup : float
        Fraction w of `total_steps`, in [0, 1).

    Returns
    -------
    float

    Examples
    --------
    >>> [round(bert_linear(step, 5, 0.5), 3) for step in range(6)]
    [0.0, 0.4, 0.8, 0.8, 0.4, 0.0]
    """
    x = step / total_steps
    return x / warmup if x < warmup else max(0.0, (1.0 - x) / (1.0 - warmup))


SCHEDULES = {"constant": constant, "linear": linear, "cosine": cosine}


def make_schedule(name, total_steps=None, *, warmup=0.0, warmup_steps=None):
    """A schedule by name, ready for `TrainStep(schedule=...)`.

    Parameters
    ----------
    name : {"constant", "linear", "cosine"}
    total_steps : int, optional
        Updates of the whole run; "constant" needs it only for a `warmup` given as a fraction.
    warmup : float
        Warm-up as a fraction of `total_steps`, in [0, 1): BertAdam's convention.
    warmup_steps : int, optional
        Warm-up in updates, instead of `warmup`: Hugging Face's convention.

    Returns
    -------
    callable
        step -> factor.

    Raises
    ------
    ValueError
        For an unknown name, or a number outside its range.

    Examples
    --------
    >>> factor = make_schedule("linear", 100, warmup=0.1)
    >>> factor(0), factor(5), factor(10), factor(100)
    (0.0, 0.5, 1.0, 0.0)
    """
    if name not in SCHEDULES:
        raise ValueError(f"name: got {name!r}, wanted one of {', '.join(SCHEDULES)}")
    if total_steps is None and (name != "constant" or warmup):
        raise ValueError(f"total_steps: schedule {name!r} needs the number of updates of the run")
    if total_steps is not None and total_steps < 1:
        raise ValueError(f"total_steps: got {total_steps}, wanted at least 1")
    if not 0.0 <= warmup < 1.0:
        raise ValueError(
            f"warmup: got {warmup}, wanted a fraction in [0, 1); "
            "for a number of updates use warmup_steps"
        )
    if warmup_steps is None:
        warmup_steps = warmup * total_steps if warmup else 0
    elif warmup:
        raise ValueError("warmup and warmup_steps: give one of them, not both")
    elif warmup_steps < 0 or (name != "constant" and warmup_steps > total_steps):
        raise ValueError(f"warmup_steps: got {warmup_steps}, wanted 0 to total_steps={total_steps}")
    return partial(SCHEDULES[name], total_steps=total_steps, warmup_steps=warmup_steps)
