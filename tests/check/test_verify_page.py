"""The page of `minibert verify`: well-formed, complete, self-contained, clear about failures."""

import datetime
import re
import sys
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import NamedTuple

import pytest

from minibert import ops
from minibert.check import spec
from minibert.check.cases import FORMULAS
from minibert.check.page import equation_svg, html_page, write_page
from minibert.check.page.document import READING
from minibert.check.page.source import highlighted, source_of
from minibert.check.page.tables import error_text
from minibert.check.verify import CaseResult, Check, Report, Row

LEVELS = {"numpy": "", "numba": "numba is not installed", "scalar": "", "avx2": ""}
VOID = {"meta", "input", "br", "link", "hr", "img"}


def smaller(a, b):
    """Whether a < b & b > a."""
    return a < b and b != "<script>"  # a <b> & b


class Named(NamedTuple):
    """What the page reads of a `Case`."""

    name: str
    tolerance: float | None = None

    def __str__(self):
        return self.name


def case(name, **checks):
    """The result of a case in which all is right, but for these checks."""
    ok, none = Check("ok", 3.4e-16, ""), Check("none", None, "the NumPy form runs")
    missing = Check("none", None, "not on this machine: numba is not installed")
    every = {"loops": ok, "numpy": ok, "numba": missing, "scalar": ok, "avx2": none}
    every |= {"golden": Check("ok", None, "torch.softmax"), "gradient": ok} | checks
    wrong = any(check.state == "wrong" for check in checks.values())
    return CaseResult(name, every, "torch.softmax", f"{name}: DIFFERS at <here>" if wrong else "")


def row(id, *cases, tex=(r"y = \frac{a}{b}",), code=(smaller,), loops=(spec.softmax_forward,)):
    made = tuple(Named(result.name) for result in cases)
    formula = SimpleNamespace(
        id=id, title=f"The <{id}>", source="Ba & Co", tex=tex, code=code, loops=loops, cases=made
    )
    return Row(formula, cases[-1].checks, cases)


PROVED = row("softmax", case("softmax"), case("softmax-rows"))
WORDS = row(
    "wordpiece",
    case("wordpiece", numpy=Check("ok", 0.0, ""), gradient=Check("none", None, "no <gradient>")),
)
WRONG = row("gelu", case("gelu", avx2=Check("wrong", 0.21, "")), tex=(r"\nonsense{x} < 1",))


def report(*rows):
    return Report(rows, LEVELS, 12.3, {"torch": "2.13.0"}, {"minibert": "0.1.0", "python": "3.11"})


