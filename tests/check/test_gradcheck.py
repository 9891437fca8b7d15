"""The gradient checker: it passes what is right, and what it must not pass it names."""

import re
from typing import NamedTuple

import numpy as np
import pytest

from minibert.check import assert_gradient, gradcheck, gradcheck_function
from minibert.ops import softmax_backward, softmax_forward

pytestmark = pytest.mark.quick
RNG = np.random.default_rng(0)
X, W = RNG.standard_normal((3, 5)), RNG.standard_normal((7, 5))


def product_forward(x, w):
    return x @ w.T, (x, w)


def product_backward(dy, cache):
    x, w = cache
    return dy @ w, dy.T @ x


def test_a_right_pair_passes_and_the_table_has_a_row_for_each_input():
    found = gradcheck(product_forward, product_backward, (X, W))
    assert found
    assert [row.name for row in found.rows] == ["x", "w"]
    for row in found.rows:
        assert row.error < 1e-9
        assert row.ratio == pytest.approx(1)
        assert row.analytic.shape == row.numeric.shape
    assert str(found).count("ok") == 2


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        (lambda dx: -dx, "the sign is flipped"),
        (lambda dx: 2 * dx, "2 times the right gradient"),
        (lambda dx: 0 * dx, "all zero"),
        (lambda dx: dx * np.nan, "not finite"),
        (lambda dx: dx + (np.arange(15).reshape(3, 5) == 7), "1 of 15 entries, worst at [1, 2]"),
    ],
)
def test_the_verdict_says_what_is_wrong(change, verdict):
    def wrong(dy, cache):
        dx, dw = product_backward(dy, cache)
        return change(dx), dw

    found = gradcheck(product_forward, wrong, (X, W))
    assert not found
    assert [row.ok for row in found.rows] == [False, True]
    assert verdict in found.rows[0].verdict
    with pytest.raises(AssertionError, match="WRONG"):
        assert_gradient(product_forward, wrong, (X, W))


def test_one_wrong_entry_among_many_is_seen():
    def wrong(dy, cache):
        dx, dw = product_backward(dy, cache)
        dw = dw.copy()
        dw[6, 4] *= 1.001
        return dx, dw

    assert not gradcheck(product_forward, wrong, (X, W))


def test_a_cotangent_of_ones_misses_what_a_random_one_sees():
    """Softmax rows sum to 1, so a sum of outputs has no gradient; a wrong one is 0 there too."""
    wrong_ones = {
        "all zero": lambda dp, p: np.zeros_like(p),
        "sign flipped": lambda dp, p: -softmax_backward(dp, p),
        "twice": lambda dp, p: 2 * softmax_backward(dp, p),
    }
    s = RNG.standard_normal((3, 5))
    for name, wrong in wrong_ones.items():
        analytic = wrong(np.ones((3, 5)), softmax_forward(s)[0])
        assert np.abs(analytic).max() < 1e-15, f"{name}: and the truth is 0 as well"
        assert not gradcheck(softmax_forward, wrong, (s,)), name
    assert gradcheck(softmax_forward, softmax_backward, (s,))


def test_inputs_are_not_changed_and_float32_is_checked_in_float64():
    x, w = X.astype(np.float32), W.astype(np.float32)
    before = x.copy(), w.copy()
    found = gradcheck(product_forward, product_backward, (x, w))
    assert found
    assert found.rows[0].analytic.dtype == np.float64
    assert np.array_equal(x, before[0])
    assert np.array_equal(w, before[1])


class Outputs(NamedTuple):
    sum: np.ndarray
    nothing: None
    parts: tuple


def tree_forward(x, y):
    return Outputs(x + y, None, (x * y, {"square": x * x, "none": None}, [float((x * y).sum())])), (
        x,
        y,
    )


def tree_backward(d, cache):
    assert isinstance(d, Outputs)
    assert d.nothing is None
    x, y = cache
    product, named, (total,) = d.parts
    dx = d.sum + product * y + 2 * x * named["square"] + total * y
    return dx, d.sum + product * x + total * x


def test_structured_outputs():
    assert gradcheck(tree_forward, tree_backward, (X, X[::-1] + 1))


