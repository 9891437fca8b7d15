"""`diagnose`: texts that say where a function is, and getting it from there."""

import sys
from pathlib import Path

import pytest

from minibert.check.apart.source import (
    LoadError,
    Source,
    as_target,
    load,
    parse_source,
    source_of,
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(
        "import helper\n"
        "def attention(q):\n    return helper.twice(q)\n"
        "def softmax(x):\n    return x\n"
        "class Layer:\n"
        "    size = 3\n"
        "    def forward(self, x):\n        return x + 1\n"
        "    @staticmethod\n    def plain(x):\n        return x + 2\n"
        "class Sized:\n"
        "    def __init__(self, size):\n        pass\n"
        "    def forward(self, x):\n        return x\n"
        "rate = 0.1\n"
    )
    (tmp_path / "helper.py").write_text("def twice(x):\n    return 2 * x\n")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package" / "part.py").write_text(
        "from . import other\ndef f(x):\n    return other.g(x)\n"
    )
    (tmp_path / "package" / "other.py").write_text("def g(x):\n    return -x\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_texts(folder):
    path = folder / "mine.py"
    assert parse_source("mine.py:attention") == Source(path, "attention")
    assert parse_source(f" {path}:Layer.forward ") == Source(path, "Layer.forward")
    assert parse_source("mine.py::attention") == Source(path, "attention")
    found = parse_source("package.part:f")
    assert found == Source(folder / "package" / "part.py", "f", "package.part")
    assert parse_source("mine:attention").module == "mine"
    assert as_target(len) is len
    assert as_target(found) is found
    assert as_target("mine.py:softmax").name == "softmax"
    with pytest.raises(ValueError, match="is no function"):
        as_target(3)


def test_a_drive_letter_is_no_function():
    with pytest.raises(ValueError, match=r"there is no file .*C:"):
        parse_source(r"C:\work\mine.py:attention")
    with pytest.raises(ValueError, match="names no function"):
        parse_source(r"C:\work\mine.py")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("mine.py", "names no function: write FILE.py:FUNCTION"),
        ("mine.py:", "no function after the colon"),
        (":attention", "names no file"),
        ("", "names no function"),
        ("mine.py:no-name", "cannot be the name"),
        ("mime.py:attention", r"no file 'mime.py'; did you mean 'mine.py'\?"),
        ("nowhere/mine.py:f", "no folder 'nowhere' either"),
        ("notes.txt:f", "is not a .py file"),
        ("book.ipynb:f", "is a notebook: call diagnose in it"),
        (".:f", "is a folder"),
        ("package.port:f", "no file 'package.port', and no module"),
        ("mime:attention", r"did you mean 'mine.py'\?"),
    ],
)
def test_what_is_wrong_with_a_text_is_said(text, says, folder):
    (folder / "notes.txt").write_text("")
    (folder / "book.ipynb").write_text("{}")
    with pytest.raises(ValueError, match=says):
        parse_source(text)


def test_functions_come_with_what_lies_beside_them(folder):
    assert load(parse_source("mine.py:attention"))(3) == 6
    assert load(parse_source("mine.py:Layer.forward"))(3) == 4
    assert load(parse_source("mine.py:Layer.plain"))(3) == 5
    assert load(parse_source("package.part:f"))(3) == -3


def test_two_methods_of_a_class_share_its_object(folder):
    modules = {}
    first, again = (load(parse_source("mine.py:Layer.forward"), modules) for _ in range(2))
    assert first.__self__ is again.__self__


def test_two_functions_of_one_file_share_it(folder):
    modules = {}
    first, second = (load(parse_source(f"mine.py:{n}"), modules) for n in ("attention", "softmax"))
    assert first.__globals__ is second.__globals__


def test_the_helper_beside_the_file_is_meant(folder, tmp_path_factory):
    """Not one of the same name that is imported already."""
    other = tmp_path_factory.mktemp("other")
    (other / "helper.py").write_text("def twice(x):\n    return 'other'\n")
    sys.path.insert(0, str(other))
    import helper  # of the other folder

    assert helper.twice(1) == "other"
    assert load(parse_source("mine.py:attention"))(3) == 6


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("atention", "mine.py has no function 'atention'; did you mean 'attention'"),
        ("x", "has 'attention', 'softmax', 'Layer', 'Sized'"),
        ("rate", "mine.py:rate is a float, not a function"),
        ("Layer.forwards", "mine.py:Layer has no method 'forwards'; did you mean 'forward'"),
        ("Layer.size", "mine.py:Layer.size is an int, not a function"),
        ("Sized.forward", "mine.py:Sized.forward is a method, .* made without arguments"),
    ],
)
def test_a_missing_function_is_said(name, says, folder):
    with pytest.raises(LoadError, match=says):
        load(Source(folder / "mine.py", name))


def test_where_a_function_is():
    found = source_of(parse_source)
    assert found.name == "parse_source"
    assert found.module == "minibert.check.apart.source"
    assert source_of(test_texts).path == Path(__file__).absolute()
    assert source_of(lambda x: x) is None
    assert source_of(len) is None

    def inner(x):
        return x

    assert source_of(inner) is None

    class Odd:
        def __getattr__(self, name):
            raise RuntimeError(name)

        def __call__(self, x):
            return x

    assert source_of(Odd()) is None
