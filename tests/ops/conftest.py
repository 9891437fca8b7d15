"""The fixture `impl`: every op test runs on every implementation that this machine has.

A test of a `case` runs at the levels that have a kernel for its op; any other test at those that
have one for the ops that its module names in ``OPS``. test_levels.py skips, with the reason, once
for each level that is missing.
"""

from functools import cache

import pytest

from minibert import kernels, ops
from minibert.check.cases import OP_CASES

LEVELS = ("numpy", "numba", "c")
RTOL = {"numpy": None, "numba": 1e-9, "c": 1e-9}  # None: the check's own; kernels may approximate


class Impl:
    """``impl(name)`` is the pair (forward, backward) of an op at one level, or a lone function."""

    def __init__(self, level):
        self.level = level
        self.rtol = RTOL[level]

    def __call__(self, name):
        found = _functions(self.level, name)
        return found if len(found) > 1 else found[0]


@pytest.fixture
def impl(request):
    return Impl(request.param)


def pytest_generate_tests(metafunc):
    wanted = set(metafunc.fixturenames)
    if "case" in wanted:
        needs = getattr(metafunc.function, "needs", "op")
        cases = [case for case in OP_CASES if getattr(case, needs)]
    if {"impl", "case"} <= wanted:
        both = [(level, case) for level in LEVELS for case in cases if _has(level, case.op)]
        ids = [f"{level}-{case}" for level, case in both]
        metafunc.parametrize(("impl", "case"), both, ids=ids, indirect=["impl"])
    elif "impl" in wanted:
        levels = [level for level in LEVELS if any(_has(level, op) for op in metafunc.module.OPS)]
        metafunc.parametrize("impl", levels, indirect=True)
    elif "case" in wanted:
        metafunc.parametrize("case", cases, ids=str)


def _names(op):
    """An op's function names: the pair, or as much of it as there is, or the name itself."""
    return [n for n in (f"{op}_forward", f"{op}_backward") if hasattr(ops, n)] or [op]


@cache
def _functions(level, op):
    if level == "numpy":
        return tuple(getattr(ops, name) for name in _names(op))
    with kernels.use(level):
        return tuple(getattr(kernels, name) for name in _names(op))


def _has(level, op):
    """Whether a level can run here, and has something of its own for this op."""
    if level == "numpy":
        return True
    return not kernels.available(level)[1] and _functions(level, op) != _functions("numpy", op)
