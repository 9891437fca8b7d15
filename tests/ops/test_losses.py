"""The losses beyond the table: what is counted, what the mean runs over, temperature."""

import math

import numpy as np
import pytest

from minibert.check import assert_close

pytestmark = pytest.mark.quick
OPS = ("softmax_cross_entropy", "soft_cross_entropy", "kl", "mse", "cosine")


def _logits(rows=5, classes=7, seed=0):
    rng = np.random.default_rng(seed)
    return (2 * rng.standard_normal((rows, classes)) for _ in "st")


def _loss(pair, *args, **kwargs):
    loss, cache = pair[0](*args, **kwargs)
    return float(loss), pair[1](1.0, cache)


def test_ignored_rows_count_neither_in_the_sum_nor_in_the_mean(impl):
    pair = impl("softmax_cross_entropy")
    z, _ = _logits()
    labels = np.array([3, -100, 0, -100, 6])
    loss, dz = _loss(pair, z, labels)
    kept = labels != -100
    alone, dz_alone = _loss(pair, z[kept], labels[kept])
    assert loss == pytest.approx(alone, rel=1e-14)
    assert_close(dz[kept], dz_alone, rtol=1e-13)
    assert not dz[~kept].any()


def test_ignore_index_may_be_a_class(impl):
    z, _ = _logits()
    pair = impl("softmax_cross_entropy")
    loss, dz = _loss(pair, z, np.array([0, 1, 0, 2, 3]), ignore_index=0)
    assert loss == pytest.approx(_loss(pair, z[[1, 3, 4]], np.array([1, 2, 3]))[0], rel=1e-14)
    assert not dz[[0, 2]].any()


def test_all_rows_ignored_is_a_loss_of_zero(impl):
    z, _ = _logits()
    loss, dz = _loss(impl("softmax_cross_entropy"), z, np.full(5, -100))
    assert loss == 0
    assert not dz.any()


def test_cross_entropy_of_equal_logits_is_log_classes(impl):
    loss, _ = _loss(impl("softmax_cross_entropy"), np.zeros((3, 7)), np.array([0, 3, 6]))
    assert loss == pytest.approx(math.log(7), rel=1e-14)


def test_cross_entropy_of_logits_far_apart(impl):
    z = np.array([[1000.0, 0.0], [0.0, 1000.0]])
    loss, dz = _loss(impl("softmax_cross_entropy"), z, np.array([0, 0]))
    assert loss == 500
    assert_close(dz, [[0, 0], [-0.5, 0.5]], rtol=1e-14)


def test_label_smoothing_mixes_with_the_uniform_target(impl):
    pair = impl("softmax_cross_entropy")
    z, _ = _logits()
    labels, e = np.array([3, 1, 0, 2, 6]), 0.1
    logp = z - np.log(np.exp(z).sum(-1, keepdims=True))
    hard, uniform = -logp[np.arange(5), labels].mean(), -logp.mean()
    assert _loss(pair, z, labels, smoothing=e)[0] == pytest.approx(
        (1 - e) * hard + e * uniform, rel=1e-13
    )


@pytest.mark.parametrize("labels", [[0, 7], [-1, 0]])
def test_a_label_out_of_range_is_an_error_that_says_so(impl, labels):
    with pytest.raises(ValueError, match="7 classes"):
        impl("softmax_cross_entropy")[0](np.zeros((2, 7)), np.array(labels))


def test_the_means_of_the_soft_loss_differ_by_the_number_of_classes(impl):
    pair = impl("soft_cross_entropy")
    s, t = _logits()
    batch, d_batch = _loss(pair, s, t, mean="batch")
    everything, d_everything = _loss(pair, s, t, mean="all")
    assert batch == pytest.approx(7 * everything, rel=1e-14)
    assert_close(d_batch, 7 * d_everything, rtol=1e-14)
    with pytest.raises(ValueError, match="mean"):
        pair[0](s, t, mean="sum")


