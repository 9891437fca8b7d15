"""A small model with a gradient known by hand: y = X w + b, loss = mean of (y - label)^2."""

from types import SimpleNamespace

import numpy as np
import pytest


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


@pytest.fixture
def model():
    return linear_model()
