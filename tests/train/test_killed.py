"""What a killed process, Ctrl-C and a full disk leave behind, in real processes."""

import csv
import os
import signal
import subprocess
import sys

import pytest

from minibert.train import Checkpoints

from .child import training
from .conftest import equal_tensors, whole_state


def start(*arguments):
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", training.__module__, *map(str, arguments)],
        env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def losses(folder):
    with open(folder / "metrics.csv", encoding="utf-8", newline="") as f:
        return [row["loss"] for row in csv.DictReader(f)]


def assert_same_run(folder, other, steps):
    """The first, finished now, has the bits of the second, which was never interrupted."""
    step, history = training(folder, steps)
    expected, expected_history = training(other, steps)
    assert equal_tensors(whole_state(step), whole_state(expected))
    assert [row["loss"] for row in history] == [row["loss"] for row in expected_history]
    assert losses(folder) == losses(other)
    assert len(history) == steps


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the saving processes are forked")
def test_killed_a_hundred_times_in_the_middle_of_saving(tmp_path):
    child = start("kill", tmp_path, 100)
    out, err = child.communicate(timeout=300)
    assert child.returncode == 0, err
    assert int(out) > 0  # it really was in the middle, now and then


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT to another process")
def test_ctrl_c_leaves_a_run_that_goes_on(tmp_path):
    child = start("train", tmp_path / "cut", 120, 0.05)
    for _ in range(7):
        child.stdout.readline()
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == -signal.SIGINT
    done = 7 + len(out.split())
    assert 7 <= done < 120
    assert f"last.safetensors holds step {done}: start the run again to go on" in err
    assert len(losses(tmp_path / "cut")) == done
    assert_same_run(tmp_path / "cut", tmp_path / "whole", 120)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL")
def test_a_killed_run_goes_on(tmp_path):
    child = start("train", tmp_path / "cut", 20, 0.02)
    while child.stdout.readline().strip() != "12":
        pass
    child.kill()
    child.communicate(timeout=60)
    assert len(losses(tmp_path / "cut")) >= 12
    assert_same_run(tmp_path / "cut", tmp_path / "whole", 20)


@pytest.mark.parametrize("what", ["last.safetensors", "metrics.csv"])
def test_a_disk_without_room_stops_the_training(tmp_path, what):
    pytest.importorskip("resource")
    child = start("small_disk", tmp_path / "cut", what)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert out.startswith(f"cannot write {tmp_path / 'cut' / what}: ")
    assert len(out.strip().split("\n")) == 1
    assert not list((tmp_path / "cut").glob("*.part"))
    if what == "last.safetensors":
        assert "training stops" in out
        assert "holds step 5: start the run again" in out
    checkpoints = Checkpoints(tmp_path / "cut")
    assert checkpoints.last.exists()
    assert_same_run(tmp_path / "cut", tmp_path / "whole", 20)
