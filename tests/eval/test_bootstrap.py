"""The bootstrap interval: what it promises on average, and its edges."""

import math

import numpy as np
import pytest

from minibert.eval import accuracy, bootstrap_interval, pearson


@pytest.mark.quick
def test_interval_of_accuracy():
    """About 1.96 standard errors to each side of .8, of 400 examples."""
    predicted, labels = np.ones(400), np.ones(400)
    labels[:80] = 0
    low, high = bootstrap_interval(accuracy, predicted, labels)
    error = math.sqrt(0.8 * 0.2 / 400)
    assert low == pytest.approx(0.8 - 1.96 * error, abs=0.3 * error)
    assert high == pytest.approx(0.8 + 1.96 * error, abs=0.3 * error)
    low_90, high_90 = bootstrap_interval(accuracy, predicted, labels, level=0.9)
    assert low < low_90 < high_90 < high


def test_as_many_intervals_hold_the_truth_as_they_say():
    """Of 200 test sets drawn with a true accuracy of .7, 80% intervals hold it in 80%."""
    rng = np.random.default_rng(0)
    held = 0
    for i in range(200):
        right = rng.random(200) < 0.7
        low, high = bootstrap_interval(accuracy, right, np.ones(200), n=100, level=0.8, seed=i)
        held += low <= 0.7 <= high
    assert 0.72 < held / 200 < 0.88  # 2.8 standard errors of such a share


def test_it_depends_on_the_seed_alone():
    rng = np.random.default_rng(1)
    x = rng.normal(size=97)
    y = x + rng.normal(size=97)
    first = bootstrap_interval(pearson, x, y, n=53)
    assert bootstrap_interval(pearson, list(x), list(y), n=53) == first
    assert bootstrap_interval(pearson, x, y, n=53, seed=1) != first


def test_resamples_without_a_score_are_left_out():
    """Of two examples, half of the resamples are one of them twice: no correlation."""
    assert bootstrap_interval(pearson, [1.0, 2.0], [3.0, 5.0], n=50) == pytest.approx((1.0, 1.0))
    assert all(map(math.isnan, bootstrap_interval(pearson, [1.0, 1.0], [3.0, 5.0], n=7)))
    assert bootstrap_interval(accuracy, [1], [1], n=3) == (1.0, 1.0)


def test_examples_stay_together():
    """A prediction and its label are drawn as one."""
    labels = np.arange(101)
    assert bootstrap_interval(accuracy, labels, labels, n=20) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("sizes", "settings", "message"),
    [
        ((2, 3), {}, "2 predictions, 3 labels"),
        ((0, 0), {}, "0 predictions"),
        ((2, 2), {"n": 0}, "n=0"),
        ((2, 2), {"level": 95}, "level=95"),
    ],
)
def test_errors(sizes, settings, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_interval(accuracy, np.zeros(sizes[0]), np.zeros(sizes[1]), **settings)
