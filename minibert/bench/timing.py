"""Time works in turns, so that a busy moment of the machine hits them all alike.

A turn runs A, then B, then C; the figure of each is the median over the turns, and quartiles show
how quiet the machine was. Before each call stands a pause: the threads of some libraries keep
spinning for a while after a call, and whoever comes next would be timed with half of the machine.
A short work is called once more, not counted, after the pause, so that every engine finds its
threads awake and its weights in cache, as it would when it serves one call after another.
"""

import gc
import statistics
import time
from typing import NamedTuple

import numpy as np

PAUSE = 0.1  # s: ONNX Runtime's threads spin for 50 to 100 ms after a call
SHORT = 0.1  # s: works below this are called once more before a call that counts


class Figure(NamedTuple):
    """A measured number: median, quartiles and least over the runs."""

    median: float
    low: float
    high: float
    least: float
    runs: int


def figure(values):
    """Median, quartiles and least of numbers.

    Examples
    --------
    >>> figure([4.0, 1.0, 2.0, 3.0, 5.0])
    Figure(median=3.0, low=2.0, high=4.0, least=1.0, runs=5)
    """
    least, low, median, high = (float(q) for q in np.quantile(values, (0.0, 0.25, 0.5, 0.75)))
    return Figure(median, low, high, least, len(values))


def geometric_mean(figures):
    """A figure of geometric means: of the medians, of the quartiles and of the least.

    Parameters
    ----------
    figures : list of Figure

    Returns
    -------
    Figure
        Its `runs` are those of the figure with the fewest.

    Examples
    --------
    >>> geometric_mean([figure([2.0]), figure([8.0, 8.0])])
    Figure(median=4.0, low=4.0, high=4.0, least=4.0, runs=1)
    """
    *times, runs = zip(*figures, strict=True)
    return Figure(*map(statistics.geometric_mean, times), min(runs))


def interleaved(works, *, seconds=5.0, least=5, most=100, pause=PAUSE):
    """Milliseconds of each work.

    Parameters
    ----------
    works : dict of str to callable
        Called without arguments.
    seconds : float
        No turn begins after this time, once there are enough of them.
    least, most : int
        Turns.
    pause : float
        Seconds of rest before each call.

    Returns
    -------
    dict of str to Figure
    """
    last = {name: _seconds(work) for name, work in works.items()}  # the warm-up is not counted
    spent = {name: [] for name in works}
    gc.collect()
    was_on = gc.isenabled()
    gc.disable()
    try:
        start = time.perf_counter()
        for turn in range(most):
            if turn >= least and time.perf_counter() - start > seconds:
                break
            for name, work in works.items():
                time.sleep(pause)
                if last[name] < SHORT:
                    work()
                last[name] = _seconds(work)
                spent[name].append(1e3 * last[name])
    finally:
        if was_on:
            gc.enable()
    return {name: figure(values) for name, values in spent.items()}


def fastest(works, turns=3):
    """The name of the quickest of several ways to do one thing, by a short trial.

    Parameters
    ----------
    works : dict of str to callable
    turns : int

    Returns
    -------
    str
    """
    if len(works) == 1:
        return next(iter(works))
    found = interleaved(works, seconds=0.0, least=turns, most=turns)
    return min(found, key=lambda name: found[name].median)


def _seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
