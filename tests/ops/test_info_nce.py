"""InfoNCE beyond the table: what it is the cross-entropy of, temperature, wrong calls."""

import math

import numpy as np
import pytest

from minibert.check import assert_close

pytestmark = pytest.mark.quick
OPS = ("info_nce", "softmax_cross_entropy")
RNG = np.random.default_rng(0)
Q, K = RNG.standard_normal((6, 5)), RNG.standard_normal((6, 5))


def test_it_is_the_cross_entropy_of_the_similarities_with_their_own_row(impl):
    loss, cache = impl("info_nce")[0](Q, K, tau=0.7)
    expected, ce_cache = impl("softmax_cross_entropy")[0](Q @ K.T / 0.7, np.arange(6))
    assert loss == pytest.approx(expected, rel=1e-13)
    ds = impl("softmax_cross_entropy")[1](1.0, ce_cache)
    dq, dk = impl("info_nce")[1](1.0, cache)
    assert_close(dq, ds @ K / 0.7, rtol=1e-12)
    assert_close(dk, ds.T @ Q / 0.7, rtol=1e-12)


def test_rows_that_match_and_no_others_cost_nothing(impl):
    q = 30 * np.eye(4)
    assert impl("info_nce")[0](q, q)[0] < 1e-12
    assert impl("info_nce")[0](q, q[::-1].copy())[0] == pytest.approx(900)
    assert impl("info_nce")[0](q, q, tau=1e9)[0] == pytest.approx(math.log(4), rel=1e-5)


def test_pairs_in_another_order_are_the_same_pairs(impl):
    order = RNG.permutation(6)
    loss, again = (impl("info_nce")[0](q, k)[0] for q, k in ((Q, K), (Q[order], K[order])))
    assert loss == pytest.approx(again, rel=1e-13)
    assert impl("info_nce")[0](Q, K[order])[0] != pytest.approx(loss, rel=1e-3)


def test_wrong_calls_say_what_is_wrong(impl):
    forward = impl("info_nce")[0]
    with pytest.raises(ValueError, match="rows that match"):
        forward(Q, K[:5])
    with pytest.raises(ValueError, match="rows that match"):
        forward(Q[None], K[None])
    with pytest.raises(ValueError, match="tau is 0"):
        forward(Q, K, tau=0)
