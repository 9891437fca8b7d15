"""Checkpoints: what they keep, what they refuse; a failure leaves the earlier ones whole."""

import errno
import math
import os

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from minibert.interop.tensors import write_tensors
from minibert.train import AdamW, BertAdam, Checkpoints, TrainStep
from minibert.train import checkpoint as module

from .conftest import (
    Projected,
    bert,
    bert_batch,
    equal_tensors,
    linear_batches,
    linear_model,
    regression,
    whole_state,
)


def trained(n=3, **changes):
    """A step that has done n updates of the linear model."""
    step = TrainStep(linear_model(), **{"lr": 0.1, "objective": regression} | changes)
    for batch in linear_batches(n):
        step(**batch)
    return step


@pytest.mark.quick
@pytest.mark.parametrize("optimizer", ["adamw", "bert"])
def test_everything_comes_back_into_the_same_arrays(tmp_path, optimizer):
    step = trained(optimizer=optimizer, objective=Projected())
    Checkpoints(tmp_path / "a" / "b").save(step)
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["last.safetensors"]
    fresh = TrainStep(linear_model(), optimizer=optimizer, objective=Projected())
    arrays = dict(fresh.model.params)
    checkpoints = Checkpoints(tmp_path / "a" / "b")
    assert checkpoints.load(fresh) is True
    assert checkpoints.step_count == fresh.step_count == 3
    assert equal_tensors(whole_state(fresh), whole_state(step))
    assert all(fresh.model.params[name] is arrays[name] for name in arrays)


def test_without_a_file_nothing_happens(tmp_path):
    step, checkpoints = trained(), Checkpoints(tmp_path / "none")
    before = whole_state(step)
    assert checkpoints.load(step) is False
    assert checkpoints.load_best(step.model) is None
    assert equal_tensors(whole_state(step), before)
    assert not (tmp_path / "none").exists()


def test_arrays_that_are_not_in_c_order_are_kept(tmp_path):
    model = linear_model()
    model.params["w.table"] = np.arange(15.0).reshape(3, 5).T
    Checkpoints(tmp_path).save(TrainStep(model, objective=regression))
    saved = load_file(tmp_path / "last.safetensors")
    assert np.array_equal(saved["w.table"], model.params["w.table"])


def test_the_best_score_is_kept_and_remembered(tmp_path):
    step, checkpoints, kept = trained(), Checkpoints(tmp_path), {}
    for score in (-0.5, np.float32(0.25), 0.125, math.nan):
        step.model.params["w.bias"][:] = score if score == score else 7.0
        checkpoints.save(step, score=score)
    assert checkpoints.best_score == 0.25
    again = Checkpoints(tmp_path)
    assert again.load(step)
    assert step.model.params["w.bias"][0] == 7.0
    assert again.best_score == 0.25
    for score in (0.25, 0.2):
        again.save(step, score=score)
    model = linear_model()
    kept = model.params["w.bias"]
    assert Checkpoints(tmp_path).load_best(model) == 0.25
    assert kept[0] == 0.25
    again.save(step, score=0.26)
    assert again.load_best(model) == 0.26
    assert kept[0] == 7.0


def test_the_best_file_holds_the_model_alone(tmp_path):
    step = trained(objective=Projected())
    Checkpoints(tmp_path).save(step, score=1.0)
    assert load_file(tmp_path / "best.safetensors").keys() == step.model.params.keys()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"optimizer": "bert"}, "its optimizer is 'AdamW', here it is 'BertAdam'"),
        ({"seed": 4}, "its seed is 0, here it is 4"),
        ({"accumulate": 2}, "its accumulate is 1, here it is 2"),
        ({"objective": Projected()}, "its objective is 'regression', here it is 'Projected'"),
    ],
)
def test_another_run_is_refused(tmp_path, changes, words):
    Checkpoints(tmp_path).save(trained())
    other = trained(1, **changes)
    before = whole_state(other)
    with pytest.raises(ValueError, match=words) as caught:
        Checkpoints(tmp_path).load(other)
    assert str(tmp_path / "last.safetensors") in str(caught.value)
    assert "another folder" in str(caught.value)
    assert equal_tensors(whole_state(other), before)


def test_the_callers_settings_must_agree(tmp_path):
    settings = {"data": {"file": "a.tsv", "rows": 7}, "lr": 0.1}
    step = trained()
    Checkpoints(tmp_path, settings=settings).save(step)
    assert Checkpoints(tmp_path, settings=settings).load(step)
    other = settings | {"data": {"file": "a.tsv", "rows": 8}}
    with pytest.raises(ValueError, match=r"its settings\.data\.rows is 7, here it is 8"):
        Checkpoints(tmp_path, settings=other).load(step)
    with pytest.raises(ValueError, match=r"its settings\.data\.file is 'a\.tsv', here it is None"):
        Checkpoints(tmp_path).load(step)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: bert(hidden=9), "its config.hidden_size is 6, here it is 9"),
        (lambda: bert("mlm"), "its head is 'classification', here it is 'mlm'"),
        (lambda: bert(dtype=np.float32), "is float64 .* there and float32 .* here"),
    ],
)
def test_another_model_is_refused(tmp_path, make, words):
    step = TrainStep(bert())
    step(**bert_batch())
    Checkpoints(tmp_path).save(step, score=0.5)
    for load in (lambda c: c.load(TrainStep(make())), lambda c: c.load_best(make())):
        with pytest.raises(ValueError, match=words):
            load(Checkpoints(tmp_path))


