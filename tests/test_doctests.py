"""The examples in the docstrings, and in the pages that have some, are true."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import minibert

ROOT = Path(__file__).parents[1]
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(minibert.__path__, "minibert.")
    if not module.name.endswith(("__main__", "._c"))
)
PAGES = ["csrc/README.md"]
OPTIONAL = {"numba", "llvmlite", "matplotlib", "torch", "onnxruntime", "minibert._c"}


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name):
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        missing = [e.name for e in (error, error.__cause__) if isinstance(e, ModuleNotFoundError)]
        if not OPTIONAL.intersection(missing) and "C extension" not in str(error):
            raise
        pytest.skip(f"{name}: {error}")
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("page", PAGES)
def test_pages(page):
    failed, tried = doctest.testfile(str(ROOT / page), module_relative=False, encoding="utf-8")
    assert tried
    assert failed == 0
