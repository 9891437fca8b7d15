"""Every formula against reference outputs, its loop form and its gradient: one row a formula.

    minibert verify                          # all of them, under a minute
    minibert verify attention layernorm
    minibert verify --html formulas.html     # with the formulas set, and the code beside them
    minibert verify --list
    minibert verify attention --function mine.py:attention    # which mistake does a function make?

The numbers are the largest relative errors. loops, NumPy (float64), Numba (float32) and the levels
of the C kernels are compared with golden files that PyTorch, Hugging Face and others made;
gradients with central differences. A dash: there is nothing to check, or the machine lacks the
level, which is said below the table. The exit status is 0 only if every formula is proved.
"""

import json
import shlex
from pathlib import Path

from minibert.check.cases import FORMULAS
from minibert.check.page import error_text, write_page
from minibert.check.verify import verify
from minibert.cli import diagnose

SHORT = {"loops": "loops", "numpy": "NumPy", "numba": "Numba"}


def add_arguments(parser):
    """The arguments of `minibert verify`."""
    parser.add_argument("ids", nargs="*", metavar="FORMULA", help="some of them; default all")
    parser.add_argument("--list", action="store_true", help="the formulas, and where they are from")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--html", metavar="FILE", help="also write a page")
    parser.add_argument("--seed", type=int, default=1, help="of the inputs that are drawn anew")
    diagnose.add_arguments(parser)


def run(args):
    """Verify, and print; 1 where a formula is not proved."""
    if diagnose.is_asked_for(args):
        return diagnose.run(args)
    if args.list:
        width = max(len(f.id) for f in FORMULAS)
        for formula in FORMULAS:
            print(f"{formula.id:<{width}}  {formula.title}: {formula.source}")
        return 0
    if args.html:
        _check_file(Path(args.html))
    table = _Table()
    report = verify(args.ids, seed=args.seed, say=None if args.json else table.print)
    if args.html:
        write_page(report, args.html, shlex.join(["minibert", "verify", *args.ids]))
    if args.json:
        print(json.dumps(as_json(report), indent=1))
    else:
        print(_closing(report))
    return 0 if report else 1


def _check_file(path):
    """Say before the work what would fail after it."""
    if path.is_dir() or not path.absolute().parent.is_dir():
        wrong = "is a folder; give a file" if path.is_dir() else f"there is no folder {path.parent}"
        raise ValueError(f"--html {path}: {wrong}")


class _Table:
    """Prints the rows as they come, under a heading."""

    def __init__(self):
        self.width = max(len(f.id) for f in FORMULAS)
        self.head = []

    def print(self, row):
        """One row, and what differs if it is not proved."""
        if not self.head:
            self.head = [SHORT.get(form, form) for form in row.checks]
            self._line("formula", self.head, "verdict")
        checks = row.checks.values()
        cells = ["WRONG" if c.state == "wrong" else error_text(c) for c in checks]
        self._line(row.formula.id, cells, row.verdict)
        for case in row.cases:
            if not row.ok and case.report:
                print("    " + case.report.replace("\n", "\n    "))


    def _line(self, first, cells, last):
        cells = [f"{c:>{max(6, len(h))}}" for c, h in zip(cells, self.head, strict=True)]
        print("  ".join([f"{first:<{self.width}}", *cells, last]), flush=True)


def _closing(report):
    """What stands below the table."""
    proved = sum(row.ok for row in report.rows)
    missing = [f"no {level}: {reason}" for level, reason in report.levels.items() if reason]
    made = ", ".join(f"{name} {version}" for name, version in report.made_with.items())
    return "\n".join([
        "",
        f"{proved} of {len(report.rows)} formulas proved, in {report.seconds:.0f} s",
        *missing,
        f"golden files made with {made}",
    ])


def as_json(report):
    """The report in plain dicts and lists.

    Parameters
    ----------
    report : Report

    Returns
    -------
    dict
    """
    return {
        "ok": report.ok,
        "seconds": round(report.seconds, 1),
        "levels": report.levels,
        "versions": report.versions,
        "golden_made_with": report.made_with,
        "formulas": [
            {
                "id": row.formula.id,
                "title": row.formula.title,
                "source": row.formula.source,
                "verdict": row.verdict,
                "checks": _checks(row.checks),
                "cases": [
                    {"name": c.name, "golden": c.source, "checks": _checks(c.checks),
                     "report": c.report}
                    for c in row.cases
                ],
            }
            for row in report.rows
        ],
    }


def _checks(checks):
    """Infinity has no place in JSON: it becomes a text."""
    return {
        form: {
            "state": c.state,
            "error": str(c.error) if c.error == float("inf") else c.error,
            "note": c.note,
        }
        for form, c in checks.items()
    }
