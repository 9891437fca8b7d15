"""Norms and clipping."""

import math

import numpy as np
import pytest

from minibert.train import clip_each, clip_factor, clip_global, global_norm
from minibert.train.clipping import norm
from minibert.train.sweep import PIECE

pytestmark = pytest.mark.quick


def grads():
    return {"a": np.array([[3.0, 0.0]]), "b": np.array([4.0]), "c": None, "d": np.zeros((0, 3))}


def test_global_norm():
    assert global_norm(grads()) == 5.0
    assert global_norm({}) == 0.0


@pytest.mark.parametrize("max_norm", [1.0, 3.5])
def test_clip_global_by_hand(max_norm):
    clipped, length = clip_global(grads(), max_norm)
    assert length == 5.0
    assert clipped["a"][0, 0] == pytest.approx(3 * max_norm / (5 + 1e-6), rel=1e-15)
    assert clipped["b"][0] == pytest.approx(4 * max_norm / (5 + 1e-6), rel=1e-15)
    assert clipped["c"] is None


def test_short_gradients_are_left_alone():
    for max_norm in (5.1, None):
        clipped, _ = clip_global(grads(), max_norm)
        assert np.array_equal(clipped["a"], grads()["a"])
    assert clip_factor(0.0, 1.0) == 1.0


def test_clip_each_by_hand():
    clipped, norms = clip_each(grads(), 3.5)
    assert norms == {"a": 3.0, "b": 4.0, "d": 0.0}
    assert clipped["a"][0, 0] == 3.0
    assert clipped["b"][0] == pytest.approx(4 * 3.5 / (4 + 1e-6), rel=1e-15)
    assert clipped["c"] is None


def test_inputs_are_left_as_they_are():
    g = grads()
    clip_global(g, 0.1)
    clip_each(g, 0.1)
    assert np.array_equal(g["a"], grads()["a"])


def test_norm_over_blocks_and_strides():
    x = np.random.default_rng(2).normal(size=(3, PIECE - 1))
    assert norm(x) == pytest.approx(math.sqrt(math.fsum(x.ravel() ** 2)), rel=1e-14)
    assert norm(x.T) == pytest.approx(norm(x), rel=1e-14)
    assert norm(x.astype(np.float32)) == pytest.approx(norm(x), rel=1e-6)


def test_norm_does_not_overflow_in_float32():
    x = np.full(4, 1e30, np.float32)
    assert norm(x) == pytest.approx(2e30, rel=1e-6)
    x[1] = np.inf
    assert norm(x) == math.inf
    x[1] = np.nan
    assert math.isnan(norm(x))
