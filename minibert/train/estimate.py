"""How long a run will take, before it starts."""

import time
from itertools import islice

import numpy as np

SAMPLE = 16  # batches whose sizes are looked at


def estimate_seconds(step, batches, total_steps):
    """Time that the steps still to be done will take, from two forwards and backwards.

    The first is not counted, since kernels are compiled and memory is fetched in it. The time of
    the second, on the batch of middle size, is scaled to the mean size. Nothing is changed: there
    is no update, and dropout masks are computed from the step's number. Validation, saving and
    the update itself come on top.

    Parameters
    ----------
    step : TrainStep
    batches : sequence of dict
        A few that are typical, at least one; only the first sixteen are looked at.
    total_steps : int
        Of the whole run; those that `step` has done do not count.

    Returns
    -------
    float
        Seconds.
    """
    sample = sorted(islice(batches, SAMPLE), key=_size)
    if not sample:
        raise ValueError("batches: there are none; an estimate needs one or more")
    middle = sample[len(sample) // 2]
    step.gradients(middle)
    start = time.perf_counter()
    step.gradients(middle)
    seconds = time.perf_counter() - start
    mean = sum(_size(batch) for batch in sample) / len(sample)
    return seconds * mean / max(1, _size(middle)) * max(0, total_steps - step.step_count)


def minutes(seconds):
    """A duration in words, as exact as somebody who waits needs it.

    Parameters
    ----------
    seconds : float

    Returns
    -------
    str

    Examples
    --------
    >>> minutes(45.2), minutes(352), minutes(4790)
    ('45 s', '6 min', '1 h 20 min')
    """
    if seconds < 89.5:
        return f"{seconds:.0f} s"
    whole = round(seconds / 60)
    return f"{whole} min" if whole < 60 else f"{whole // 60} h {whole % 60} min"


def _size(batch):
    """Tokens of a batch with its padding, which costs as much."""
    return np.size(batch["input_ids"])
