"""What stops a run on the way, Ctrl-C and NaN, and what it leaves."""

import math
import signal
import threading

import pytest

from minibert.train import AdamW, Checkpoints, TrainStep, fit

from .conftest import (
    equal_tensors,
    in_parts,
    linear_batches,
    linear_model,
    linear_step,
    regression,
    timeless,
    whole_state,
)


class Interrupted(AdamW):
    """Ctrl-C in the middle of update number 6: some parameters are new by then, others old."""

    times = 0

    def update(self, params, grads, lr, **others):
        for i, (name, p) in enumerate(params.items()):
            super().update({name: p}, {name: grads[name]}, lr, **others)
            if i == 0 and self.moments.t[name] == 6:
                for _ in range(self.times):
                    signal.raise_signal(signal.SIGINT)


def interrupted_step(times):
    optimizer = Interrupted()
    optimizer.times = times
    return TrainStep(linear_model(), lr=0.1, objective=regression, optimizer=optimizer)


@pytest.mark.parametrize(("times", "done"), [(1, 6), (2, 4)])
def test_ctrl_c_in_the_middle_of_an_update(tmp_path, capfd, times, done):
    """The step is done first; after a second Ctrl-C the checkpoint is an earlier one."""
    before = signal.getsignal(signal.SIGINT)
    batches, total = linear_batches(3), 11
    expected = interrupted_step(0)
    history = fit(expected, batches, total_steps=total, progress=False)
    settings = dict(total_steps=total, out=tmp_path, save_every=4, progress=False)
    with pytest.raises(KeyboardInterrupt):
        fit(interrupted_step(times), batches, checkpoints=Checkpoints(tmp_path), **settings)
    assert signal.getsignal(signal.SIGINT) is before
    err = capfd.readouterr().err
    assert "Ctrl-C again stops at once" in err
    line = f"training was stopped; {tmp_path / 'last.safetensors'} holds step {done}: start the"
    assert line in err
    step, checkpoints = interrupted_step(0), Checkpoints(tmp_path)
    assert checkpoints.load(step)
    assert step.step_count == done
    reference = interrupted_step(0)
    fit(reference, batches, total_steps=done, progress=False)
    assert equal_tensors(whole_state(step), whole_state(reference))
    step = interrupted_step(0)
    resumed = fit(step, batches, checkpoints=Checkpoints(tmp_path), **settings)
    assert equal_tensors(whole_state(step), whole_state(expected))
    assert timeless(resumed) == timeless(history)


def test_ctrl_c_before_anything_was_saved(tmp_path, capfd):
    step = interrupted_step(2)
    with pytest.raises(KeyboardInterrupt):
        fit(
            step, linear_batches(3), total_steps=9, checkpoints=Checkpoints(tmp_path),
            description="finetune", progress=False,
        )  # fmt: skip
    assert "finetune was stopped; no checkpoint was saved yet" in capfd.readouterr().err
    assert not list(tmp_path.iterdir())


def test_an_interrupt_between_steps_saves_once(tmp_path, monkeypatch):
    saved = []
    real = Checkpoints.save

    def save(self, step, **others):
        saved.append(step.step_count)
        real(self, step, **others)

    def stop(step, row):
        if row["step"] in (2, 4):
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoints, "save", save)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            fit(
                linear_step(), linear_batches(3), total_steps=9, callbacks=[stop], save_every=4,
                checkpoints=Checkpoints(tmp_path), progress=False,
            )  # fmt: skip
    assert saved == [2, 4]


def test_without_checkpoints_ctrl_c_acts_at_once():
    step = interrupted_step(1)
    with pytest.raises(KeyboardInterrupt):
        fit(step, linear_batches(3), total_steps=9, progress=False)
    assert step.step_count == 5


def test_where_ctrl_c_is_ignored_it_stays_so(tmp_path):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        step = interrupted_step(3)
        fit(
            step, linear_batches(3), total_steps=9, checkpoints=Checkpoints(tmp_path),
            progress=False,
        )  # fmt: skip
        assert step.step_count == 9
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_trains_too(tmp_path):
    """Only the main thread may set handlers of signals."""
    done = []

    def run():
        done.append(in_parts(linear_step, lambda: linear_batches(3), tmp_path, [5])[0])

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert done[0].step_count == 20


@pytest.mark.parametrize("save_every", [4, 100])
def test_nan_keeps_the_last_good_checkpoint(tmp_path, save_every):
    def sick(model, batch, drop):
        loss, parts, grads = regression(model, batch, drop)
        if step.step_count == 6:
            grads["w.bias"] = grads["w.bias"] * math.nan
        return loss, parts, grads

    step = TrainStep(linear_model(), lr=0.1, objective=sick)
    with pytest.raises(FloatingPointError, match=r"first .* not finite: gradient 'w\.bias'") as e:
        fit(
            step, linear_batches(3), total_steps=9, checkpoints=Checkpoints(tmp_path),
            save_every=save_every, progress=False,
        )  # fmt: skip
    if save_every == 100:
        assert "no checkpoint was saved yet" in str(e.value)
        assert not list(tmp_path.iterdir())
        return
    assert f"{tmp_path / 'last.safetensors'} holds step 4: start the run again" in str(e.value)
    reference = TrainStep(linear_model(), lr=0.1, objective=regression)
    fit(reference, linear_batches(3), total_steps=4, progress=False)
    step.step_count = 0
    assert Checkpoints(tmp_path).load(step)
    assert equal_tensors(whole_state(step), whole_state(reference))


def test_an_update_that_overflows_is_not_saved(tmp_path):
    class Overflowing(AdamW):
        def update(self, params, grads, lr, **others):
            super().update(params, grads, lr, **others)
            if self.moments.t["w.bias"] == 6:
                params["w.bias"][0] = math.inf

    step = TrainStep(linear_model(), lr=0.1, objective=regression, optimizer=Overflowing())
    words = r"after step 6 parameter 'w\.bias' is not finite; it is not saved; .* holds step 4"
    with pytest.raises(FloatingPointError, match=words):
        fit(
            step, linear_batches(3), total_steps=9, checkpoints=Checkpoints(tmp_path), save_every=2,
            progress=False,
        )  # fmt: skip
