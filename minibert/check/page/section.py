"""One formula's section of the page: equations, code, and what was checked."""

import sys
from html import escape

from minibert.check.page.equation import equation_svg
from minibert.check.page.source import highlighted, source_of
from minibert.check.page.tables import anchor, cases_table, remarks, search_words, verdict


def formula_section(row, report):
    """The section of one row of the report."""
    f = row.formula
    parts = [f'<section id="{escape(anchor(f))}" {search_words(row)}>']
    parts += [f"<h3>{escape(f.title)} <code>{escape(f.id)}</code> {verdict(row)}</h3>"]
    parts += [f'<p class="from">{escape(f.source)}</p>']
    if not row.ok:
        parts += [_failure(row)]
    parts += ['<div class="equations">', *(f"<p>{equation(tex)}</p>" for tex in f.tex), "</div>"]
    columns = _listing("The library's code", _steps(f.code) + _functions(f.code))
    columns += _listing("The same in loops", _functions(f.loops))
    parts += [f'<div class="listings">{columns}</div>', cases_table(row, report)]
    said = remarks(row, report)
    if said:
        lines = (f"<li>{escape(columns)}: {escape(note)}</li>" for note, columns in said.items())
        parts += ['<ul class="remarks">', *lines, "</ul>"]
    parts += ['<p class="up"><a href="#summary">back to the table</a></p></section>']
    return "\n".join(parts)


def equation(tex):
    """The equation drawn, or its TeX as code where it cannot be."""
    try:
        return equation_svg(tex)
    except (ImportError, ValueError):
        return f'<code class="tex">{escape(tex)}</code>'


def _failure(row):
    """The verdict in full, and the reports of the cases that differ."""
    reports = (
        f"<p>Case <code>{escape(case.name)}</code></p><pre>{escape(case.report)}</pre>"
        for case in row.cases
        if case.report
    )
    return f'<div class="failure"><p><b>{escape(row.verdict)}</b></p>{"".join(reports)}</div>'


def _listing(title, listed):
    """A column; nothing where nothing is listed."""
    return f'<div class="listing"><h4>{title}</h4>{listed}</div>' if listed else ""


def _steps(things):
    """The numbered steps that comments in the code refer to: its module's docstring has them."""
    modules = dict.fromkeys(getattr(thing, "__module__", None) for thing in things)
    texts = {name: getattr(sys.modules.get(name), "__doc__", None) or "" for name in modules}
    return "".join(
        _folding(f"{name}: the steps", escape(text.strip()))
        for name, text in texts.items()
        if "  (1)  " in text
    )


def _functions(things):
    """The source of every function or class."""
    codes = {_place(thing): source_of(thing) for thing in things}
    return "".join(
        _folding(place, "(its source is not at hand)" if code is None else highlighted(code))
        for place, code in codes.items()
    )


def _folding(title, shown):
    return (
        f"<details open><summary><code>{escape(title)}</code></summary>"
        f'<pre tabindex="0"><code>{shown}</code></pre></details>'
    )


def _place(thing):
    """The full name of a function or class."""
    name = getattr(thing, "__qualname__", None) or type(thing).__qualname__
    return f"{getattr(thing, '__module__', '')}.{name}".lstrip(".")
