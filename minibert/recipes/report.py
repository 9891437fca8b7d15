"""The rows of a report: what each model is worth, and what it costs."""

import time
from typing import NamedTuple

import numpy as np


class Row(NamedTuple):
    """One model's figures."""

    name: str
    accuracy: float  # on the test texts, in [0, 1]
    parameters: int  # numbers that are stored
    bytes: int  # of all files that are needed to predict
    flops: int  # of the encoder's matrix products, mean over the test texts
    latency_ms_1: float  # from a text to its class, one text at a time
    latency_ms_32: float  # for 32 texts at once, as they come


def format_table(rows):
    """The rows as a text table, sizes in kB (1000 bytes)."""
    head = ("", "accuracy", "parameters", "kB", "MFLOP", "ms, 1 text", "ms, 32 texts")
    body = [
        (
            row.name,
            f"{row.accuracy:.1%}",
            f"{row.parameters:,}",
            f"{row.bytes / 1e3:,.0f}",
            f"{row.flops / 1e6:,.2f}",
            f"{row.latency_ms_1:.2f}",
            f"{row.latency_ms_32:.2f}",
        )
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    lines = [
        f"{name.ljust(widths[0])}  " + "  ".join(map(str.rjust, figures, widths[1:]))
        for name, *figures in (head, *body)
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def latencies(predictors, texts, *, singles=100, batches=10):
    """Median time of each predictor from text to class, measured in turn on the same texts.

    Taking turns text by text lets a change of the machine's speed fall on all of them alike.

    Parameters
    ----------
    predictors : dict of str to callable
        Each takes a list of texts.
    texts : list of str
        As they come, not sorted.
    singles, batches : int
        How many texts are timed one at a time, and how many batches of 32.

    Returns
    -------
    dict of str to (float, float)
        Milliseconds for one text, and for 32.
    """
    one = [texts[i : i + 1] for i in range(min(singles, len(texts)))]
    many = [texts[i : i + 32] for i in range(0, min(32 * batches, len(texts)), 32)]
    single, batched = _medians(predictors, one), _medians(predictors, many)
    return {name: (single[name], batched[name]) for name in predictors}


def _medians(predictors, batches):
    """Median milliseconds a batch, by predictor."""
    for predict in predictors.values():
        predict(batches[0])
    times = {name: [] for name in predictors}
    for batch in batches:
        for name, predict in predictors.items():
            start = time.perf_counter()
            predict(batch)
            times[name].append(time.perf_counter() - start)
    return {name: float(np.median(seconds)) * 1e3 for name, seconds in times.items()}
