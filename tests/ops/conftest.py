"""The fixture `impl`: every op test runs on every implementation that this machine has."""

import pytest

from minibert import kernels, ops

from .cases import CASES

LEVELS = ("numpy", "numba", "c")
RTOL = {"numpy": None, "numba": 1e-9, "c": 1e-9}  # None: the check's own; kernels may approximate


class Impl:
    """``impl(name)`` is the pair (forward, backward) of an op at one level."""

    def __init__(self, level):
        self.level = level
        self.rtol = RTOL[level]

    def __call__(self, name):
        pair = _pair(self.level, name)
        if pair is None:
            pytest.skip(f"the level {self.level} has no {name} of its own")
        return pair


@pytest.fixture
def impl(request):
    return Impl(request.param)


def pytest_generate_tests(metafunc):
    """Tests of a `case` run at the levels that have a kernel for its op, others at every level."""
    wanted = set(metafunc.fixturenames)
    needs = getattr(metafunc.function, "needs", "op")
    cases = [case for case in CASES if getattr(case, needs)]
    if "impl" in wanted and "case" in wanted:
        both = [
            pytest.param(level, case, id=f"{level}-{case}")
            for level in LEVELS
            if not _missing(level)
            for case in cases
            if _pair(level, case.op)
        ]
        metafunc.parametrize(("impl", "case"), both + _skipped(2), indirect=["impl"])
    elif "impl" in wanted:
        there = [level for level in LEVELS if not _missing(level)]
        metafunc.parametrize("impl", there + _skipped(1), indirect=True)
    elif "case" in wanted:
        metafunc.parametrize("case", cases, ids=str)


def _missing(level):
    """Why a level cannot run here, or ""."""
    return "" if level == "numpy" else kernels.available(level)[1]


def _skipped(count):
    """One skipped entry for each level that is missing, so that the report says why."""
    return [
        pytest.param(*[level] * count, id=level, marks=pytest.mark.skip(reason=f"{level}: {reason}"))
        for level in LEVELS
        if (reason := _missing(level))
    ]


def _pair(level, name):
    """(forward, backward) at a level; None where it is NumPy's under another level's name."""
    names = [f"{name}_forward", f"{name}_backward"] if hasattr(ops, f"{name}_forward") else [name]
    formulas = tuple(getattr(ops, n, None) for n in names)
    if level == "numpy":
        return formulas
    with kernels.use(level):
        found = tuple(getattr(kernels, n, None) for n in names)
    return found if found != formulas else None
