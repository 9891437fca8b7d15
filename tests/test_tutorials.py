"""Every lesson runs from top to bottom, shows a figure, and keeps to the format of the site."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import minibert

FOLDER = Path(__file__).parents[1] / "tutorials"
LESSONS = sorted(FOLDER.glob("[0-9][0-9]_*.py"))
FAST = {"03_derive_attention"}  # part of the smoke run

# Runs a lesson as a script, then draws its figures: a missing glyph or a bad label shows only then.
RUN = """
import runpy, sys
values = runpy.run_path(sys.argv[1], run_name="__main__")
figures = [v for v in values.values() if hasattr(v, "savefig")]
assert figures, "the lesson has no figure"
for figure in figures:
    figure.canvas.draw()
"""

# What MyST understands and Jupyter shows literally.
MYST_ONLY = {
    "a fence with ::: or ```{...}": r"^\s*(:::|```+\s*\{)",
    "a role such as {ref}`x`": r"\{[\w:-]+\}`",
    "$$, write $...$ on a line of its own": r"\$\$",
    "a label such as (x)=": r"^\([\w-]+\)=\s*$",
    "a comment with %": r"^%",
}


def cells(path):
    """The (kind, text) of each cell in percent format."""
    kind, lines = None, []
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line.startswith("# %%"):
            yield kind, "\n".join(lines)
            kind, lines = "markdown" if "[markdown]" in line else "code", []
        else:
            lines.append(line)
    yield kind, "\n".join(lines)


def by_name(path):
    return path.stem


def test_there_are_lessons():
    assert LESSONS, f"none in {FOLDER}"


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=[pytest.mark.quick] if path.stem in FAST else [])
        for path in LESSONS
    ],
)
def test_runs(path, tmp_path):
    pytest.importorskip("matplotlib")
    env = os.environ | {
        "MPLBACKEND": "Agg",
        "PYTHONPATH": str(Path(minibert.__file__).parents[1]),
        "PYTHONUTF8": "1",
    }
    command = [sys.executable, "-W", "error::UserWarning", "-c", RUN, str(path)]
    run = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, encoding="utf-8"
    )
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-4000:]
    assert not list(tmp_path.iterdir()), "a lesson leaves files only where it was asked to"


@pytest.mark.quick
@pytest.mark.parametrize("path", LESSONS, ids=by_name)
def test_is_in_percent_format(path):
    (nothing, before), first, *_ = found = list(cells(path))
    assert nothing is None
    assert not before
    assert first[0] == "markdown"
    assert first[1].startswith(f"# # {path.stem[:2]} "), "the title begins with the number"
    for kind, text in found[1:]:
        lines = [line for line in text.split("\n") if line]
        assert lines, "an empty cell"
        if kind == "markdown":
            assert all(re.match(r"#( |$)", line) for line in lines), f"no comment in {text!r}"


@pytest.mark.quick
@pytest.mark.parametrize("path", LESSONS, ids=by_name)
def test_text_is_commonmark_with_dollars_only(path):
    for kind, text in cells(path):
        if kind != "markdown":
            continue
        plain = "\n".join(line.removeprefix("#").removeprefix(" ") for line in text.split("\n"))
        for what, pattern in MYST_ONLY.items():
            assert not re.search(pattern, plain, re.MULTILINE), f"{what} in:\n{plain}"
        for paragraph in plain.split("\n\n"):
            assert paragraph.count("$") % 2 == 0, f"a $ without its partner in:\n{paragraph}"


@pytest.mark.quick
@pytest.mark.parametrize("path", LESSONS, ids=by_name)
def test_follows_the_pattern(path):
    source = path.read_text(encoding="utf-8")
    assert "inspect.getsource(" in source, "a lesson shows the library's own function"
    assert "**The mistake.**" in source
    *_, (kind, last) = cells(path)
    assert kind == "code"
    assert any(isinstance(node, ast.Assert) for node in ast.parse(last).body), "ends in assertions"
