"""A model and sizes that take no time, in place of those that are measured."""

import pytest

from minibert.bench import attention, busy, ceiling, gemm, inference, inference_int8, training
from minibert.config import preset
from minibert.kernels import set_threads

TINY = {
    "tinybert-4l-312": {"vocab": 90, "hidden": 24, "n_layers": 2, "heads": 3, "ffn": 40},
    "tinybert-6l-768": {"vocab": 90, "hidden": 36, "n_layers": 4, "heads": 3, "ffn": 50},
    "bert-base": {"vocab": 90, "hidden": 48, "n_layers": 3, "heads": 3, "ffn": 60},
}


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """Small sizes; nothing fetched; threads put back at the end."""
    for suite in (inference, inference_int8, training):
        monkeypatch.setattr(suite, "preset", lambda name: preset(name, **TINY[name], positions=64))
    for suite in (inference, training):
        monkeypatch.setattr(suite, "LENGTH", 8)
    monkeypatch.setattr(inference, "BATCHES", (1, 2))
    monkeypatch.setattr(inference, "MORE_BATCHES", (3,))
    monkeypatch.setattr(inference, "LENGTHS", (5, 9))
    monkeypatch.setattr(training, "BATCHES", (2, 3))
    monkeypatch.setattr(training, "STEPS", [(2, 0.1), (3, 0.0)])
    monkeypatch.setattr(training, "QUICK_STEPS", [(2, 0.1)])
    monkeypatch.setattr(training.goals, "training", lambda batch, dropout: None)
    monkeypatch.setattr(attention, "LENGTHS", (8, 16))
    monkeypatch.setattr(gemm, "TOKENS", 40)
    monkeypatch.setattr(gemm, "LAYERS", ((5, 7), (48, 64)))
    monkeypatch.setattr(ceiling, "SIZE", 64)
    monkeypatch.setattr(busy.Others, "processors", lambda self: 0.0)
    monkeypatch.setenv("MINIBERT_HOME", str(tmp_path / "nothing"))
    yield
    set_threads(None)
