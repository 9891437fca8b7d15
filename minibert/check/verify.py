"""Is every formula right, in every form it has here? One row a formula.

    loops        the loop form against the golden file, which was made without it
    numpy        the NumPy form against the golden file in float64, and in float32, within its
                 rounding; and against the loop form on inputs that are drawn anew
    numba        the compiled kernels in float32 against the golden file, in one block and in many
    scalar ...   each level of the C kernels, likewise
    golden       the file is the one that the manifest names; who computed it
    gradient     the backward against central differences, in float64

A number is the largest relative error, in norm, of any array of any case. Integers must be equal.
A level that the machine lacks is no failure; that a formula has no kernel there is none either.
"""

import platform
import time
from typing import NamedTuple

import numpy as np

from minibert import kernels as F
from minibert._version import __version__
from minibert.check.cases import FORMULAS, Formula, formula_called
from minibert.check.forms import Check, check_gradient, check_kernels, check_loops, check_numpy
from minibert.check.levels import kernel_levels, serves
from minibert.check.references import golden, manifest

REQUIRED = ("loops", "numpy", "golden")


class CaseResult(NamedTuple):
    """One case of a formula, and what differs, in words."""

    name: str
    checks: dict
    source: str
    report: str


class Row(NamedTuple):
    """One formula: the worst of its cases, form by form."""

    formula: Formula
    checks: dict
    cases: tuple

    @property
    def ok(self):
        """Whether nothing is wrong, and all that has to be there is."""
        return not self.failed

    @property
    def failed(self):
        """The forms that are wrong, or are not there and have to be."""
        bad = {form: ("wrong", "none") if form in REQUIRED else ("wrong",) for form in self.checks}
        return [form for form, check in self.checks.items() if check.state in bad[form]]

    @property
    def verdict(self):
        """The word "proved", or which forms failed."""
        return "FAILED: " + ", ".join(self.failed) if self.failed else "proved"


class Report(NamedTuple):
    """What `verify` found; true in a condition where every formula is proved."""

    rows: tuple
    levels: dict  # the name of a level: "" or the reason why it cannot run here
    seconds: float
    made_with: dict
    versions: dict

    @property
    def ok(self):
        """Whether every row is proved."""
        return all(row.ok for row in self.rows)

    def __bool__(self):
        return self.ok


def verify(ids=(), *, seed=1, say=None):
    """Check formulas in all their forms.

    Parameters
    ----------
    ids : sequence of str
        Which formulas; all of the table by default.
    seed : int
        For the inputs drawn anew, and the gradient checks' cotangents.
    say : callable, optional
        Called with each `Row` as it is there.

    Returns
    -------
    Report

    Raises
    ------
    ValueError
        There is no such formula, or the seed is negative.
    """
    if seed < 0:
        raise ValueError(f"seed is {seed}; it is at least 0")
    F.level()  # a wrong MINIBERT_KERNELS is no formula's fault
    manifest()
    chosen = {f.id: f for f in map(formula_called, ids)}.values() or FORMULAS
    levels, rows, start = kernel_levels(), [], time.perf_counter()
    for formula in chosen:
        rows.append(_row(formula, levels, seed))
        if say:
            say(rows[-1])
    seconds = time.perf_counter() - start
    return Report(tuple(rows), levels, seconds, manifest()["versions"], _versions())


def _row(formula, levels, seed):
    results = tuple(_case(case, levels, seed) for case in formula.cases)
    checks = {form: _worst([r.checks[form] for r in results]) for form in results[0].checks}
    for level, missing in levels.items():
        served = not missing and any(serves(level, case) for case in formula.cases)
        if served and checks[level].state == "none" and checks["golden"].state == "ok":
            checks[level] = Check("wrong", None, "there are kernels, and none took its inputs")
    return Row(formula, checks, results)


def _worst(checks):
    """The verdict on several: wrong if one is, otherwise the largest error."""
    order = {"wrong": 0, "ok": 1, "none": 2}
    first = min(checks, key=lambda c: order[c.state])
    errors = [c.error for c in checks if c.error is not None]
    notes = dict.fromkeys(c.note for c in checks if c.state == first.state and c.note)
    return Check(first.state, max(errors, default=None), "; ".join(notes))


def _case(case, levels, seed):
    try:
        reference = golden(str(case))
    except ValueError as error:
        checks = dict.fromkeys(["loops", *levels, "golden", "gradient"], Check("none", None, ""))
        checks["golden"] = Check("wrong", None, str(error))
        return CaseResult(str(case), checks, "", str(error))
    reports = []

    def attempt(form, check, *more):
        try:
            found, report = check(case, reference, *more)
        except Exception as error:  # whatever a wrong formula raises is a finding
            found, report = Check("wrong", None, ""), f"{type(error).__name__}: {error}"
        if report:
            reports.append(f"{case}, {form}\n{report}")
        return found

    checks = {"loops": attempt("loops", check_loops)}
    for level, missing in levels.items():
        if missing:
            checks[level] = Check("none", None, f"not on this machine: {missing}")
        elif level == "numpy":
            checks[level] = attempt(level, check_numpy, seed)
        elif serves(level, case):
            checks[level] = attempt(level, check_kernels, level)
        else:
            checks[level] = Check("none", None, "the NumPy form runs")
    checks["golden"] = Check("ok", None, reference.source)
    checks["gradient"] = attempt("gradient", check_gradient, seed)
    return CaseResult(str(case), checks, reference.source, "\n".join(reports))


def _versions():
    found = {"minibert": __version__, "python": platform.python_version(), "numpy": np.__version__}
    if not F.available("numba")[1]:
        import numba

        found["numba"] = numba.__version__
    return found
