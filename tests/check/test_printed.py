"""The seed articles' formulas do what is said of them, and what is used instead does not."""

import math

import numpy as np
import pytest

from minibert import ops
from minibert.check import printed
from minibert.check.cases import formula_called
from minibert.check.printed import (
    PRINTED,
    s1_attention,
    s2_model_distillation,
    s3_prune,
    s4_knowledge_distillation,
    s5_quantize,
    s6_attention_weights,
    s7_self_attention,
    table,
)
from minibert.prune import magnitude_masks, soft_threshold

pytestmark = pytest.mark.quick
RNG = np.random.default_rng(0)
L, K, D = 5, 3, 7
Q, KEYS, V = (RNG.standard_normal((L, K)) for _ in "qkv")
W = RNG.standard_normal((D, L))


def softmax_attention(q, k, v):
    """The library's attention, of one head of one text."""
    return ops.attention_forward(q[None, None], k[None, None], v[None, None], None)[0].context[0, 0]


def test_s1_is_cubic_in_its_input():
    x = Q
    assert s1_attention(2 * x, 2 * x, 2 * x) == pytest.approx(8 * s1_attention(x, x, x))
    for n in range(3):
        one_doubled = [2 * a if i == n else a for i, a in enumerate((Q, KEYS, V))]
        assert s1_attention(*one_doubled) == pytest.approx(2 * s1_attention(Q, KEYS, V))
    right = softmax_attention(2 * x, 2 * x, 2 * x)
    assert np.abs(right).max() <= 2 * np.abs(x).max()
    assert right != pytest.approx(8 * softmax_attention(x, x, x))


def test_s1_has_weights_that_are_no_shares():
    weights = s1_attention(Q, KEYS, np.eye(L))
    assert (weights < 0).any()
    assert np.abs(weights.sum(1) - 1).min() > 0.1
    right = s6_attention_weights(Q, KEYS)
    assert (right > 0).all()
    assert right.sum(1) == pytest.approx(np.ones(L))
    values = np.array([[10.0], [11.0], [12.0], [13.0], [14.0]])
    between = right @ values
    assert ((between > 10) & (between < 14)).all()
    assert not ((weights @ values > 10) & (weights @ values < 14)).all()


def test_s2_is_info_nce_summed():
    for n in (2, L):
        summed, (mean, _) = (
            s2_model_distillation(Q[:n], KEYS[:n]),
            ops.info_nce_forward(Q[:n], KEYS[:n]),
        )
        assert summed == pytest.approx(n * mean)


def test_s2_grows_with_the_batch():
    zeros = np.zeros((64, K))
    assert s2_model_distillation(zeros, zeros) == pytest.approx(64 * math.log(64))
    assert ops.info_nce_forward(zeros, zeros)[0] == pytest.approx(math.log(64))


def test_s2_with_a_sum_in_the_numerator_is_zero():
    e = np.exp(Q @ KEYS.T)
    assert -np.log(e.sum(1) / e.sum(1)).sum() == 0


def test_s2_overflows_where_info_nce_does_not():
    q = 30 * np.eye(3)
    with np.errstate(all="ignore"):
        assert np.isnan(s2_model_distillation(q, q))
    assert ops.info_nce_forward(q, q)[0] == pytest.approx(0)


def test_s2_asks_for_the_matching_row_and_not_for_the_teacher_s_probabilities():
    """A student equal to its teacher is not at the minimum; of the soft cross-entropy it is."""
    teacher = RNG.standard_normal((L, K))
    dq, _ = ops.info_nce_backward(1.0, ops.info_nce_forward(teacher, teacher)[1])
    assert np.abs(dq).max() > 0.01
    soft = ops.soft_cross_entropy_forward(teacher, teacher)[1]
    assert ops.soft_cross_entropy_backward(1.0, soft) == pytest.approx(np.zeros((L, K)))


