"""Outputs that differ stop the benchmark."""

import numpy as np
import pytest

from minibert.bench.compare import MismatchError, agree, relative_error

pytestmark = pytest.mark.quick

X = np.arange(1.0, 7.0, dtype=np.float32).reshape(2, 3)


def test_rounding_passes():
    assert agree("a work", "torch", [(X, X), (X * 1.00001, X)]) == pytest.approx(1e-5, rel=0.1)


@pytest.mark.parametrize(
    "ours", [X * 1.001, X.T, X * np.nan, np.where(X == 3, np.inf, X), X[:1], np.zeros_like(X)]
)
@pytest.mark.parametrize("before", [True, False])
def test_all_else_does_not(ours, before):
    pairs = [(X, X), (ours, X)] if before else [(ours, X), (X, X)]
    with pytest.raises(MismatchError, match=r"a work: our outputs and torch's differ"):
        agree("a work", "torch", pairs)


def test_shapes_that_would_broadcast():
    assert relative_error(X[:1], X) == np.inf
