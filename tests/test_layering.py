"""Imports go one way, and the model reaches the ops through kernels."""

import ast
from pathlib import Path

import pytest

import minibert

# A package imports only from earlier entries; those of one entry do not import one another.
ORDER = (
    ("_version", "config", "ops", "text", "plot"),
    ("_c",),
    ("kernels",),
    ("model",),
    ("distill", "prune", "quant", "data", "eval"),
    ("interop",),
    ("pretrained",),
    ("train",),
    ("recipes",),
    ("check",),
    ("course", "bench"),
    ("cli",),
)
RANK = {name: rank for rank, names in enumerate(ORDER) for name in names}

# The public names gather everything; __main__ is the command.
ROOT_FILES = {"__init__.py", "__main__.py"}

FOLDER = Path(minibert.__file__).parent
FILES = sorted(p for p in FOLDER.rglob("*.py") if p.relative_to(FOLDER).parts[0] not in ROOT_FILES)


def imports(tree, package):
    """(module, name or None) of every import of ours in a file whose package is given."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((a.name, None) for a in node.names if a.name.split(".")[0] == "minibert")
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                base = package[: len(package) - node.level + 1]
                module = ".".join([*base, module] if module else base)
            if module.split(".")[0] == "minibert":
                yield from ((module, a.name) for a in node.names)


def target(module, name):
    """The package of ours that an import reaches: "ops", "kernels", ..."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else name


def wrong_imports(source, place):
    """What a file (its place below minibert/, as a tuple without .py) imports against the rules."""
    own = place[0]
    package = ["minibert", *place[:-1]]
    wrong = []
    for module, name in imports(ast.parse(source), package):
        other = target(module, name)
        if other == own:
            continue
        if other not in RANK:
            wrong.append(f"{module}.{name}: import it from where it is defined")
        elif RANK[other] >= RANK[own]:
            wrong.append(f"{other} is not to the left of {own}")
        elif other == "_c" and own != "kernels":
            wrong.append("only kernels imports the extension")
        elif other == "ops" and RANK[own] >= RANK["model"] and is_op(name):
            wrong.append(f"{name} by name: call it as F.{name}, so that kernels.use reaches it")
    return wrong


def is_op(name):
    """A function of ops that kernels may replace; types and constants are not."""
    return name is not None and name.islower() and hasattr(minibert.ops, name)


def test_every_package_has_its_place():
    found = {path.relative_to(FOLDER).parts[0].removesuffix(".py") for path in FILES}
    assert found <= RANK.keys(), "name it in ORDER"


@pytest.mark.quick
@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_imports_go_one_way(path):
    place = path.relative_to(FOLDER).with_suffix("").parts
    assert wrong_imports(path.read_text(encoding="utf-8"), place) == []


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("from minibert.kernels import use", ("ops", "gelu")),
        ("import minibert.model.block", ("kernels", "__init__")),
        ("from minibert.prune import masks", ("distill", "losses")),
        ("from minibert import train", ("model", "bert")),
        ("from ..cli import main", ("ops", "gelu")),
        ("def f():\n    from minibert.model import bert", ("ops", "gelu")),
        ("from minibert.ops import gelu_forward", ("model", "block")),
        ("from minibert import _c", ("model", "block")),
        ("from minibert import BertModel", ("recipes", "demo")),
    ],
)
def test_a_wrong_import_is_seen(source, place):
    assert len(wrong_imports(source, place)) == 1


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("from minibert.ops import Drop, QTensor, Attended", ("model", "block")),
        ("from minibert import kernels as F", ("model", "block")),
        ("from .gelu import gelu_forward", ("ops", "fused")),
        ("import numpy", ("ops", "gelu")),
    ],
)
def test_a_right_import_passes(source, place):
    assert wrong_imports(source, place) == []
