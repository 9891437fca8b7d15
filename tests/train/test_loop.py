"""The loop: history, metrics.csv, env.json, the bar and the plain lines."""

import csv
import io
import json

import numpy as np
import pytest

from minibert.train import TrainStep, environment, fit
from minibert.train.stream import tokens

from .conftest import linear_batches, linear_model, regression

pytestmark = pytest.mark.quick

COLUMNS = ["step", "loss", "first", "second", "lr", "grad_norm", "tokens_per_s"]


def make(model=None):
    return TrainStep(model or linear_model(), lr=0.1, objective=regression)


def read(folder):
    text = (folder / "metrics.csv").read_bytes().decode("utf-8")
    assert "\r" not in text
    return list(csv.reader(io.StringIO(text)))


def test_history_is_what_the_steps_said(tmp_path):
    batches = linear_batches(3)
    step = make()
    expected = [step(**batches[i % 3]) for i in range(8)]
    history = fit(make(), batches, total_steps=8, progress=False)
    assert [row["loss"] for row in history] == expected
    assert [row["step"] for row in history] == list(range(1, 9))
    assert list(history[0]) == COLUMNS
    assert history[-1]["grad_norm"] == step.grad_norm
    assert all(row["tokens_per_s"] > 0 for row in history)
    assert not list(tmp_path.iterdir())


def test_metrics_hold_the_same_bits(tmp_path):
    history = fit(make(), linear_batches(3), total_steps=5, out=tmp_path / "run", progress=False)
    header, *rows = read(tmp_path / "run")
    assert header == COLUMNS
    assert [[float(x) for x in row] for row in rows] == [list(row.values()) for row in history]
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == ["env.json", "metrics.csv"]


def test_metrics_are_written_line_by_line(tmp_path):
    def look(step, row):
        assert len(read(tmp_path)) == 1 + step.step_count
        if step.step_count == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(
            make(), linear_batches(3), total_steps=5, out=tmp_path, callbacks=[look], progress=False
        )
    assert len(read(tmp_path)) == 4


def without_time(row):
    return {name: x for name, x in row.items() if name != "tokens_per_s"}


def test_a_resumed_run_continues_the_file(tmp_path):
    """Interrupted at 7 with a checkpoint of 4: lines 5-7 are written anew, none twice."""
    batches = linear_batches(10)
    whole = fit(make(), batches, total_steps=10, out=tmp_path / "whole", progress=False)
    model, kept = linear_model(), {}
    step = make(model)

    def keep(step, row):
        if step.step_count == 4:
            kept["state"] = {k: a.copy() for k, a in step.state().items()}
            kept["params"] = {k: p.copy() for k, p in model.params.items()}

    fit(step, batches, total_steps=7, out=tmp_path / "cut", callbacks=[keep], progress=False)
    model.params = kept["params"]
    step = make(model)
    step.load(kept["state"])
    tail = fit(step, batches[4:], total_steps=10, out=tmp_path / "cut", progress=False)
    assert [without_time(row) for row in tail] == [without_time(row) for row in whole]
    timeless = [[row[:-1] for row in read(tmp_path / folder)] for folder in ("whole", "cut")]
    assert timeless[0] == timeless[1]


def test_a_line_that_was_cut_short_is_dropped(tmp_path):
    """A full disk may do so; the rest of a number is a number, too."""
    step, batches = make(), linear_batches(3)
    fit(step, batches, total_steps=4, out=tmp_path, progress=False)
    path = tmp_path / "metrics.csv"
    path.write_bytes(path.read_bytes()[:-4])
    history = fit(step, batches, total_steps=6, out=tmp_path, progress=False)
    assert [row["step"] for row in history] == [1, 2, 3, 5, 6]
    assert [row[0] for row in read(tmp_path)] == ["step", "1", "2", "3", "5", "6"]


