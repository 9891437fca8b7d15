"""Who is there to compare with, and what is said where somebody is not."""

import importlib.util
import sys

import pytest

from minibert.bench import peers

pytestmark = pytest.mark.quick


@pytest.fixture
def installed(monkeypatch):
    """Let only these be found."""

    def only(*names):
        found = lambda name: object() if name in names else None  # noqa: E731
        monkeypatch.setattr(importlib.util, "find_spec", found)

    return only


def test_by_default_whoever_is_there(installed):
    installed("torch", "transformers", "onnxruntime")
    assert peers.parse(None) == ("torch",)  # without onnx there is no file for onnxruntime
    installed("torch", "transformers", "onnxruntime", "onnx")
    assert peers.parse(None) == ("torch", "onnxruntime")
    installed()
    assert peers.parse(None) == ()


def test_as_asked(installed):
    installed("torch", "transformers", "onnxruntime", "onnx")
    assert peers.parse("onnxruntime, torch,torch") == ("onnxruntime", "torch")
    assert peers.parse("none") == ()


def test_somebody_is_missing(installed):
    installed("transformers")
    with pytest.raises(ImportError, match="torch: not installed; pip install torch,"):
        peers.parse("torch")
    with pytest.raises(ImportError, match="pip install onnxruntime onnx torch,"):
        peers.parse("onnxruntime")


@pytest.mark.parametrize("name", ["tensorflow", "", "torch,,"])
def test_nobody_of_that_name(installed, name):
    installed("torch", "transformers")
    with pytest.raises(ValueError, match="is unknown; there are torch, onnxruntime, none"):
        peers.parse(name)


def test_nothing_is_imported_before_it_is_needed():
    """This very process has imported the module."""
    code = "import sys, minibert.cli.bench; print({'torch', 'onnxruntime'} & set(sys.modules))"
    from minibert.bench import child

    assert child.python("-c", code).stdout.strip() == "set()"
    assert sys.modules["minibert.bench.peers"] is peers