def change(path, edit):
    """Write a checkpoint again with other tensors; the metadata stay."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    edit(tensors)
    write_tensors(path, tensors, metadata)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda t: t.pop("w.bias"), "w.bias is missing there and float64 (1,) here"),
        (lambda t: t.update(x=np.ones(3)), "x is float64 (3,) there and missing here"),
        (lambda t: t.update({"w.bias": np.ones(2)}), "w.bias is float64 (2,) there"),
        (
            lambda t: t.update({"optimizer/m/w.bias": np.ones(2)}),
            "optimizer/m/w.bias is float64 (2,) there and float64 (1,) here",
        ),
        (lambda t: t.pop("optimizer/m/w.bias"), "'w.bias' lacks one of m/, v/ and t/"),
        (lambda t: t.update({"optimizer/x": np.ones(1)}), "optimizer/x"),
        (lambda t: t.pop("step_count"), "step_count is missing there"),
        (lambda t: t.update(step_count=np.ones((1, 1), np.int64)), "step_count is int64 (1, 1)"),
    ],
)
def test_tensors_that_do_not_fit_are_named(tmp_path, edit, words):
    step = trained()
    Checkpoints(tmp_path).save(step)
    change(tmp_path / "last.safetensors", edit)
    before = whole_state(step)
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        Checkpoints(tmp_path).load(step)
    assert words in str(caught.value)
    assert str(tmp_path / "last.safetensors") in str(caught.value)
    assert equal_tensors(whole_state(step), before)


@pytest.mark.parametrize("cut", [0, 7, 300, -1])
@pytest.mark.parametrize("name", ["last", "best"])
def test_a_file_that_was_cut_short(tmp_path, cut, name):
    step = trained()
    Checkpoints(tmp_path).save(step, score=1.0)
    path = tmp_path / f"{name}.safetensors"
    path.write_bytes(path.read_bytes()[:cut])
    before = whole_state(step)
    with pytest.raises(ValueError, match="delete the file to start anew") as caught:
        Checkpoints(tmp_path).load(step)
    assert str(path) in str(caught.value)
    assert equal_tensors(whole_state(step), before)


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {"format": "pt"},
        {"checkpoint": "{"},
        {"checkpoint": "[]"},
        {"checkpoint": '{"format": "minibert-checkpoint-1", "run": 3, "step": 1, "score": null}'},
        {"checkpoint": '{"format": "other", "run": {}, "step": 1, "score": null}'},
    ],
)
def test_a_foreign_file(tmp_path, metadata):
    step = trained()
    save_file(step.model.params, tmp_path / "last.safetensors", metadata=metadata)
    with pytest.raises(ValueError, match="is no checkpoint of a training run; give this run an"):
        Checkpoints(tmp_path).load(step)


@pytest.mark.parametrize("value", [math.nan, -math.inf])
def test_a_parameter_that_is_not_finite_is_not_saved(tmp_path, value):
    step, checkpoints = trained(), Checkpoints(tmp_path)
    checkpoints.save(step, score=0.5)
    files = {path: path.read_bytes() for path in tmp_path.iterdir()}
    step.model.params["w.weight"][3] = value
    with pytest.raises(FloatingPointError, match=r"after step 3 parameter 'w\.weight'"):
        checkpoints.save(step, score=0.7)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == files
    assert checkpoints.best_score == 0.5


def fail_with_full_disk(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("name", ["replace", "fsync"])
def test_a_full_disk_leaves_the_earlier_files(tmp_path, monkeypatch, name):
    step, checkpoints = trained(), Checkpoints(tmp_path)
    monkeypatch.setattr(os, name, fail_with_full_disk)
    with pytest.raises(OSError, match=r"No space left.*no checkpoint was saved yet"):
        checkpoints.save(step, score=0.5)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    checkpoints.save(step, score=0.5)
    files = {path: path.read_bytes() for path in tmp_path.iterdir()}
    step(**linear_batches(1)[0])
    monkeypatch.setattr(os, name, fail_with_full_disk)
    with pytest.raises(OSError, match=r"training stops; .*last\.safetensors holds step 3: start"):
        checkpoints.save(step, score=0.75)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == files
    monkeypatch.undo()
    checkpoints.save(step, score=0.75)
    assert checkpoints.step_count == 4
    assert checkpoints.load_best(linear_model()) == 0.75


def test_when_it_is_time(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    step, checkpoints = trained(), Checkpoints(tmp_path)
    now[0] += 59.0
    assert not checkpoints.is_due(step)
    now[0] += 1.0
    assert checkpoints.is_due(step)
    checkpoints.save(step)
    assert not checkpoints.is_due(step)
    assert [n for n in range(1, 8) if checkpoints.is_due(trained(n), every=3)] == [3, 6]


def test_optimizers_of_ones_own_are_known_by_their_class(tmp_path):
    Checkpoints(tmp_path).save(trained(optimizer=AdamW(weight_decay=0.5)))
    assert Checkpoints(tmp_path).load(trained(optimizer="adamw"))
    with pytest.raises(ValueError, match="BertAdam"):
        Checkpoints(tmp_path).load(trained(optimizer=BertAdam()))