def test_a_structured_mistake_is_seen():
    def wrong(d, cache):
        dx, dy = tree_backward(d, cache)
        return dx - d.parts[2][0] * cache[1], dy

    assert not gradcheck(tree_forward, wrong, (X, X[::-1] + 1))


def test_a_cotangent_may_be_given_with_nones():
    def backward(d, cache):
        assert d.parts is None
        return d.sum, d.sum

    assert gradcheck(tree_forward, backward, (X, X + 1), cotangent=Outputs(X, None, None))


def test_dicts_of_parameters():
    params = {"w": W, "b": RNG.standard_normal(7)}

    def forward(params, x):
        return x @ params["w"].T + params["b"], (params, x)

    def backward(dy, cache):
        return {"w": dy.T @ cache[1], "b": dy.sum(0)}, dy @ cache[0]["w"]

    found = gradcheck(forward, backward, (params, X))
    assert found
    assert [row.name for row in found.rows] == ["params[w]", "params[b]", "x"]
    found = gradcheck(forward, lambda dy, c: ({"w": dy.T @ c[1]}, dy @ c[0]["w"]), (params, X))
    assert [row.ok for row in found.rows] == [True, False, True], (
        "a missing gradient counts as zero"
    )


def test_keyword_inputs_and_inputs_without_a_gradient():
    ids = np.array([2, 0, 2])

    def forward(ids, table, *, scale):
        return table[ids] * scale, (ids, table, scale)

    def backward(dy, cache):
        ids, table, scale = cache
        dtable = np.zeros_like(table)
        np.add.at(dtable, ids, dy * scale)
        return dtable, (dy * table[ids]).sum(0), None

    found = gradcheck(forward, backward, (ids, X), {"scale": W[0]}, wrt=(1, "scale", None))
    assert found
    assert [row.name for row in found.rows] == ["table", "scale"]


def test_large_arrays_are_tried_along_directions():
    x = RNG.standard_normal(5000)
    found = gradcheck(lambda x: (np.sin(x), x), lambda dy, x: dy * np.cos(x), (x,))
    assert found
    assert found.rows[0].numeric.shape == (32,)

    def wrong(dy, x):
        dx = dy * np.cos(x)
        dx[1234] += 0.1
        return dx

    found = gradcheck(lambda x: (np.sin(x), x), wrong, (x,))
    assert not found, "every direction meets every entry"
    assert "along 32 of 32 random directions; raise limit" in found.rows[0].verdict
    bad = gradcheck(lambda x: (np.sin(x), x), lambda dy, x: np.where(x == x[7], np.nan, dy), (x,))
    assert "1 of 5000 entries are not finite" in bad.rows[0].verdict


def test_a_gradient_of_zero_in_truth_is_judged_beside_the_others():
    def forward(x, shift):
        return softmax_forward(x + shift)[0], (x, shift)

    def backward(dp, cache):
        ds = softmax_backward(dp, softmax_forward(cache[0] + cache[1])[0])
        return ds, ds.sum(-1, keepdims=True)

    inputs = X, RNG.standard_normal((3, 1))
    assert not gradcheck(forward, backward, inputs)
    assert gradcheck(forward, backward, inputs, zero=("shift",))
    wrong = gradcheck(
        forward, lambda d, c: (backward(d, c)[0], np.full((3, 1), 1e-3)), inputs, zero=("shift",)
    )
    assert [row.ok for row in wrong.rows] == [True, False]
    assert wrong.rows[1].verdict == "WRONG: expected all zero"
    claimed = gradcheck(forward, lambda d, c: (2 * backward(d, c)[0], None), inputs, zero=("x",))
    assert "2 times" in claimed.rows[0].verdict, "it is not zero, whatever was said"


def test_where_the_truth_is_all_zero_there_is_nothing_to_be_relative_to():
    found = gradcheck_function(lambda x: 0 * x, lambda dy, x: dy, (X,))
    assert not found
    assert found.rows[0].verdict == "WRONG: expected all zero"
    assert str(found).splitlines()[1].split()[2:5] == ["0", "-", "-"]
    assert gradcheck_function(lambda x: 0 * x, lambda dy, x: 0 * dy, (X,))


