"""The golden files that are shipped: whole, small, and with everything in them."""

import json
import shutil

import numpy as np
import pytest

from minibert import ops
from minibert.check import references
from minibert.check.cases import CASES, FORMULAS
from minibert.check.cases.plain import plain_inputs
from minibert.check.references import KINDS, LARGEST, LARGEST_OF_ALL, golden, golden_names
from minibert.check.structure import filled, leaves
from minibert.ops import Drop


def test_the_manifest_names_every_file_and_nothing_else():
    files = {path.stem for path in references.FOLDER.glob("*.safetensors")}
    assert files == set(golden_names())


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda f: f.id)
def test_names_begin_with_the_formula(formula):
    names = [str(case) for case in formula.cases]
    assert all(name == formula.id or name.startswith(f"{formula.id}-") for name in names)
    assert len(names) > 1 or names == [formula.id]


def test_no_two_cases_share_a_name():
    assert len(set(map(str, CASES))) == len(CASES)


def test_they_are_small():
    sizes = {path.stem: path.stat().st_size for path in references.FOLDER.iterdir()}
    assert max(sizes.values()) <= LARGEST
    assert sum(sizes.values()) <= LARGEST_OF_ALL


def is_int8(case):
    """Whether a case is about int8: by its name, or by the file of the table that it stands in."""
    return "int8" in f"{case} {case.make.__module__}"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_a_file_holds(case):
    found = golden(str(case))
    assert found.source
    assert {name.split(".")[0] for name in found.arrays} <= set(KINDS)
    assert found.part("output")
    for name, array in found.arrays.items():
        assert np.isfinite(array).all(), name
        if array.dtype.kind == "f":
            given = name.startswith(("input", "cotangent"))
            # int8's scales and dequantized results are float32 by definition.
            allowed = ["float32" if given else "float64"] + ["float32"] * is_int8(case)
            assert array.dtype.name in allowed, name
    if any(place is not None for place in case.wrt):
        assert found.part("cotangent")
        assert found.part("gradient")
        assert all(np.any(array) for array in found.part("cotangent").values())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_inputs_are_those_of_the_case(case):
    """So that a change of a case is not forgotten in its file."""
    drawn = case.named_inputs(*case.inputs(dtype=np.float32))
    drawn = {n: a for n, a in leaves(drawn, "input").items() if a.ndim}
    found = golden(str(case))
    assert found.plain == plain_inputs(case)
    stored = found.part("input")
    assert drawn.keys() == stored.keys()
    for name in stored:
        assert np.array_equal(stored[name], drawn[name]), name


def test_inputs_that_are_no_arrays():
    wordpiece = golden("wordpiece-pairs").plain
    assert wordpiece["texts"][3].startswith("abcd ab a")
    assert wordpiece["pairs"][0] == "the day"
    assert {"[CLS]", "##able"} <= {*wordpiece["tokens"]}
    assert wordpiece["lower"] is True
    assert golden("answers").plain["references"][0] == ["the river Seine", "Seine"]
    assert golden("adamw-linear").plain["lr"] == 3e-3
    assert golden("layernorm").plain == {"eps": 1e-12}  # a default
    assert {"rate", "seed", "step", "site"} == golden("dropout").plain["drop"].keys()
    assert golden("encoder").plain["config"]["hidden_size"] == 21
    assert "input.eps = 1e-12" in str(golden("layernorm")).splitlines()


def test_the_masks_are_the_hash_of_the_library():
    case = next(case for case in CASES if str(case) == "dropout")
    (x, drop), _ = case.inputs()
    assert isinstance(drop, Drop)
    (mask,) = golden("dropout").masks().values()
    assert np.array_equal(mask, ops.keep_mask(x.shape, drop))


@pytest.mark.parametrize(
    ("name", "hint"), [("layernom", "did you mean 'layernorm'"), ("tinybert", "tinybert-loss-repo")]
)
def test_an_unknown_name_is_an_error_with_names(name, hint):
    with pytest.raises(ValueError, match=f"no golden file '{name}'.*{hint}"):
        golden(name)


def test_an_unknown_kind():
    with pytest.raises(ValueError, match="kind is 'outputs'; it is one of input"):
        golden("softmax").part("outputs")


def test_it_prints_what_it_holds():
    lines = str(golden("softmax")).splitlines()
    assert lines[0] == "by torch.softmax"
    assert "output      float64 (2, 3, 5, 13)" in lines


@pytest.mark.parametrize("damage", ["cut", "changed", "missing"])
def test_a_damaged_file_is_an_error(damage, tmp_path, monkeypatch):
    shutil.copytree(references.FOLDER, tmp_path / "golden")
    monkeypatch.setattr(references, "FOLDER", tmp_path / "golden")
    path = tmp_path / "golden" / "layernorm.safetensors"
    data = path.read_bytes()
    path.write_bytes(data[:-8] if damage == "cut" else data[:-1] + bytes([data[-1] ^ 1]))
    if damage == "missing":
        path.unlink()
    with pytest.raises(ValueError, match="install minibert again"):
        golden("layernorm")


def test_manifest_has_versions_and_hashes():
    manifest = json.loads(references.MANIFEST.read_text(encoding="utf-8"))
    assert manifest["versions"]["torch"].startswith("2.13")
    for name, wanted in manifest["files"].items():
        assert references.sha256((references.FOLDER / f"{name}.safetensors").read_bytes()) == wanted


def test_leaves_and_filled_are_inverse():
    x = {"a": np.ones(2), "b": (1.5, None, [np.arange(3)]), "c": "text"}
    again = filled(x, "output", leaves(x, "output"))
    assert again["c"] == "text"
    assert again["b"][1] is None
    assert np.array_equal(again["b"][2][0], np.arange(3))
    assert again["b"][0] == 1.5


@pytest.mark.parametrize("text", [None, "{", "{}", "[]", '{"files": [], "versions": {}}'])
def test_a_broken_manifest_is_an_error(text, tmp_path, monkeypatch):
    monkeypatch.setattr(references, "MANIFEST", tmp_path / "manifest.json")
    if text is not None:
        (tmp_path / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"manifest.json is missing or broken"):
        references.manifest.__wrapped__()