def test_another_metrics_file_is_refused(tmp_path):
    step, batches = make(), linear_batches(3)
    step(**batches[0])
    (tmp_path / "metrics.csv").write_text("epoch,loss\n1,2\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"metrics\.csv: its first column is not 'step'"):
        fit(step, batches, total_steps=3, out=tmp_path, progress=False)
    (tmp_path / "metrics.csv").write_text("step,loss\n1,2\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"its columns are \['step', 'loss'\], this run's are"):
        fit(step, batches, total_steps=3, out=tmp_path, progress=False)


def test_a_fresh_run_replaces_the_file(tmp_path):
    for total in (5, 2):
        fit(make(), linear_batches(3), total_steps=total, out=tmp_path, progress=False)
    assert [row[0] for row in read(tmp_path)] == ["step", "1", "2"]


def test_parts_must_keep_their_names(tmp_path):
    def changing(model, batch, drop):
        loss, parts, grads = regression(model, batch, drop)
        return loss, parts if step.step_count < 2 else {"third": 1.0}, grads

    step = make()
    step.objective = changing
    with pytest.raises(ValueError, match="parts: 'first' was not in every step"):
        fit(step, linear_batches(3), total_steps=5, out=tmp_path, progress=False)


def test_env_json_says_what_ran(tmp_path):
    fit(make(), linear_batches(1), total_steps=1, out=tmp_path, progress=False)
    env = json.loads((tmp_path / "env.json").read_text(encoding="utf-8"))
    assert env["versions"]["numpy"] == np.__version__
    assert env["cpus"] >= 1
    assert env.keys() >= {"blas", "int8_level", "kernels", "machine", "system"}


def test_environment_does_without_what_is_missing(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "threadpoolctl", None)
    monkeypatch.setitem(__import__("sys").modules, "minibert.kernels.c_int8", None)
    env = environment()
    assert env["blas"] is None
    assert env["int8_level"] is None
    json.dumps(env)


def test_plain_lines_where_stderr_is_no_terminal(capsys):
    history = fit(make(), linear_batches(3), total_steps=200, description="student")
    out, err = capsys.readouterr()
    lines = err.strip().split("\n")
    assert out == ""
    assert "\r" not in err
    assert len(lines) == 10
    assert lines[0].startswith("student 20/200: loss ")
    assert lines[-1].startswith("student 200/200: ")
    assert lines[-1].endswith("0 s left")
    mean = np.mean([row["loss"] for row in history[:20]])
    assert f"loss {mean:.4f} (first " in lines[0]
    for word in ("second", "lr 1.00e-01", "norm ", "tokens/s"):
        assert word in lines[0]


def test_log_every(capsys):
    fit(make(), linear_batches(3), total_steps=5, log_every=2)
    lines = capsys.readouterr().err.strip().split("\n")
    assert [line.split(":")[0] for line in lines] == [f"training {n}/5" for n in (2, 4, 5)]


def test_progress_off_is_silent(capsys):
    fit(make(), linear_batches(3), total_steps=5, progress=False)
    assert capsys.readouterr() == ("", "")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_on_a_terminal(monkeypatch):
    pytest.importorskip("tqdm")
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("COLUMNS", "200")
    fit(
        make(), linear_batches(3), total_steps=5, description="student", validate=lambda model: 0.5,
        validate_every=3,
    )  # fmt: skip
    assert "student: 3/5: score 0.5000\n" in screen.getvalue()
    last = screen.getvalue().strip().split("\r")[-1]
    assert "student: 100%" in last
    assert "5/5" in last
    for word in ("loss", "first", "second", "lr", "norm", "tokens/s"):
        assert word in last


def test_a_callback_can_end_the_run():
    seen = []
    callbacks = [lambda step, row: row["step"] == 3, lambda step, row: seen.append(row["loss"])]
    history = fit(make(), linear_batches(2), total_steps=9, callbacks=callbacks, progress=False)
    assert len(history) == len(seen) == 3


@pytest.mark.parametrize("batches", [[], iter(linear_batches(2))])
def test_batches_that_end_too_early(batches):
    with pytest.raises(ValueError, match="batches: ended before total_steps"):
        fit(make(), batches, total_steps=3, progress=False)


def test_padding_is_no_token():
    ids = np.ones((7, 5), np.int64)
    assert tokens(dict(input_ids=ids)) == 35
    assert tokens(dict(input_ids=ids, attention_mask=[[1, 1, 0], [1, 0, 0]])) == 3