class Reader(HTMLParser):
    """Tags, ids and links of a page; fails on a tag that is not closed where it should be."""

    def __init__(self, page):
        super().__init__()
        self.open, self.ids, self.attributes, self.tags, self.text = [], [], [], [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert tag == "path", "only SVG closes its own tags"

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_page_is_well_formed_and_complete():
    read = Reader(html_page(report(PROVED, WORDS, WRONG)))
    assert len(set(read.ids)) == len(read.ids)
    assert {"formula-softmax", "formula-wordpiece", "formula-gelu", "summary"} <= set(read.ids)
    targets = [value for _, name, value in read.attributes if name == "href"]
    assert targets
    assert all(t[0] == "#" and t[1:] in read.ids for t in targets)
    assert ("html", "lang", "en") in read.attributes
    heads = [value for tag, name, value in read.attributes if (tag, name) == ("th", "scope")]
    assert len(heads) == read.tags.count("th")


def test_page_loads_nothing():
    page = html_page(report(PROVED, WRONG))
    assert not re.search(r"https?://|@import|url\(|\bsrc=", page)
    assert not {"link", "img", "iframe", "object"} & set(Reader(page).tags)


def test_what_was_written_is_escaped():
    page = html_page(report(PROVED, WORDS))
    assert "The &lt;softmax&gt;" in page
    assert "Ba &amp; Co" in page
    assert "no &lt;gradient&gt;" in page
    assert page.count("<script>") == 1  # its own; the one in the code shown is escaped
    said = "".join(Reader(page).text)
    assert source_of(smaller) in said


def test_header_says_what_where_when_and_how():
    when = datetime.datetime(2031, 5, 4, 10, 30, tzinfo=datetime.UTC)
    page = html_page(report(PROVED, WORDS), command="minibert verify softmax", when=when)
    said = "".join(Reader(page).text)
    assert "2 of 2 formulas proved." in said
    assert "FAILED:" not in said
    assert "minibert 0.1.0, python 3.11" in said
    assert "torch 2.13.0" in said
    assert "Numba is missing here: numba is not installed" in said
    assert "2031-05-04 10:30 UTC, in 12 s" in said
    assert "minibert verify softmax" in said


def test_failure_is_said_in_words():
    page = html_page(report(PROVED, WRONG))
    said = "".join(Reader(page).text)
    assert "1 of 2 formulas proved. FAILED: The <gelu>." in said
    assert "FAILED: avx2" in said
    assert "gelu: DIFFERS at <here>" in said
    assert page.count('<td class="wrong">wrong 2e-01</td>') == 2
    assert page.count('<b class="ok">proved</b>') == page.count('<b class="wrong">FAILED</b>') == 2


def test_missing_level_gives_its_reason():
    page = html_page(report(PROVED))
    assert 'class="none" title="not on this machine: numba is not installed">-</td>' in page
    assert "<li>C avx2: the NumPy form runs</li>" in page


def test_a_tolerance_of_a_case_s_own_is_shown():
    loose = (Named("softmax"), Named("softmax-rows", 2e-3))
    formula = SimpleNamespace(**vars(PROVED.formula) | {"cases": loose})
    page = html_page(report(PROVED._replace(formula=formula)))
    assert page.count("<td>2e-03</td>") == page.count("<td>as usual</td>") == 1
    assert "as usual" not in html_page(report(PROVED))


def test_explanation_is_well_formed():
    Reader(READING)


@pytest.mark.parametrize(
    ("state", "error", "text"),
    [
        ("ok", 3.2e-16, "3e-16"),
        ("ok", 0.0, "exact"),
        ("ok", None, "ok"),
        ("none", None, "-"),
        ("wrong", float("inf"), "inf"),
        ("wrong", None, ""),
    ],
)
def test_errors_are_short(state, error, text):
    assert error_text(Check(state, error, "")) == text


def test_write_page(tmp_path):
    write_page(report(PROVED), tmp_path / "page.html")
    assert "softmax" in (tmp_path / "page.html").read_text(encoding="utf-8")
    with pytest.raises(OSError, match="nowhere"):
        write_page(report(PROVED), tmp_path / "nowhere" / "page.html")


# ---------------------------------------------------------------------------- equations


def test_equation_is_one_drawing_in_the_colour_of_the_text():
    drawn = equation_svg(r"y = \frac{a < b}{\sqrt{2}}")
    assert drawn.startswith("<svg ")
    assert drawn.endswith("</svg>")
    assert 'fill="currentColor"' in drawn
    assert "id=" not in drawn
    assert r"<title>y = \frac{a &lt; b}{\sqrt{2}}</title>" in drawn


def test_drawing_does_not_depend_on_the_users_settings():
    import matplotlib

    plain = equation_svg("x_1")
    equation_svg.cache_clear()
    with matplotlib.rc_context({"text.parse_math": False, "mathtext.fontset": "cm"}):
        assert equation_svg("x_1") == plain


def test_a_fraction_is_large_unless_it_is_within_braces():
    def height(tex):
        return float(re.search(r'height="([\d.]+)em', equation_svg(tex))[1])

    assert height(r"\frac{a}{b}") == height(r"\dfrac{a}{b}") > height(r"{\frac{a}{b}}")


@pytest.mark.parametrize("tex", [r"\nonsense{x}", r"\frac{a}", "$x$", " "])
def test_bad_tex_is_named(tex):
    with pytest.raises(ValueError, match=re.escape(f"cannot typeset {tex!r}")):
        equation_svg(tex)


def test_page_shows_the_tex_that_cannot_be_drawn(monkeypatch):
    shown = r'<code class="tex">\nonsense{x} &lt; 1</code>'
    assert shown in html_page(report(WRONG))
    equation_svg.cache_clear()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    page = html_page(report(PROVED))
    assert r'<code class="tex">y = \frac{a}{b}</code>' in page
    assert "<svg" not in page
    Reader(page)


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda f: f.id)
def test_every_equation_can_be_drawn(formula, caplog):
    assert formula.tex, f"{formula.id} has no equation"
    for tex in formula.tex:
        equation_svg.__wrapped__(tex)
    assert caplog.messages == [], f"{formula.id}: the font lacks a sign"


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda f: f.id)
def test_every_formula_shows_its_code(formula):
    assert formula.code
    assert all(map(source_of, formula.code + formula.loops))


# ---------------------------------------------------------------------------- code


def test_colours_of_code():
    code = 'def f():\n    """What."""\n    return "<a>", 1.5  # why'
    assert highlighted(code) == (
        '<span class="k">def</span> f():\n    <span class="d">"""What."""</span>\n'
        '    <span class="k">return</span> <span class="s">"&lt;a&gt;"</span>, '
        '<span class="n">1.5</span>  <span class="c"># why</span>'
    )


@pytest.mark.parametrize("code", ["def f(:", "x = '''", "  a\n b", "", 'f"{x!r:>{n}} {{}}" + "é"'])
def test_colours_never_change_the_text(code):
    assert "".join(Reader(f"<p>{highlighted(code)}</p>").text) == code


def test_source_is_flush_left_and_none_where_there_is_none():
    assert source_of(SimpleNamespace) is None
    assert source_of(len) is None
    assert source_of(Reader.handle_data).startswith("def handle_data")
    assert "attention_forward" in source_of(ops.attention_forward)
