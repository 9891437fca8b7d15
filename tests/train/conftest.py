"""A small model with a gradient known by hand: y = X w + b, loss = mean of (y - label)^2."""

from types import SimpleNamespace

import numpy as np
import pytest

from minibert.config import BertConfig
from minibert.model import init_params
from minibert.train import Checkpoints, TrainStep, fit


def regression(model, batch, drop):
    """The objective of the linear model; the batch's input_ids are its real-valued inputs."""
    X, w = batch["input_ids"], model.params["w.weight"]
    error = X @ w + model.params["w.bias"] - batch["labels"]  # (B,)
    loss = float((error**2).mean())
    grads = {"w.weight": 2 * error @ X / len(X), "w.bias": 2 * error.mean(keepdims=True)}
    return loss, {"first": loss / 4, "second": loss * 3 / 4}, grads


def linear_model(dtype=np.float64, dropout=0.0):
    """Five inputs, one output, fixed random weights."""
    rng = np.random.default_rng(5)
    params = {"w.weight": rng.normal(size=5).astype(dtype), "w.bias": np.ones(1, dtype)}
    config = SimpleNamespace(dropout=dropout, attention_dropout=0.0)
    return SimpleNamespace(params=params, config=config, head=None)


def linear_batches(n, B=7):
    """n batches of B rows."""
    rng = np.random.default_rng(11)
    return [dict(input_ids=rng.normal(size=(B, 5)), labels=rng.normal(size=B)) for _ in range(n)]


class Projected:
    """An objective with a parameter of its own: it scales the labels."""

    def __init__(self):
        self.params = {"projection.weight": np.array([0.5])}

    def __call__(self, model, batch, drop):
        scale = self.params["projection.weight"]
        scaled = batch | {"labels": scale * batch["labels"]}
        loss, parts, grads = regression(model, scaled, drop)
        error = batch["input_ids"] @ model.params["w.weight"] + model.params["w.bias"]
        error = error - scaled["labels"]
        dscale = -2 * (error * batch["labels"]).mean(keepdims=True)
        return loss, parts, grads | {"projection.weight": dscale}


def bert(head="classification", dtype=np.float64, **changes):
    """A BERT of two layers, with dropout."""
    sizes = dict(vocab=23, hidden=6, n_layers=2, heads=3, ffn=11, positions=13, classes=3)
    config = BertConfig.uniform(**(sizes | changes))
    params = init_params(config, seed=1, head=head, dtype=dtype)
    return SimpleNamespace(params=params, config=config, head=head)


def bert_batch(B=5, L=7, classes=3, seed=4):
    """Random words with padding, and their classes."""
    rng = np.random.default_rng(seed)
    keep = np.arange(L) < rng.integers(3, L + 1, size=B)[:, None]
    ids = np.where(keep, rng.integers(1, 23, size=(B, L)), 0)
    return dict(
        input_ids=ids, labels=rng.integers(0, classes, size=B), attention_mask=keep.astype(np.int64)
    )


@pytest.fixture
def model():
    return linear_model()


def equal_tensors(a, b):
    """Whether two dicts hold the same names, types and bits."""
    return a.keys() == b.keys() and all(
        (a[name].dtype, a[name].tobytes()) == (b[name].dtype, b[name].tobytes()) for name in a
    )


def whole_state(step):
    """Copies of everything that training changes."""
    return {k: a.copy() for k, a in {**step.model.params, **step.state()}.items()}


def linear_step(**others):
    """A fresh step of the linear model, with an objective that has a parameter of its own."""
    return TrainStep(linear_model(), **{"lr": 0.1, "objective": Projected()} | others)


def timeless(history):
    """Rows without what differs from run to run."""
    return [{k: x for k, x in row.items() if k != "tokens_per_s"} for row in history]


def in_parts(make, batches, folder, cuts, total=20, **others):
    """Run with checkpoints, cut after the given steps; every part has a new model."""
    for cut in [*cuts, None]:
        step = make()
        history = fit(
            step, batches(), total_steps=total, out=folder, checkpoints=Checkpoints(folder),
            callbacks=[lambda step, row, cut=cut: row["step"] == cut], progress=False, **others,
        )  # fmt: skip
    return step, history
