"""Accuracy, and what a model costs."""

import numpy as np
import pytest
from model.small import widths

from minibert.config import LayerSize, preset, with_layers
from minibert.eval import accuracy, encoder_flops, median_ms


@pytest.mark.quick
@pytest.mark.parametrize(
    ("predicted", "labels", "expected"),
    [
        ([0, 1, 2, 2], [0, 1, 2, 0], 0.75),
        ([1], [1], 1.0),
        ([1, 1], [0, 2], 0.0),
        (np.array([[0, 1], [1, 1]]), np.array([[0, 1], [0, 1]]), 0.75),
        (["a", "b"], ["a", "c"], 0.5),
    ],
)
def test_accuracy(predicted, labels, expected):
    found = accuracy(predicted, labels)
    assert isinstance(found, float)
    assert found == expected


@pytest.mark.parametrize(
    ("predicted", "labels"),
    [([], []), ([0], [0, 1]), ([[0], [1]], [0, 1]), (0, [0, 1]), ([0, 1], 0)],
    ids=str,
)
def test_accuracy_errors(predicted, labels):
    with pytest.raises(ValueError, match="one of each per example"):
        accuracy(predicted, labels)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("name", "published"),
    [("bert-base", 22.35), ("tinybert-4l-312", 1.25), ("tinybert-6l-768", 11.17)],
)
def test_published_flops(name, published):
    assert round(encoder_flops(preset(name), 128) / 1e9, 2) == published


def products(config, L):
    """Two for each multiply-add of each matrix product of one sequence, one after the other."""
    total, D = 0, config.hidden
    for size in config.layers:
        width = size.heads * size.head_size
        matrices = [(width, D)] * 3 + [(D, width), (size.ffn, D), (D, size.ffn)]
        total += sum(2 * L * rows * columns for rows, columns in matrices)
        for _ in range(size.heads):
            total += 2 * L * L * size.head_size  # q k^T
            total += 2 * L * L * size.head_size  # p v
    return total


@pytest.mark.parametrize("L", [1, 7, 128])
@pytest.mark.parametrize("config", [widths(), preset("tinybert-4l-312")], ids=["widths", "preset"])
def test_flops_product_by_product(config, L):
    assert encoder_flops(config, L) == products(config, L)


def test_what_is_removed_costs_nothing():
    config = preset("tinybert-4l-312")
    fewer = with_layers(config, [LayerSize(6, 26, 600)] * 4)
    assert encoder_flops(fewer, 128) == encoder_flops(config, 128) / 2


def test_the_median_of_the_calls_after_the_first(monkeypatch):
    """The clock is ours: the first call takes long, and one of the others."""
    seconds, now = iter([50.0, 0.002, 9.0, 0.001, 0.004, 0.003]), [0.0]

    def work():
        now[0] += next(seconds)

    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    assert median_ms(work, repeats=5) == pytest.approx(3.0)
    assert next(seconds, None) is None
