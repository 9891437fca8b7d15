"""Programs that tests run in a process of their own, to be killed or interrupted.

kill FOLDER ROUNDS
train FOLDER STEPS PAUSE
small_disk FOLDER WHAT
"""

import os
import random
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from minibert.train import AdamW, Checkpoints, TrainStep, fit

from .conftest import bert, bert_batch


def counting_step():
    """A step whose every array will hold the number of the step."""
    params = {f"w{i}.weight": np.zeros((101, 103), np.float32) for i in range(3)}
    step = TrainStep(SimpleNamespace(params=params, config=None, head=None), optimizer=AdamW())
    step.optimizer.update(params, params, 0.0)
    return step


def count(step):
    """What takes the place of training."""
    step.step_count += 1
    for name, a in {**step.model.params, **step.state()}.items():
        if name != "step_count":
            a[...] = step.step_count
    step.optimizer.moments.t = dict.fromkeys(step.model.params, step.step_count)


def save_for_ever(folder, pipe):
    """Count and save; tell the number of each checkpoint that is saved."""
    step, checkpoints = counting_step(), Checkpoints(folder)
    checkpoints.load(step)
    while True:
        count(step)
        checkpoints.save(step, score=step.step_count if step.step_count % 2 else None)
        os.write(pipe, step.step_count.to_bytes(4, "little"))


def check(folder, told):
    """The last checkpoint is whole, and the one that was told or the next."""
    step, checkpoints = counting_step(), Checkpoints(folder)
    assert checkpoints.load(step)
    assert told <= step.step_count <= told + 1, (told, step.step_count)
    for name, a in {**step.model.params, **step.state()}.items():
        assert np.all(a == step.step_count), name
    score = checkpoints.load_best(step.model)
    assert told - 1 <= score <= told + 1, (told, score)
    assert all(np.all(p == score) for p in step.model.params.values())


def kill(folder, rounds):
    """Kill a saving process again and again; print how often it was in the middle of saving."""
    rng, hits = random.Random(0), 0
    for _ in range(int(rounds)):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            save_for_ever(folder, writer)
        os.close(writer)
        told = os.read(reader, 4)
        time.sleep(rng.uniform(0.0, 0.006))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        while more := os.read(reader, 4):
            told = more
        os.close(reader)
        strays = [path for path in Path(folder).iterdir() if path.suffix != ".safetensors"]
        hits += bool(strays)
        for path in strays:
            path.unlink()
        check(folder, int.from_bytes(told, "little"))
    print(hits)


def training(folder, steps, pause=0.0, **others):
    """A small BERT with dropout; a pause in the middle of each step."""
    batches = [bert_batch(seed=i) for i in range(3)]

    class Slow(AdamW):
        def update(self, params, grads, lr, **others):
            for name, p in params.items():
                super().update({name: p}, {name: grads.get(name)}, lr, **others)
                time.sleep(pause / len(params))

    step = TrainStep(bert(), lr=0.01, optimizer=Slow(), seed=3)
    history = fit(
        step, batches, total_steps=steps, out=folder, checkpoints=Checkpoints(folder),
        save_every=5, progress=False, **others,
    )  # fmt: skip
    return step, history


def train(folder, steps, pause):
    """Train, and tell each step."""
    training(
        folder,
        int(steps),
        float(pause),
        callbacks=[lambda step, row: print(row["step"], flush=True)],
    )


def small_disk(folder, what):
    """After step 8 no file can grow beyond a limit: that of WHAT is too low."""
    import resource

    def limit(step, row):
        if step.step_count == 8:
            size = (Path(folder) / what).stat().st_size
            resource.setrlimit(resource.RLIMIT_FSIZE, (size - 1, size - 1))

    try:
        training(folder, 20, callbacks=[limit])
    except OSError as error:
        print(error)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
