"""`minibert bench`: every suite on tiny models and alone, its files, and its errors."""

import json
import subprocess

import numpy as np
import pytest

from minibert import cli
from minibert.bench import child, goals, inference, memory, startup, tokenizer
from minibert.bench.compare import MismatchError
from minibert.bench.timing import figure
from minibert.cli import bench as command

ALONE = ("--against", "none", "--repeat", "1", "--quick")


@pytest.fixture(autouse=True)
def _tiny(tiny, monkeypatch):
    about = command.doctor.Finding("python", True, "3")
    monkeypatch.setattr(command.doctor, "examine", lambda: [about])
    monkeypatch.setattr(memory, "measure", lambda run, work, *sizes: {"minibert": figure([12.0])})
    monkeypatch.setattr(tokenizer, "MEGABYTE", 5_000)
    monkeypatch.setattr(tokenizer, "SAMPLE", 5_000)
    monkeypatch.delenv("MINIBERT_DEBUG", raising=False)


def bench(*words):
    return cli.main(["bench", *words])


def test_all_suites_alone(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(child, "python", spoken)
    path = tmp_path / "bench.json"
    assert bench("all", *ALONE, "--threads", "1", "--json", str(path)) == 0
    shown = capsys.readouterr().out
    report = json.loads(path.read_text(encoding="utf-8"))
    assert {row["suite"] for row in report["rows"]} == set(command.SUITES)
    for row in report["rows"]:
        assert row["work"] in shown
        assert set(row["figures"]) <= {"minibert", goals.FLOAT32}
        for some in row["figures"].values():
            assert some["least"] <= some["low"] <= some["median"] <= some["high"]
        assert row["figures"] or "fetch rotten-tomatoes" in row["note"]
    assert report["machine"]["python"]
    assert report["settings"]["threads"] == 1
    assert report["settings"]["peers"] == []
    some = report["rows"][0]
    assert some["fraction_of_product"] > 0
    assert some["product_operations_per_second"].keys() == {"blas", "minibert"}
    assert report["peers"] == {}


def spoken(*words, **environment):
    """A child that says a number, and nothing was imported late."""
    said = "[]" if "sys.modules" in words[-1] else "0.25"
    return subprocess.CompletedProcess(words, 0, said, "")


def test_real_sentences_and_plots(capsys, tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("".join(f"some words of text {'x ' * i}\n" for i in range(9)), "utf-8")
    words = ("--data", str(texts), "--out", str(tmp_path / "plots"))
    assert bench("inference", *ALONE, *words) == 0
    assert "% of it tokens" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "suites"),
    [(["gemm", "attention", "gemm"], ["gemm", "attention"]), (["gemm", "all"], command.SUITES)],
)
def test_several_works(monkeypatch, words, suites):
    """Each once, as asked; `all` has the others in it."""
    asked = []
    monkeypatch.setattr(command, "_suite", lambda name, run: asked.append(name) or [])
    assert bench(*words, *ALONE) == 0
    assert asked == list(suites)


def test_json_on_standard_output(capsys):
    assert bench("attention", *ALONE, "--json", "-") == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["rows"][0]["work"] in shown.err


def test_plots_of_what_was_measured(tmp_path):
    pytest.importorskip("matplotlib")
    assert bench("attention", *ALONE[:4], "--out", str(tmp_path)) == 0
    assert (tmp_path / "attention-length.png").is_file()


def test_a_mismatch_ends_it(capsys, monkeypatch, tmp_path):
    def differs(run):
        raise MismatchError("our outputs and torch's differ by 1")
        yield

    monkeypatch.setattr(inference, "rows", differs)
    assert bench("inference", *ALONE, "--json", str(tmp_path / "bench.json")) == 1
    assert "our outputs and torch's differ" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--against", "caffe"], "'caffe' is unknown"),
        (["--data", "no-such-file.txt"], "there is no file"),
        (["--json", "no-such-folder/bench.json"], "there is no folder"),
    ],
)
def test_what_cannot_be(capsys, monkeypatch, words, said):
    monkeypatch.setattr(inference, "rows", lambda run: pytest.fail("measured before it was said"))
    assert bench("inference", "--against", "none", *words) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [[], ["everything"], ["attention", "everything"]]
    + [["all", "--threads", bad] for bad in ("0", "two")]
    + [["all", "--seconds", bad] for bad in ("0", "-1", "nan", "inf", "long")]
    + [["all", "--repeat", "1.5"]],
)
def test_bad_arguments(words, capsys):
    with pytest.raises(SystemExit) as stop:
        bench(*words)
    assert stop.value.code == 2
    assert "error" in capsys.readouterr().err


def test_a_busy_machine_is_told(capsys, monkeypatch):
    monkeypatch.setattr(command.busy.Others, "processors", lambda self: 1.5)
    assert bench("attention", *ALONE, "--threads", "2") == 0
    assert "warning: other programs use 1.5 processors" in capsys.readouterr().err


def test_memory_that_is_not_told(capsys, monkeypatch):
    monkeypatch.setattr(memory, "measure", lambda run, work, *sizes: {})
    assert bench("attention", *ALONE) == 0
    assert "skipped" in capsys.readouterr().out


def test_ids_that_differ():
    same = np.array([[1, 2]])
    with pytest.raises(MismatchError, match="tokenizers differ in 'a b'"):
        tokenizer._compare({"minibert": same, "tokenizers": [[1, 3]]}, ["a b"])


def test_a_child_that_fails():
    with pytest.raises(OSError, match="ended with 3: no luck"):
        child.python("-c", "import sys; print('no luck', file=sys.stderr); sys.exit(3)")


@pytest.mark.parametrize("program", startup.IMPORTS)
def test_imports_bring_in_nothing_late(program):
    row = startup._import(program, [1.5], [0.5])
    assert row.figures["minibert"].median == 1.0
    assert "is imported" in row.note


def test_the_root_does_not_import_it():
    code = "import sys, minibert.cli; print('minibert.bench' in sys.modules)"
    assert child.python("-c", code).stdout.strip() == "False"
