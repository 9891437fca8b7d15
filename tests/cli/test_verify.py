"""`minibert verify`: the table, JSON, the page, and the exit status."""

import json

import pytest

from minibert import kernels, ops
from minibert.check.cases import FORMULAS
from minibert.cli import main


def test_the_table(capsys):
    assert main(["verify", "linear", "int8-matmul"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:4] == ["formula", "loops", "NumPy", "Numba"]
    assert lines[1].split()[0] == "linear"
    assert lines[1].endswith("proved")
    assert lines[2].split()[:3] == ["int8-matmul", "exact", "exact"]
    assert any(line.startswith("2 of 2 formulas proved") for line in lines)


def test_a_wrong_formula_is_said_and_fails(capsys):
    pair = ops.gelu_tanh_forward, ops.gelu_tanh_backward
    with kernels.swap(gelu=pair):
        assert main(["verify", "gelu", "relu"]) == 1
    out = capsys.readouterr().out
    assert "FAILED: numpy" in out
    assert "output: DIFFERS" in out
    assert "1 of 2 formulas proved" in out


def test_json(capsys):
    assert main(["verify", "softmax", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (row,) = found["formulas"]
    assert (found["ok"], row["id"], row["verdict"]) == (True, "softmax", "proved")
    assert row["checks"]["golden"]["note"] == "torch.softmax"
    assert 0 < row["checks"]["gradient"]["error"] < 1e-6
    assert {"numpy", "numba"} <= found["levels"].keys()


@pytest.mark.parametrize("broken", [1 / 3, float("nan")])
def test_json_of_a_failure_is_json(broken, capsys):
    with kernels.swap(softmax_forward=lambda s: (s * broken, s)):
        assert main(["verify", "softmax", "--json"]) == 1

    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    found = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert found["formulas"][0]["verdict"].startswith("FAILED")
    assert "DIFFERS" in "".join(c["report"] for c in found["formulas"][0]["cases"])


def test_html(tmp_path, capsys):
    assert main(["verify", "relu", "--html", str(tmp_path / "page.html")]) == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "relu_backward" in page
    assert "<svg" in page


def test_list(capsys):
    assert main(["verify", "--list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(FORMULAS)


def test_an_unknown_formula(capsys):
    assert main(["verify", "atention"]) == 2
    assert "did you mean 'attention'" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_said_before_the_work(tmp_path, capsys):
    assert main(["verify", "relu", "--html", str(tmp_path / "none" / "page.html")]) == 2
    captured = capsys.readouterr()
    assert "none" in captured.err
    assert "relu" not in captured.out
