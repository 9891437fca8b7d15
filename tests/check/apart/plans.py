"""What the tests of this folder run: attention, as planned."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from minibert.check.apart.records import make_plan
from minibert.check.apart.running import run_apart
from minibert.check.mistakes import op_called

STEPS = op_called("attention")
CALLS = STEPS.draw(3)
PLAN = make_plan(STEPS, CALLS, ("forward",))
BOTH = make_plan(STEPS, CALLS)
FIRST = ("forward", "primes", "values")
linux = pytest.mark.skipif(sys.platform != "linux", reason="there is no fork")


def attention(q, k, v, bias):
    s = q @ k.swapaxes(-1, -2) * q.dtype.type(q.shape[-1] ** -0.5) + bias
    p = np.exp(s - s.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True) @ v


def run(function, plan=PLAN, time_limit=10.0, how=None):
    return run_apart(function, plan, hint=STEPS, time_limit=time_limit, how=how)


def first(function, **more):
    """The result of one call, which did not end the process."""
    ran = run(function, PLAN[:1], **more)
    assert (ran.ended, ran.running) == ("", None)
    return ran.results[FIRST]


def line_of(function, text):
    """The number of a line in a function's file."""
    number = function.__code__.co_firstlineno - 1
    lines = Path(function.__code__.co_filename).read_text(encoding="utf-8").splitlines()
    return next(n for n, line in enumerate(lines, 1) if n > number and text in line)


def exits(q, k, v, bias):
    os._exit(3)