@pytest.mark.parametrize(("off", "tolerance"), [("2.0e-06", "1e-06"), ("1.0e-08", "1e-09")])
def test_an_error_just_above_the_tolerance_is_given_as_a_number(off, tolerance):
    def gradient(dy, x):
        return 2 * x * dy * (1 + float(off))

    found = gradcheck_function(lambda x: x * x, gradient, (X,), tolerance=float(tolerance))
    assert not found
    words = f"WRONG: differs by {off}, {tolerance} allowed; see gradcheck_sweep"
    assert found.rows[0].verdict == words


def test_functions_of_your_own():
    assert gradcheck_function(lambda x, w: x @ w.T, lambda dy, x, w: (dy @ w, dy.T @ x), (X, W))
    assert gradcheck_function(np.exp, lambda dy, x: dy * np.exp(x), (X,))
    scalar = gradcheck_function(lambda x: (x * x).sum(), lambda dloss, x: 2 * dloss * x, (X,))
    assert scalar
    assert scalar.rows[0].name == "x"
    assert not gradcheck_function(np.exp, lambda dy, x: dy, (X,))


def test_wrong_calls_say_what_is_wrong():
    with pytest.raises(ValueError, match="shape"):
        gradcheck(product_forward, lambda dy, c: (dy, dy), (X, W))
    with pytest.raises(ValueError, match="2 gradients for 1"):
        gradcheck(product_forward, product_backward, (X, W), wrt=(0,))
    with pytest.raises(ValueError, match=r"zero names \['nope'\]; the gradients are of x, w"):
        gradcheck(product_forward, product_backward, (X, W), zero=("x", "nope"))
    with pytest.raises(TypeError, match="floats"):
        gradcheck(lambda n: (n * 1.0, n), lambda dy, n: dy, (np.arange(3),), wrt=(0,))


@pytest.mark.parametrize("forward", [lambda x, w: x @ w.T, lambda x, w: x[:2] * w[:2]])
def test_a_forgotten_cache_is_named(forward):
    """The second returns two rows, which would unpack as a pair."""
    with pytest.raises(TypeError, match=r"ndarray; forward returns \(out, cache\).*_function"):
        gradcheck(forward, product_backward, (X, W))


def test_inputs_by_name():
    for args, kwargs, wrt in (((X, W), {}, ("x", "w")), ((X,), {"w": W}, (0, "w"))):
        found = gradcheck(product_forward, product_backward, args, kwargs, wrt=wrt)
        assert found
        assert [row.name for row in found.rows] == ["x", "w"]


@pytest.mark.parametrize("place", ["v", 5, -1])
def test_unknown_inputs_are_named(place):
    with pytest.raises(TypeError, match=rf"wrt has {place!r}; the inputs are 'x' \(0\), 'w' \(1\)"):
        gradcheck(product_forward, product_backward, (X, W), wrt=(0, place))
    with pytest.raises(TypeError, match=r"the inputs are 'x' \(0\), 'w'$"):
        gradcheck(product_forward, product_backward, (X,), {"w": W}, wrt=(0, place))


@pytest.mark.parametrize(
    ("cotangent", "words"),
    [
        (Outputs(X[:, :1], None, None), "[0] has shape (3, 1), the output (3, 5)"),
        (Outputs(X[None], None, None), "[0] has shape (1, 3, 5), the output (3, 5)"),
        (Outputs(X, None, (1.0, None, None)), "[2][0] has shape (), the output (3, 5)"),
        (Outputs(X, None, (X, {"b": X}, None)), "has the parts ['b'], the output ['square', 'none"),
        (Outputs(X, None, (X, None)), "[2] has the parts [0, 1], the output [0, 1, 2]"),
        (1.0, "cotangent is float, the output Outputs"),
    ],
)
def test_a_cotangent_that_does_not_fit_is_refused(cotangent, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        gradcheck(tree_forward, tree_backward, (X, X + 1), cotangent=cotangent)


@pytest.mark.parametrize(
    ("gradient", "words"),
    [
        ({"w": X, "B": X}, "p has the keys ['w', 'B'], the input ['w', 'b']"),
        (X, "p is ndarray, the input a dict"),
    ],
)
def test_a_dict_of_gradients_has_no_keys_of_its_own(gradient, words):
    inputs = ({"w": X, "b": X + 1},)
    with pytest.raises(ValueError, match=re.escape(words)):
        gradcheck(lambda p: (p["w"] + p["b"], p), lambda dy, p: gradient, inputs)
