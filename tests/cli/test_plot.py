"""`minibert plot`: figures from a run's files, and attention maps."""

import json

import pytest

from minibert.cli.plot import read_metrics

from .small import classifier, command, refused, tokenizer, write

pytest.importorskip("matplotlib")

METRICS = "step,loss,lr,grad_norm,tokens_per_s\n1,0.9,0.1,1.0,5\n2,0.5,0.1,1.0,5\n"
ROW = {"name": "学生", "accuracy": 0.9, "bytes": 1000, "latency_ms_1": 1.5}


@pytest.fixture
def run_folder(tmp_path):
    folder = tmp_path / "run"
    for stage in ("teacher", "student"):
        (folder / "logs" / stage).mkdir(parents=True)
        write(folder / "logs" / stage / "metrics.csv", METRICS)
    write(folder / "report.json", json.dumps({"rows": [ROW, ROW | {"name": "b", "bytes": 9}]}))
    return folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_run(run_folder, tmp_path, capsys):
    assert command("plot", run_folder) == 0
    wanted = ["accuracy-bytes.png", "accuracy-latency_ms_1.png", "loss.png"]
    assert names(run_folder / "figures") == wanted
    assert capsys.readouterr().out.count("\n") == 3
    assert command("plot", run_folder, "--out", tmp_path / "f", "--format", "svg") == 0
    assert names(tmp_path / "f") == [name.replace("png", "svg") for name in wanted]


def test_a_run_that_is_not_finished(run_folder):
    (run_folder / "report.json").unlink()
    with open(run_folder / "logs" / "student" / "metrics.csv", "a") as file:
        file.write("3,0.4")  # as a kill leaves it
    assert command("plot", run_folder) == 0
    assert names(run_folder / "figures") == ["loss.png"]
    assert [row["step"] for row in read_metrics(run_folder / "logs/student/metrics.csv")] == [1, 2]


def test_a_run_that_predicts_numbers(run_folder):
    row = {"name": "a", "pearson": 0.8, "bytes": 10, "latency_ms_1": None}
    write(run_folder / "report.json", json.dumps({"rows": [row]}))
    assert command("plot", run_folder) == 0
    assert names(run_folder / "figures") == ["loss.png", "pearson-bytes.png"]


def test_attention_of_one_model_and_of_two(model, tmp_path):
    folder, _ = model
    classifier(tmp_path / "other", seed=5, n_layers=1)
    out = tmp_path / "attention.png"
    words = ["plot", "--model", folder, "--text", "the good film 天", "--out", out]
    assert command(*words) == 0
    one = out.read_bytes()
    assert one.startswith(b"\x89PNG")
    assert command(*words, "--model", tmp_path / "other") == 0
    assert out.read_bytes() != one


def test_what_is_refused(model, run_folder, tmp_path, capsys):
    assert "either RUN_FOLDER" in refused(capsys, "plot")
    assert "--text" in refused(capsys, "plot", "--model", model[0])
    assert "neither" in refused(capsys, "plot", tmp_path)
    words = ["plot", "--model", model[0], "--text", "good", "--out", tmp_path / "a.bmp"]
    assert "'.bmp'" in refused(capsys, *words)
    m = classifier(tok=False)
    m.tokenizer = tokenizer(["goo", "##d", "b", "c", "e", "f", "g", "h"])
    m.save_pretrained(tmp_path / "other")
    said = refused(capsys, *words, "--model", tmp_path / "other")
    assert "same vocabulary" in said
    write(run_folder / "logs" / "student" / "metrics.csv", "step,loss\n1,high\n")
    assert "metrics.csv" in refused(capsys, "plot", run_folder)
    write(run_folder / "logs" / "student" / "metrics.csv", METRICS)
    write(run_folder / "report.json", "[]")
    assert "report.json" in refused(capsys, "plot", run_folder)
