"""Which scores fit a task, and how they are printed."""

import numpy as np
import pytest

from minibert.eval import Score, f1, format_scores, matthews, pearson, scores, spearman

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 3, 101)
PREDICTED = np.where(RNG.random(101) < 0.7, LABELS, 0)


@pytest.mark.quick
def test_classification():
    found = scores(PREDICTED, LABELS, "classification", n=50)
    assert list(found) == ["accuracy", "f1_macro", "matthews"]
    assert found["f1_macro"].value == f1(PREDICTED, LABELS, "macro")
    assert found["matthews"].value == matthews(PREDICTED, LABELS)
    found = scores(PREDICTED > 0, LABELS > 0, "classification", n=50)
    assert list(found) == ["accuracy", "f1", "matthews"]
    for score in found.values():
        assert score.low < score.value < score.high


def test_two_of_three_classes_occur():
    few, labels = np.minimum(PREDICTED, 1), np.minimum(LABELS, 1)
    assert "f1" in scores(few, labels, "classification", n=2)
    assert "f1_macro" in scores(few, labels, "classification", classes=3, n=2)


def test_regression():
    x = RNG.normal(size=101)
    y = x + RNG.normal(size=101)
    found = scores(x, y, "regression", n=50)
    assert list(found) == ["pearson", "spearman", "mse"]
    assert found["pearson"].value == pearson(x, y)
    assert found["spearman"].value == spearman(x, y)
    assert found["mse"].value == pytest.approx(np.mean((x - y) ** 2))
    assert found == scores(list(x), list(y), "regression", n=50)


def test_lists_and_strings():
    found = scores(["a", "b", "b"], ["a", "b", "c"], "classification", n=5)
    assert found["accuracy"].value == pytest.approx(2 / 3)


def test_errors():
    with pytest.raises(ValueError, match="task='nothing'"):
        scores([0], [0], "nothing")
    with pytest.raises(ValueError, match="one of each per example"):
        scores([], [], "classification")


def test_lines_for_a_terminal():
    nan = float("nan")
    lines = format_scores({
        "accuracy": Score(0.83125, 0.808, 0.8541),
        "matthews": Score(-0.5, -1.0, nan),
        "mse": Score(123456.0, 0.001, 1e9),
    }, level=0.9).split("\n")
    assert lines == [
        "accuracy   0.831   90% interval 0.808 to 0.854",
        "matthews  -0.500   90% interval -1.000 to nan",
        "mse      1.235e+05   90% interval 0.001 to 1e+09",
    ]
    assert all(line.isascii() for line in lines)
