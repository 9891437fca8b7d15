"""The measures of distance, and the report."""

import numpy as np
import pytest

from minibert.check import agrees, assert_close, compare, largest_norm, relative_error

pytestmark = pytest.mark.quick


def test_relative_error_is_a_norm_over_all_entries():
    b = np.array([[3.0, 4.0], [0.0, 12.0]])
    a = b + np.array([[0.0, 0.0], [0.13, 0.0]])
    assert relative_error(a, b) == pytest.approx(0.01, rel=1e-12)
    assert relative_error(b, b) == 0


def test_relative_error_of_zeros():
    assert relative_error(np.zeros(3), np.zeros(3)) == 0
    assert relative_error(np.ones(3), np.zeros(3)) > 1e100
    assert relative_error(1e-9 * np.ones(1), np.zeros(1), floor=1.0) == pytest.approx(1e-9)


def test_float32_is_measured_in_float64():
    a = np.full(10, 1e30, np.float32)
    assert relative_error(2 * a, a) == pytest.approx(1)
    assert relative_error(2e-300 * np.ones(2), 1e-300 * np.ones(2)) == pytest.approx(1)


def test_the_report_of_a_reference_of_zeros_gives_no_ratio():
    report = compare([1.0, 2.0], [0.0, 0.0]).report
    assert report.startswith("array: DIFFERS, expected all zero\n")
    assert "relative error inf" in compare([1.0, np.nan], [0.0, 0.0]).report
    assert "relative error 2.0e+00" in compare([2.0], [0.0], floor=1.0).report


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_infinitely_far(bad):
    assert relative_error([1.0, bad], [1.0, 2.0]) == np.inf
    assert relative_error([1.0, 2.0], [1.0, bad]) == np.inf
    found = compare([1.0, bad, 3.0], [1.0, 2.0, 3.0])
    assert not found
    assert "worst at [1]" in found.report
    assert ("1 in it are NaN" if np.isnan(bad) else "1 in it are infinite") in found.report


def test_equal_infinities_agree():
    assert relative_error([1.0, -np.inf], [1.0, -np.inf]) == 0
    assert relative_error([1.0, np.inf], [1.0, -np.inf]) == np.inf


def test_shapes_must_be_equal_where_numpy_would_broadcast():
    with pytest.raises(ValueError, match="shape"):
        relative_error(np.ones((3, 1)), np.ones(3))
    assert "transpose" in compare(np.ones((3, 5)), np.ones((5, 3))).report
    assert "reshape" in compare(np.ones((3, 5)), np.ones(15)).report
    assert "keepdims" in compare(np.ones(3), np.ones((5, 3))).report


def test_the_report_names_the_worst_entry():
    expected = np.arange(1.0, 25.0).reshape(2, 3, 4)
    got = expected.copy()
    got[1, 0, 2] += 7
    got[0, 2, 1] -= 1
    report = compare(got, expected, name="probabilities", axes="BHL").report
    assert report.startswith("probabilities: DIFFERS")
    assert "2 of 24 entries differ" in report
    assert "worst at [B=1, H=0, L=2]: got 22, expected 15, difference 7e+00" in report


def test_a_single_number_can_be_compared():
    assert compare(np.float64(1.0), 1.0)
    assert "got 2, expected 1" in compare(2.0, 1.0).report


def test_assert_close_raises_with_the_report():
    assert_close(np.ones(3), np.ones(3) + 1e-12)
    with pytest.raises(AssertionError, match=r"loss: DIFFERS.*\n.*3 of 3"):
        assert_close(np.ones(3), 2 * np.ones(3), name="loss")
    with pytest.raises(AssertionError):
        assert_close(np.ones(3), np.ones(3) + 1e-12, rtol=0)


def test_a_gradient_that_is_zero_in_truth_is_judged_beside_the_largest():
    noise, other_noise = 1e-15 * np.array([1.0, -2.0]), 1e-15 * np.array([3.0, 1.0])
    assert not agrees(noise, other_noise)
    assert agrees(noise, other_noise, largest=1.0)
    assert agrees([9e-9, 0.0], [0.0, 0.0], largest=1.0)
    assert not agrees([1.1e-8, 0.0], [0.0, 0.0], largest=1.0), "1e-5 of 1e-3 of the largest"
    assert not agrees([1.0, 0.0], [1.001, 0.0], largest=1.0), "large ones are judged by themselves"


def test_largest_norm_of_dicts_and_sequences():
    grads = {"a": np.array([3.0, 4.0]), "b": np.ones(1), "c": None}
    assert largest_norm(grads) == pytest.approx(5)
    assert largest_norm([np.ones(4)]) == pytest.approx(2)
    assert largest_norm({}) == 0
