"""What `import minibert` brings in: next to nothing, and every public name when it is asked for."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import minibert

# Slow to import, and not needed to load a model or to cut texts into pieces.
SLOW = ("numba", "llvmlite", "matplotlib", "torch", "transformers", "tokenizers", "onnxruntime")


def loaded_after(statement):
    """The top-level modules in a fresh process that has run a statement."""
    code = f"import sys\n{statement}\nprint(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    child = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return set(child.stdout.split())


@pytest.mark.quick
def test_the_package_alone_needs_nothing():
    loaded = loaded_after("import minibert; minibert.__version__; dir(minibert)")
    assert "minibert" in loaded
    assert not loaded & {*SLOW, "numpy", "safetensors"}


@pytest.mark.parametrize(
    "statement",
    [
        "from minibert import *",
        "from minibert import BertModel, BertTokenizer, preset; import minibert.ops",
        "import minibert; minibert.kernels, minibert.model, minibert.text, minibert.train",
        "import minibert.cli; minibert.cli.COMMANDS",
    ],
)
def test_no_public_name_needs_what_is_slow(statement):
    assert not loaded_after(statement) & {*SLOW}


def test_packages_are_attributes():
    loaded_after("import minibert; minibert.text.wordpiece('a', {'a'}); minibert.ops.gelu_forward")
    assert minibert.config is sys.modules["minibert.config"]


@pytest.mark.parametrize("name", minibert.__all__)
def test_a_name_is_that_of_its_package(name):
    homes = [importlib.import_module(f"minibert.{home}") for home in ("_version", *minibert._HOMES)]
    found = [getattr(home, name) for home in homes if hasattr(home, name)]
    assert found
    assert all(getattr(minibert, name) is f for f in found)
    assert name in dir(minibert)


def test_what_is_not_there():
    with pytest.raises(AttributeError, match="no attribute 'BertModle'"):
        _ = minibert.BertModle
    with pytest.raises(ImportError, match="no_such_name"):
        from minibert import no_such_name  # noqa: F401
    assert not hasattr(minibert, "_no_such_name")


def test_a_package_that_lacks_something_says_what(tmp_path, monkeypatch):
    (tmp_path / "lacking.py").write_text("import no_such_package\n", encoding="utf-8")
    monkeypatch.setattr(minibert, "__path__", [*minibert.__path__, str(tmp_path)])
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        _ = minibert.lacking


def test_type_checkers_are_told_the_same_names():
    tree = ast.parse(Path(minibert.__file__).read_text(encoding="utf-8"))
    told = [
        alias.name for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for alias in n.names
    ]
    assert sorted(told) == sorted(minibert.__all__)
