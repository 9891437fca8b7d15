"""The batches of a run, one for each step: `batches` again and again, from any step on."""

from collections.abc import Iterator
from itertools import islice

import numpy as np


def endless(batches, start=0):
    """The batches of a run from batch `start` on, without end.

    Parameters
    ----------
    batches : iterable of dict
        Started anew whenever it ends (an epoch). With a method ``skip(n)`` it is told where to
        start: its next iteration begins with batch n of the run, counted from 0 over all epochs,
        and goes to the end of that epoch. Without one the earlier batches are made and dropped.
    start : int

    Yields
    ------
    dict

    Raises
    ------
    ValueError
        If `batches` is empty, or cannot be iterated again.

    Examples
    --------
    >>> list(islice(endless(["a", "b", "c"], start=4), 4))
    ['b', 'c', 'a', 'b']
    """
    if hasattr(batches, "skip"):
        batches.skip(start)
        return _again_and_again(batches)
    return islice(_again_and_again(batches), start, None)


def _again_and_again(batches):
    """What `batches` gives, then the same anew."""
    once = isinstance(batches, Iterator)
    while True:
        empty = True
        for batch in batches:
            empty = False
            yield batch
        if empty or once:
            raise ValueError(
                "batches: ended before total_steps was reached; pass something that "
                "can be iterated again, such as a list, and is not empty"
            )


def tokens(batch):
    """Number of tokens of a batch, padding not counted."""
    keep = batch.get("attention_mask")
    return int(np.size(batch["input_ids"]) if keep is None else np.sum(keep))
