"""The tables of the page: one row per formula, and one per case of a formula."""

import math
from html import escape

COLUMNS = {
    "loops": "Loop spec",
    "numpy": "NumPy",
    "numba": "Numba",
    "golden": "Golden",
    "gradient": "Gradient check",
}


def column_title(key):
    """What a column is called; a level that is not named here is one of the C kernels'."""
    return COLUMNS.get(key, f"C {key}")


def column_keys(report):
    """The keys of the check columns, in their order."""
    return ("loops", *report.levels, "golden", "gradient")


def error_text(check):
    """A relative error as the tables write it.

    Examples
    --------
    >>> from types import SimpleNamespace as Check
    >>> error_text(Check(state="ok", error=3.21e-16))
    '3e-16'
    >>> error_text(Check(state="ok", error=0.0)), error_text(Check(state="none", error=None))
    ('exact', '-')
    """
    if check is None or check.state == "none":
        return "-"
    if check.error is None:
        return "ok" if check.state == "ok" else ""
    if check.error == 0:
        return "exact" if check.state == "ok" else ""
    return f"{check.error:.0e}" if math.isfinite(check.error) else str(check.error)


def cell(check, missing=""):
    """The cell of a check; `missing` is why the machine lacks the level, or empty."""
    state = "none" if check is None else check.state
    note = (check.note if check is not None else "") or (missing if state == "none" else "")
    title = f' title="{escape(note)}"' if note else ""
    text = escape(error_text(check))
    if state == "wrong":
        text = f"wrong {text}".strip()
    return f'<td class="{state}"{title}>{text}</td>'


def verdict(row):
    """Proved or FAILED, in a word and a colour."""
    return '<b class="ok">proved</b>' if row.ok else '<b class="wrong">FAILED</b>'


def anchor(formula):
    """The id of a formula's section."""
    return f"formula-{formula.id}"


def search_words(row):
    """What the filter looks in, as an attribute."""
    words = f"{row.formula.id} {row.formula.title} {row.formula.source} {row.verdict}"
    return f'data-words="{escape(words.lower())}"'


def summary_table(report):
    """One row per formula, one column per check."""
    keys = column_keys(report)
    lines = ['<div class="wide summary" tabindex="0" role="region" aria-label="All formulas">']
    lines += ["<table><caption>Largest relative error of every formula</caption>"]
    lines += ["<thead><tr>" + _heads(["Formula"])]
    lines += [_heads(["What it is", "Where it comes from"], "words")]
    lines += [_heads(map(column_title, keys), "check") + _heads(["Verdict"]) + "</tr></thead>"]
    lines += ["<tbody>"]
    for row in report.rows:
        f = row.formula
        lines += [f'<tr {search_words(row)}><th scope="row">{_link(f)}</th>']
        lines += [f"<td>{escape(f.title)}</td><td>{escape(f.source)}</td>"]
        lines += [cell(row.checks.get(key), report.levels.get(key, "")) for key in keys]
        lines += [f'<td class="verdict-of">{verdict(row)}</td></tr>']
    return "\n".join([*lines, "</tbody></table></div>"])


def cases_table(row, report):
    """One row per case; only the columns in which some case was checked."""
    keys = [k for k in column_keys(report) if any(_checked(case, k) for case in row.cases)]
    label = f"Cases of {escape(row.formula.title)}"
    lines = [f'<div class="wide" tabindex="0" role="region" aria-label="{label}">']
    lines += ["<table><caption>Every case: largest relative error</caption><thead><tr>"]
    lines += [_heads(["Case"]) + _heads(map(column_title, keys), "check")]
    own = {str(case): case.tolerance for case in row.formula.cases if case.tolerance}
    lines += [_heads(["Allowed"] * bool(own) + ["Golden numbers from"]) + "</tr></thead><tbody>"]
    for case in row.cases:
        lines += [f'<tr><th scope="row"><code>{escape(case.name)}</code></th>']
        lines += [cell(case.checks.get(key), report.levels.get(key, "")) for key in keys]
        if own:
            allowed = own.get(case.name)
            lines += [f"<td>{f'{allowed:.0e}' if allowed else 'as usual'}</td>"]
        lines += [f"<td>{escape(case.source) or '-'}</td></tr>"]
    return "\n".join([*lines, "</tbody></table></div>"])


def remarks(row, report):
    """What the checks say in words, beyond what stands in the tables: {note: column titles}."""
    found = {}
    for case in row.cases:
        for key, check in case.checks.items():
            shown_elsewhere = ("", case.source, case.report)
            if check.note not in shown_elsewhere and not report.levels.get(key):
                found.setdefault(check.note, {})[column_title(key)] = None
    return {note: ", ".join(titles) for note, titles in found.items()}


def _heads(titles, kind=""):
    kind = f' class="{kind}"' if kind else ""
    return "".join(f'<th scope="col"{kind}>{escape(title)}</th>' for title in titles)


def _link(formula):
    return f'<a href="#{escape(anchor(formula))}"><code>{escape(formula.id)}</code></a>'


def _checked(case, key):
    return key in case.checks and case.checks[key].state != "none"