def test_s3_lets_negative_weights_grow():
    for amount in (0.1, 0.5, 0.9):
        after = s3_prune(W, amount)
        assert after[W > 0] == pytest.approx((1 - amount) * W[W > 0])
        assert after[W < 0] == pytest.approx((1 + amount) * W[W < 0])
        assert (after != 0).all(), "nothing is pruned"
        right = soft_threshold(W, amount)
        assert (np.abs(right) <= np.abs(W)).all()
        assert ((right == 0) == (np.abs(W) <= amount)).all()
        assert (right == 0).any()
        assert right == pytest.approx(-soft_threshold(-W, amount)), "the same on both sides"


def test_s3_at_lambda_one_and_above():
    assert not s3_prune(W, 1.0)[W > 0].any()
    assert s3_prune(W, 1.0)[W < 0] == pytest.approx(2 * W[W < 0])
    assert (s3_prune(W, 1.5)[W > 0] < 0).all()
    assert (soft_threshold(W, 1.5) * W >= 0).all(), "no sign flips"


def test_a_magnitude_mask_leaves_the_rest_as_it_is():
    masked = W * magnitude_masks({"w": W}, 0.4, names=["w"])["w"]
    assert (masked == 0).mean() == pytest.approx(0.4)
    assert (masked[masked != 0] == W[masked != 0]).all()


def test_s4_is_s2():
    assert s4_knowledge_distillation(Q, KEYS) == s2_model_distillation(Q, KEYS)


def test_s5_neither_rounds_nor_uses_its_range():
    scale = np.abs(W).max() / 127
    codes = s5_quantize(W, scale)
    assert np.abs(codes).max() == 7
    assert (np.abs(codes) == 7).mean() > 0.8, "most weights become the same number"
    small = s5_quantize(np.array([0.31]), 0.1)
    assert small == pytest.approx(3.1)
    assert small != np.rint(small)
    assert np.abs(s5_quantize(W, scale, quant_bits=4)).max() == 3
    right = ops.quantize_symmetric(W)
    assert right.q.dtype == np.int8
    assert np.abs(right.q).max(1) == pytest.approx(np.full(D, 127))
    assert np.abs(right.dequantize() - W).max() <= right.scale.max() / 2 * (1 + 1e-5)
    assert np.abs(codes * scale - W).max() > 0.5 * np.abs(W).max()


def test_s6_is_right_and_is_n_by_n():
    a = s6_attention_weights(Q, KEYS)
    assert a.shape == (L, L)
    assert a @ V == pytest.approx(softmax_attention(Q, KEYS, V))


def test_s6_knows_no_positions():
    order = RNG.permutation(L)
    a = s6_attention_weights(Q, KEYS)
    assert s6_attention_weights(Q[order], KEYS[order]) == pytest.approx(a[order][:, order])


def test_s7_compares_no_token_with_another():
    x, w_q, w_k = RNG.standard_normal((L, D)), *(RNG.standard_normal((K, D)) for _ in "qk")
    other = x.copy()
    other[1:] += 1.0
    a = s7_self_attention(x, w_q)
    assert a.shape == (L, K), "a column for each feature, not for each token"
    assert np.array_equal(a[0], s7_self_attention(other, w_q)[0])
    right, changed = (s6_attention_weights(y @ w_q.T, y @ w_k.T) for y in (x, other))
    assert right.shape == (L, L)
    assert np.abs(right[0] - changed[0]).max() > 1e-3


def test_the_table_has_all_seven_and_names_what_exists():
    assert [row.id for row in PRINTED] == [f"S{n}" for n in range(1, 8)]
    for row in PRINTED:
        name = row.function.__name__
        assert row.function is getattr(printed, name)
        assert name.startswith(row.id.lower() + "_")
        assert row.formula in table()
        assert "=" in row.formula
        assert row.source.endswith("seed article, as printed")
        assert all(formula_called(id) for id in row.see.split(", ") if id)
    used = " ".join(row.instead for row in PRINTED)
    for name in ("attention", "soft_cross_entropy", "info_nce", "qkv"):
        assert f"ops.{name}_forward" in used
        assert hasattr(ops, f"{name}_forward")
    assert "ops.quantize_symmetric" in used
    assert "prune.soft_threshold" in used
