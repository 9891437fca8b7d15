"""Twenty steps are ten and ten, bit for bit, for every optimizer and with dropout."""

import csv

import numpy as np
import pytest

from minibert.distill import TinyBertSpec
from minibert.recipes.examples import Epochs, Examples
from minibert.recipes.objectives import TransformerDistillation
from minibert.train import Checkpoints, TrainStep, fit, make_schedule

from .conftest import (
    bert,
    bert_batch,
    equal_tensors,
    in_parts,
    linear_batches,
    linear_step,
    timeless,
    whole_state,
)


def bert_step(optimizer="adamw", *, dtype=np.float64, distilled=False, **others):
    """A step on a BERT with dropout; from one with other weights, where it is distilled."""
    model, objective = bert(dtype=dtype), None
    if distilled:
        teacher = bert(dtype=dtype, hidden=9)
        spec = TinyBertSpec((1, 2))
        objective = TransformerDistillation(teacher, model.config, spec, seed=5)
        objective.params = {k: p.astype(dtype) for k, p in objective.params.items()}
    schedule = make_schedule("cosine", 20, warmup=0.2)
    return TrainStep(
        model,
        lr=0.01,
        optimizer=optimizer,
        schedule=schedule,
        objective=objective,
        seed=3,
        **others,
    )


def file(path):
    """metrics.csv without its times, as text."""
    with open(path / "metrics.csv", encoding="utf-8", newline="") as f:
        return timeless(csv.DictReader(f))


RUNS = {
    "adamw": lambda: bert_step("adamw"),
    "adamw accumulated": lambda: bert_step("adamw", accumulate=2),
    "adamw float32": lambda: bert_step("adamw", dtype=np.float32),
    "adamw distilled": lambda: bert_step("adamw", distilled=True),
    "bert": lambda: bert_step("bert"),
    "bert accumulated float32": lambda: bert_step("bert", accumulate=3, dtype=np.float32),
    "bert distilled": lambda: bert_step("bert", distilled=True, accumulate=2),
}


@pytest.mark.parametrize("make", RUNS.values(), ids=RUNS)
def test_twenty_steps_are_ten_and_ten(tmp_path, make):
    batches = [bert_batch(seed=i) for i in range(7)]
    step = make()
    before = whole_state(step)
    history = fit(step, batches, total_steps=20, out=tmp_path / "whole", progress=False)
    again, parts = in_parts(make, lambda: batches, tmp_path / "parts", [10])
    assert equal_tensors(whole_state(again), whole_state(step))
    assert not equal_tensors(whole_state(again), before)
    assert timeless(parts) == timeless(history)
    assert file(tmp_path / "parts") == file(tmp_path / "whole")
    assert len(parts) == 20


class Drawn:
    """Batches drawn by a generator; `skip` where asked for."""

    def __init__(self, batches):
        self.batches, self.skipped, self.at = batches, [], 0

    def skip(self, n):
        self.skipped.append(n)
        self.at = n % len(self.batches)

    def __iter__(self):
        start, self.at = self.at, 0
        yield from self.batches[start:]


@pytest.mark.quick
@pytest.mark.parametrize("kind", ["list", "iterator", "skip"])
def test_every_kind_of_batches_goes_on_at_its_place(tmp_path, kind):
    some, made = linear_batches(7), []
    step = linear_step()
    history = fit(step, some, total_steps=20, progress=False)

    def batches():
        made.append({"list": some, "iterator": iter(some * 3), "skip": Drawn(some)}[kind])
        return made[-1]

    again, parts = in_parts(linear_step, batches, tmp_path, [1, 7, 10, 19])
    assert timeless(parts) == timeless(history)
    assert equal_tensors(whole_state(again), whole_state(step))
    if kind == "skip":
        assert [drawn.skipped for drawn in made] == [[0], [1], [7], [10], [19]]


def test_epochs_in_a_new_order_each_go_on(tmp_path):
    rng = np.random.default_rng(2)
    ids = [rng.integers(1, 23, size=n).tolist() for n in rng.integers(3, 11, size=29)]
    examples = Examples(ids, rng.integers(0, 3, size=29))

    def batches():
        return Epochs(examples, 5, seed=1)

    step = bert_step()
    history = fit(step, batches(), total_steps=20, progress=False)
    again, parts = in_parts(bert_step, batches, tmp_path, [3, 12])
    assert timeless(parts) == timeless(history)
    assert equal_tensors(whole_state(again), whole_state(step))


def test_a_finished_run_is_not_done_again(tmp_path):
    step, history = in_parts(linear_step, lambda: linear_batches(3), tmp_path, [])
    again, same = in_parts(linear_step, list, tmp_path, [])  # no batches are asked for
    assert equal_tensors(whole_state(again), whole_state(step))
    assert same == history
    with pytest.raises(ValueError, match=r"total_steps: got 19, but .* holds step 20"):
        in_parts(linear_step, list, tmp_path, [], total=19)


def test_a_loaded_step_without_checkpoints_starts_its_batches_anew():
    step, some = linear_step(), linear_batches(5)
    for batch in some[:2]:
        step(**batch)
    drawn = Drawn(some)
    fit(step, drawn, total_steps=4, progress=False)
    assert drawn.skipped == [0]


def test_saves_come_as_often_as_asked(tmp_path, monkeypatch):
    saved = []
    monkeypatch.setattr(Checkpoints, "_write", lambda self, path, step, *_: saved.append(
        (path.stem, step.step_count)
    ))  # fmt: skip
    checkpoints = Checkpoints(tmp_path)
    fit(
        linear_step(), linear_batches(3), total_steps=11, checkpoints=checkpoints, save_every=4,
        validate=lambda model: -1.0, validate_every=6, progress=False,
    )  # fmt: skip
    assert saved == [("last", 4), ("best", 6), ("last", 6), ("last", 8), ("last", 11)]
    saved.clear()
    fit(linear_step(), linear_batches(3), total_steps=11, checkpoints=checkpoints, progress=False)
    assert saved == [("last", 11)]
