"""The estimate before a run."""

import time

import numpy as np
import pytest

from minibert.train import Checkpoints, estimate_seconds, fit, loop, minutes

from .conftest import bert_batch, equal_tensors, linear_batches, linear_step, whole_state
from .test_resume import bert_step


class Clock:
    """Time that passes only when told."""

    def __init__(self, monkeypatch):
        self.now = 5.0
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)


def batches_of(lengths):
    return [dict(input_ids=np.ones((2, L), np.int64)) for L in lengths]


def timed_step(clock, first=40.0):
    """A step of 0.25 s a token, whose first takes longer."""
    step = linear_step()
    seen = []

    def gradients(batch):
        seen.append(batch["input_ids"].shape[1])
        clock.now += 0.25 * batch["input_ids"].size + (first if len(seen) == 1 else 0.0)

    step.gradients = gradients
    return step, seen


def test_time_is_scaled_to_the_mean_size(monkeypatch):
    step, seen = timed_step(Clock(monkeypatch))
    lengths = [11, 3, 5, 13, 3]  # middle 5, mean 7
    assert estimate_seconds(step, batches_of(lengths), 10) == pytest.approx(10 * 0.25 * 14)
    assert seen == [5, 5]
    step.step_count = 7
    assert estimate_seconds(step, batches_of(lengths), 10) == pytest.approx(3 * 0.25 * 14)
    with pytest.raises(ValueError, match="batches: there are none"):
        estimate_seconds(step, [], 10)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_nothing_is_changed(accumulate):
    step = bert_step(accumulate=accumulate)
    step(**bert_batch())
    before = whole_state(step)
    assert estimate_seconds(step, [bert_batch(seed=i) for i in range(3)], 10) > 0.0
    assert equal_tensors(whole_state(step), before)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (89.4, "89 s"),
        (89.6, "1 min"),
        (90.1, "2 min"),
        (3569, "59 min"),
        (3571, "1 h 0 min"),
        (4800, "1 h 20 min"),
        (360_000, "100 h 0 min"),
    ],
)
def test_durations_in_words(seconds, text):
    assert minutes(seconds) == text


def run(capsys, batches, total, **others):
    """The history and the lines that a run says beside its log."""
    history = fit(linear_step(), batches, total_steps=total, description="finetune", **others)
    lines = capsys.readouterr().err.split("\n")
    return history, [line for line in lines if line.startswith("finetune: ")]


def test_fit_says_how_long_it_takes(monkeypatch, capsys, tmp_path):
    batches = linear_batches(20)
    expected, said = run(capsys, batches, 60, progress=False)
    assert said == []
    assert run(capsys, batches, 60)[1] == []  # an instant is not worth a line
    monkeypatch.setattr(loop, "estimate_seconds", lambda step, some, total: 6.0 * len(some))
    history, said = run(capsys, iter(batches * 3), 60)  # none is used up by the estimate
    assert said == ["finetune: 60 steps, about 2 min"]
    assert [row["loss"] for row in history] == [row["loss"] for row in expected]
    assert run(capsys, batches, 49)[1] == []
    checkpoints = Checkpoints(tmp_path)
    for total, said in [(7, []), (60, ["finetune: goes on after step 7 of 60", "finetune: 53 st"])]:
        lines = run(capsys, batches, total, checkpoints=checkpoints)[1]
        assert [line[: len(start)] for line, start in zip(lines, said, strict=True)] == said
