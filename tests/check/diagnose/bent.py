"""Right formulas that are bent: a step changed, or the end of it."""

import sys

import numpy as np
import pytest

from minibert.check.mistakes import MISTAKES, op_called

needs_fork = pytest.mark.skipif(sys.platform != "linux", reason="there is no fork")


def bent(op, *mistakes, part="forward", after=None, end=None):
    """A function with mistakes of the catalogue, and something done to the results in the end.

    ``after`` has what becomes of a step; ``end`` takes the results and returns them, all of them.
    """
    steps, changes = op_called(op), {}
    for name in mistakes:
        changes |= MISTAKES[name].steps
    names = [name for name, _ in steps.arguments(part)]

    def f(*args):
        results = steps.run(dict(zip(names, args, strict=True)), part, changes, after)
        results = results if end is None else end(*results)
        return results[0] if isinstance(results, tuple) and len(results) == 1 else results

    return f


def softmax(s, axis=-1):
    e = np.exp(s - s.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def attention(q, k, v, bias):
    root = q.dtype.type(np.sqrt(q.shape[-1]))
    return softmax(q @ k.swapaxes(-1, -2) / root + bias) @ v


def ids(found):
    return [cause.id for cause in found.causes]
