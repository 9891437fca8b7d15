"""Metrics by hand and against their loops, and what a model costs."""

import math

import numpy as np
import pytest
from model.small import widths

from minibert.config import LayerSize, preset, with_layers
from minibert.eval import (
    accuracy,
    encoder_flops,
    f1,
    matthews,
    mean_squared_error,
    median_ms,
    pearson,
    spearman,
)
from minibert.eval.metrics import average_ranks


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
    ("predicted", "labels", "expected"),
    [
        ([1, 1, 1, 0, 0], [1, 1, 0, 1, 0], 2 / 3),  # 2 found, 1 too many, 1 missed
        ([1, 0, 0, 0], [1, 1, 1, 0], 0.5),
        ([0, 0], [0, 0], 0.0),  # 0 / 0
        ([0, 0], [1, 1], 0.0),
        ([True, False], [1, 0], 1.0),
    ],
)
def test_f1(predicted, labels, expected):
    assert f1(predicted, labels) == pytest.approx(expected)


def test_macro_f1():
    """Classes 0, 1, 2: 2/3, 1/2 and 0; class 3 occurs nowhere, so that it does not count."""
    assert f1([0, 0, 1, 1], [0, 2, 1, 0], "macro") == pytest.approx((1 / 2 + 2 / 3 + 0) / 3)
    assert f1(["a", "b"], ["a", "b"], "macro") == 1.0


@pytest.mark.quick
@pytest.mark.parametrize(
    ("predicted", "labels", "expected"),
    [
        ([1, 1, 1, 0, 0], [1, 1, 0, 1, 0], (2 * 1 - 1 * 1) / math.sqrt(3 * 3 * 2 * 2)),
        ([1, 0, 1], [0, 1, 0], -1.0),
        ([2, 0, 1], [2, 0, 1], 1.0),
        ([1, 1, 1], [0, 1, 0], 0.0),
        ([0, 1, 0], [1, 1, 1], 0.0),
        ([1, 1], [1, 1], 0.0),
        # s = 4, 2 right, p = (2, 1, 1), t = (1, 2, 1): (8 - 5) / sqrt((16 - 6) (16 - 6))
        ([0, 0, 1, 2], [0, 1, 1, 2], None),
    ],
)
def test_matthews(predicted, labels, expected):
    if expected is None:
        expected = (3 * 4 - (2 * 1 + 1 * 2 + 1 * 1)) / math.sqrt((16 - 6) * (16 - 6))
    assert matthews(predicted, labels) == pytest.approx(expected)


def test_matthews_of_many_examples():
    """n^4 is beyond 64 bits."""
    labels = np.tile([0, 1], 100_000)
    assert matthews(labels, labels) == 1.0
    assert matthews(1 - labels, labels) == -1.0


def test_matthews_is_the_correlation_of_indicators():
    """Gorodkin's definition: covariances of one-hot rows, summed over the classes; by loops."""
    rng = np.random.default_rng(0)
    labels, predicted = rng.integers(0, 5, 211), rng.integers(0, 5, 211)
    predicted[:90] = labels[:90]

    def covariance(x, y):
        total = 0.0
        for c in range(5):
            a, b = [float(v == c) for v in x], [float(v == c) for v in y]
            total += sum((u - sum(a) / 211) * (v - sum(b) / 211) for u, v in zip(a, b, strict=True))
        return total

    expected = covariance(predicted, labels) / math.sqrt(
        covariance(predicted, predicted) * covariance(labels, labels)
    )
    assert matthews(predicted, labels) == pytest.approx(expected, rel=1e-12)


@pytest.mark.quick
def test_correlations():
    x, y = [1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 2.0, 10.0]
    # Deviations -1.5, -.5, .5, 1.5 and -3, -1, -2, 6: sum of products 13, of squares 5 and 50.
    assert pearson(x, y) == pytest.approx(13 / math.sqrt(250))
    # Ranks 1, 2, 3, 4 and 1, 3, 2, 4: 1 - 6 * 2 / (4 * 15)
    assert spearman(x, y) == pytest.approx(0.8)
    assert spearman(x, [1, 8, 27, 1e9]) == pytest.approx(1.0)
    assert pearson(x, [-2, -4, -6, -8]) == pytest.approx(-1.0)
    assert mean_squared_error(x, y) == pytest.approx((0 + 1 + 1 + 36) / 4)


def test_correlation_stays_within_one():
    x = np.random.default_rng(1).normal(size=97) * 0.1
    for scale in (1, 3, 7, 1e-50, 1e50):
        assert pearson(x, scale * x) <= 1.0
        assert pearson(x, scale * x) == pytest.approx(1.0)


@pytest.mark.parametrize("metric", [pearson, spearman])
@pytest.mark.parametrize(
    ("predicted", "labels"), [([0.1] * 7, range(7)), (range(7), [0.1] * 7), ([1.0], [2.0])]
)
def test_no_correlation_with_a_constant(metric, predicted, labels):
    """0.1 is not a binary fraction: its mean is not itself."""
    assert math.isnan(metric(predicted, labels))


def test_ranks_by_counting():
    """A rank is one more than how many are smaller, plus half of the others that are equal."""
    x = np.random.default_rng(2).integers(0, 11, 53)
    expected = [1 + sum(v < u for v in x) + (sum(v == u for v in x) - 1) / 2 for u in x]
    assert average_ranks(x).tolist() == expected


@pytest.mark.parametrize("metric", [f1, matthews, pearson, spearman, mean_squared_error])
def test_sizes_that_differ(metric):
    for predicted, labels in (([], []), ([0], [0, 1])):
        with pytest.raises(ValueError, match="one of each per example"):
            metric(predicted, labels)


def test_other_errors():
    with pytest.raises(ValueError, match='labels has other classes than 0 and 1; try average="ma'):
        f1([0, 1], [0, 2])
    with pytest.raises(ValueError, match="average='micro'"):
        f1([0, 1], [0, 1], "micro")
    with pytest.raises(ValueError, match="predicted has NaN or infinity at 1"):
        pearson([0.0, np.nan], [1.0, 2.0])


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
