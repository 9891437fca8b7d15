"""The whole page: what was verified where and when, the table, and a section per formula."""

import datetime
import importlib.util
import platform
import warnings
from html import escape

import numpy as np

from minibert.check.forms import GRADIENT, OUTPUT
from minibert.check.page.section import formula_section
from minibert.check.page.style import CSS, FILTER
from minibert.check.page.tables import anchor, column_title, summary_table
from minibert.text import write_text

DOUBLE, SINGLE = np.dtype(np.float64), np.dtype(np.float32)
READING = f"""<details class="reading"><summary>How to read the table</summary>
<p>A number is the largest relative error, norm(difference) / norm(reference), of any output or
gradient of any case: rounding makes some 1e-16 in float64 and 1e-7 in float32. <b>exact</b>: no
difference at all, as integers must have none. <b>-</b>: there is nothing to check; the formula's
section says why. Allowed are, unless the table of a
formula's cases says otherwise, {OUTPUT[DOUBLE]:.0e} for outputs and {GRADIENT[DOUBLE]:.0e} for
gradients in float64, {OUTPUT[SINGLE]:.0e} and {GRADIENT[SINGLE]:.0e} in float32.</p>
<dl>
<dt>Loop spec</dt><dd>The formula as plain loops, one number at a time, in float64, against the
golden numbers. Both are written separately, from the papers.</dd>
<dt>NumPy</dt><dd>The library's own form, in float64, against the golden numbers, and against the
loops on inputs drawn anew.</dd>
<dt>Numba, C</dt><dd>The compiled kernels, in float32, against the golden numbers.</dd>
<dt>Golden</dt><dd>The stored numbers of another program, most often PyTorch, are unchanged; each
section says whose they are.</dd>
<dt>Gradient check</dt><dd>The gradient by hand against central differences of the forward, in
float64.</dd>
</dl></details>"""


def html_page(report, command="minibert verify", when=None):
    """The report of `minibert verify` as one self-contained HTML page.

    Parameters
    ----------
    report : Report
        What `minibert.check.verify` returned.
    command : str
        What to type for the same report.
    when : datetime.datetime, optional
        When it was made; now by default.

    Returns
    -------
    str
    """
    when = when or datetime.datetime.now().astimezone()
    sections = "\n".join(formula_section(row, report) for row in report.rows)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>minibert verify: {escape(_score(report))}</title>
<style>
{CSS}</style>
</head>
<body>
<header>
<h1>Is every formula right?</h1>
{_verdict(report)}
{_facts(report, command, when)}
</header>
{_contents(report)}
<main>
<section id="summary">
<h2>All formulas</h2>
<input id="filter" type="search" placeholder="Filter: a name, a paper, FAILED"
 aria-label="Show only formulas with these words" hidden>
{summary_table(report)}
{READING}
</section>
<h2 id="formulas">Formula by formula</h2>
{sections}
</main>
<script>
{FILTER}</script>
</body>
</html>
"""


def write_page(report, path, command="minibert verify", when=None):
    """Write `html_page` to a file; a warning says so where matplotlib is missing.

    Raises
    ------
    OSError
        The file cannot be written; the message names it.
    """
    if importlib.util.find_spec("matplotlib") is None:
        warnings.warn("matplotlib is missing: the page shows equations as TeX", stacklevel=2)
    write_text(path, html_page(report, command, when))


def _score(report):
    proved = sum(row.ok for row in report.rows)
    return f"{proved} of {len(report.rows)} formulas proved"


def _verdict(report):
    """The verdict over all, and links to what failed."""
    links = ", ".join(
        f'<a href="#{escape(anchor(row.formula))}">{escape(row.formula.title)}</a>'
        for row in report.rows
        if not row.ok
    )
    failed = f" FAILED: {links}." if links else ""
    kind = "ok" if report.ok else "wrong"
    return f'<p class="verdict {kind}"><b>{escape(_score(report))}.</b>{failed}</p>'


def _facts(report, command, when):
    """What was verified, with what, on what, when, and how to do it again."""
    here = f"{platform.system()} {platform.machine()}"
    facts = {
        "Verified": f"{_pairs(report.versions)}, on {escape(here)}",
        "Against": f"golden numbers of {_pairs(report.made_with)}" if report.made_with else "",
        "Levels": _levels(report),
        "When": f"{when:%Y-%m-%d %H:%M %Z}, in {report.seconds:.0f} s",
        "To reproduce": f"<code>{escape(command)}</code>",
    }
    rows = (f"<dt>{name}</dt><dd>{fact}</dd>" for name, fact in facts.items() if fact)
    return f'<dl class="facts">{"".join(rows)}</dl>'


def _pairs(versions):
    return ", ".join(f"{escape(str(k))} {escape(str(v))}" for k, v in versions.items() if v)


def _levels(report):
    """The levels that ran, and why the others did not."""
    ran = ", ".join(column_title(key) for key, reason in report.levels.items() if not reason)
    missing = "".join(
        f"<li>{escape(column_title(key))} is missing here: {escape(reason)}</li>"
        for key, reason in report.levels.items()
        if reason
    )
    return escape(ran) + (f"<ul>{missing}</ul>" if missing else "")


def _contents(report):
    """Links to all sections, in the order of the page."""
    items = "".join(
        f'<li><a href="#{escape(anchor(row.formula))}">{escape(row.formula.title)}</a></li>'
        for row in report.rows
    )
    listed = f"<details><summary>Contents</summary><ul>{items}</ul></details>"
    return f'<nav aria-label="Contents">{listed}</nav>'