def test_kl_has_tau_squared_and_the_soft_loss_has_not(impl):
    s, t = _logits()
    for tau in (1.0, 2.0, 5.0):
        _, d_soft = _loss(impl("soft_cross_entropy"), s, t, tau=tau)
        _, d_kl = _loss(impl("kl"), s, t, tau=tau)
        assert_close(d_kl, tau**2 * d_soft, rtol=1e-12, name=f"tau {tau}")


def test_kl_is_the_soft_loss_without_the_teachers_entropy(impl):
    s, t = _logits()
    entropy = _loss(impl("soft_cross_entropy"), t, t)[0]
    difference = _loss(impl("soft_cross_entropy"), s, t)[0] - entropy
    assert _loss(impl("kl"), s, t)[0] == pytest.approx(difference, rel=1e-12)


def test_a_student_that_equals_its_teacher_has_no_gradient(impl):
    _, t = _logits()
    loss, d = _loss(impl("kl"), t, t, tau=2.0)
    assert abs(loss) < 1e-15
    assert np.abs(d).max() < 1e-15
    assert np.abs(_loss(impl("soft_cross_entropy"), t, t, tau=2.0)[1]).max() < 1e-15


def test_the_soft_loss_with_a_certain_teacher_is_cross_entropy(impl):
    s, _ = _logits()
    labels = np.array([3, 1, 0, 2, 6])
    certain = np.where(np.arange(7) == labels[:, None], 1000.0, 0.0)
    soft, d_soft = _loss(impl("soft_cross_entropy"), s, certain)
    hard, d_hard = _loss(impl("softmax_cross_entropy"), s, labels)
    assert soft == pytest.approx(hard, rel=1e-14)
    assert_close(d_soft, d_hard, rtol=1e-13)


@pytest.mark.parametrize("name", ["mse", "cosine"])
def test_rows_left_out_do_not_count(impl, name):
    pair = impl(name)
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 2, 5, 7))
    keep = np.array([[1, 1, 0, 0, 0], [1, 0, 1, 1, 1]], bool)
    loss, (da, db) = _loss(pair, a, b, keep=keep)
    alone, (da_alone, db_alone) = _loss(pair, a[keep], b[keep])
    assert loss == pytest.approx(alone, rel=1e-13)
    assert_close(da[keep], da_alone, rtol=1e-13)
    assert_close(db[keep], db_alone, rtol=1e-13)
    assert not da[~keep].any()
    assert not db[~keep].any()


@pytest.mark.parametrize("name", ["mse", "cosine"])
def test_no_row_kept_is_a_loss_of_zero(impl, name):
    a, b = np.random.default_rng(0).standard_normal((2, 3, 7))
    loss, grads = _loss(impl(name), a, b, keep=np.zeros(3, bool))
    assert loss == 0
    assert not any(g.any() for g in grads)


def test_cosine_knows_directions_only(impl):
    pair = impl("cosine")
    a, b = np.random.default_rng(0).standard_normal((2, 3, 7))
    assert _loss(pair, a, 2 * a)[0] == pytest.approx(0, abs=1e-15)
    assert _loss(pair, a, -a)[0] == pytest.approx(2, rel=1e-15)
    assert _loss(pair, 3 * a, b)[0] == pytest.approx(_loss(pair, a, b)[0], rel=1e-14)
    _, (da, _) = _loss(pair, a, b)
    assert np.abs((da * a).sum(-1)).max() < 1e-15, "no gradient along the vector itself"


def test_cosine_of_a_row_of_zeros_is_finite(impl):
    a, b = np.random.default_rng(0).standard_normal((2, 3, 7))
    a[1] = 0
    loss, grads = _loss(impl("cosine"), a, b)
    assert np.isfinite(loss)
    assert all(np.isfinite(g).all() for g in grads)


@pytest.mark.parametrize("name", OPS)
def test_the_gradient_scales_with_the_loss(impl, name):
    pair = impl(name)
    s, t = _logits()
    second = np.array([3, 1, 0, 2, 6]) if name == "softmax_cross_entropy" else t
    _, cache = pair[0](s, second)
    once, thrice = (pair[1](dloss, cache) for dloss in (1.0, 3.0))
    once, thrice = (g[0] if isinstance(g, tuple) else g for g in (once, thrice))
    assert_close(thrice, 3 * once, rtol=1e-14)
