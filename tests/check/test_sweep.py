"""The sweep over steps: a V where the gradient is right, a line where it is wrong, and the rest."""

import numpy as np
import pytest

from minibert.check import gradcheck, gradcheck_function, gradcheck_sweep, gradcheck_sweep_function
from minibert.ops import relu_backward, relu_forward, softmax_backward, softmax_forward

pytestmark = pytest.mark.quick
RNG = np.random.default_rng(0)
X, W = RNG.standard_normal((3, 5)), RNG.standard_normal((7, 5))


def test_a_right_gradient_is_a_v():
    """Truncation falls with h^2, a hundredth for each tenth of h; rounding rises with 1/h."""
    found = gradcheck_sweep(softmax_forward, softmax_backward, (X,))
    assert found
    (row,) = found.rows
    errors = dict(zip(row.steps, row.errors, strict=True))
    assert row.name == "s"
    assert row.steps == pytest.approx([10.0**-n for n in range(1, 12)])
    assert errors[row.steps[0]] / errors[row.steps[2]] == pytest.approx(1e4, rel=0.1)
    assert 1e2 < errors[row.steps[10]] / errors[row.steps[6]] < 1e6
    assert min(errors.values()) < 1e-9
    assert "falls with h^2" in row.verdict
    assert "rises with 1/h" in row.verdict


def test_a_linear_function_has_nothing_to_truncate():
    found = gradcheck_sweep_function(
        lambda x, w: x @ w.T, lambda dy, x, w: (dy @ w, dy.T @ x), (X, W)
    )
    assert found
    assert [row.name for row in found.rows] == ["x", "w"]
    for row in found.rows:
        assert row.errors[0] < 1e-13
        assert "linear or quadratic" in row.verdict


@pytest.mark.parametrize(
    ("change", "level"),
    [
        (lambda dx: -dx, 2.0),
        (lambda dx: 2 * dx, 0.5),
        (lambda dx: 0 * dx, 1.0),
        (lambda dx: dx * (1 + 1e-4), 1e-4),
        (lambda dx: dx * (1 + 1e-5), 1e-5),
    ],
)
def test_a_wrong_gradient_is_flat(change, level):
    found = gradcheck_sweep(softmax_forward, lambda dp, p: change(softmax_backward(dp, p)), (X,))
    assert not found
    (row,) = found.rows
    assert row.errors[4] == pytest.approx(level, rel=1e-2)
    assert row.errors[6] == pytest.approx(level, rel=1e-2)
    assert row.verdict.startswith("WRONG: the error stays at")


def test_a_mistake_that_truncation_happens_to_cancel_is_wrong():
    """(x^3)' is 3 x^2, and its difference is 3 x^2 + h^2."""
    found = gradcheck_sweep_function(
        lambda x: x**3, lambda dy, x: dy * (3 * x**2 + 0.01), (np.array([0.7]),)
    )
    assert found.rows[0].errors[0] < 1e-12
    assert not found
    assert "WRONG" in found.rows[0].verdict


def exp32(x):
    return np.exp(x.astype(np.float32))


def exp_gradient(dy, x):
    return dy * np.exp(x)


def test_a_function_in_float32_hides_what_is_smaller_than_its_rounding():
    found = gradcheck_sweep_function(exp32, exp_gradient, (X,))
    assert not found
    (row,) = found.rows
    assert row.verdict.startswith("CANNOT TELL")
    assert "float32" in row.verdict
    assert 1e-6 < min(row.errors) < 1e-3
    assert row.errors[-1] == pytest.approx(1), "x + 1e-11 is x: the numeric gradient is zero"
    assert gradcheck_sweep_function(exp32, exp_gradient, (X,), tolerance=1e-3)
    wrong = gradcheck_sweep_function(exp32, lambda dy, x: 1.5 * dy * np.exp(x), (X,))
    assert "WRONG" in wrong.rows[0].verdict
    assert not gradcheck_function(exp32, exp_gradient, (X,)), "one step alone cannot tell why"
    assert not gradcheck_sweep_function(exp32, lambda dy, x: dy, (X,), tolerance=1e-3)


def test_float32_inputs_are_tried_in_float64():
    assert gradcheck_sweep(softmax_forward, softmax_backward, (X.astype(np.float32),))


def test_entries_at_a_kink_are_named():
    x = X.copy()
    x[0, 1] = x[2, 3] = 0.0
    found = gradcheck_sweep(relu_forward, relu_backward, (x,))
    assert not found
    assert "2 of 15 entries sit at a kink" in found.rows[0].verdict
    assert gradcheck_sweep(relu_forward, relu_backward, (X,))


def test_a_kink_nearby_is_seen_by_large_steps_only():
    x = X.copy()
    x[0, 1] = 1e-7
    assert not gradcheck(relu_forward, relu_backward, (x,)), "its one step reaches over the kink"
    found = gradcheck_sweep(relu_forward, relu_backward, (x,))
    assert found
    assert found.rows[0].errors[4] > 1e-3
    assert found.rows[0].errors[7] < 1e-12


def test_a_wrong_gradient_beside_a_kink_is_wrong():
    x = X.copy()
    x[0, 1] = 0.0
    found = gradcheck_sweep(relu_forward, lambda dy, c: 2 * relu_backward(dy, c), (x,))
    assert "WRONG" in found.rows[0].verdict


def test_steps_that_are_too_large_cannot_tell():
    found = gradcheck_sweep(softmax_forward, softmax_backward, (X,), steps=(0.5, 0.1, 0.01))
    assert not found
    assert "add smaller steps" in found.rows[0].verdict


def test_functions_without_a_finite_neighbour():
    with np.errstate(all="ignore"):
        found = gradcheck_sweep_function(
            np.log, lambda dy, x: dy / x, (np.array([1e-13, 2.0]),), steps=(1e-1, 1e-2, 1e-3)
        )
        wrong = gradcheck_sweep_function(np.exp, lambda dy, x: dy * np.nan * x, (X,))
        at_one_step = gradcheck_function(np.log, lambda dy, x: dy / x, (np.array([1e-7, 2.0]),))
    assert found.rows[0].verdict == "CANNOT TELL: the function is not finite beside this input"
    assert at_one_step.rows[0].verdict == found.rows[0].verdict
    assert not at_one_step
    assert "15 of 15 entries are not finite" in wrong.rows[0].verdict
    assert not found
    assert not wrong


@pytest.mark.parametrize(
    ("function", "gradient", "x"),
    [
        (np.log, lambda dy, x: dy / x, 1e-3),
        (np.log, lambda dy, x: dy / x, 1e-7),
        (np.sqrt, lambda dy, x: dy / (2 * np.sqrt(x)), 2e-3),
    ],
)
def test_large_steps_may_leave_the_function(function, gradient, x):
    """Two infinite errors in a row have no slope; the course starts at the first finite one."""
    x = np.array([x, 3.0])
    with np.errstate(all="ignore"):
        found = gradcheck_sweep_function(function, gradient, (x,))
        wrong = gradcheck_sweep_function(function, lambda dy, x: 2 * gradient(dy, x), (x,))
    assert found.rows[0].errors[:2] == (np.inf, np.inf)
    assert found
    assert "falls with h^2" in found.rows[0].verdict
    assert "inf" in str(found)
    assert "the error stays at 5.0e-01" in wrong.rows[0].verdict


def test_a_line_that_ends():
    with np.errstate(all="ignore"):
        found = gradcheck_sweep_function(
            lambda x: np.where(x > 0, x, np.nan), lambda dy, x: dy, (np.array([5e-3]),)
        )
    assert found
    assert "at the first finite step: nothing to truncate" in found.rows[0].verdict


def test_large_arrays_and_zero_gradients_and_keywords():
    x = RNG.standard_normal(1000)
    found = gradcheck_sweep_function(np.sin, lambda dy, x: dy * np.cos(x), (x,), directions=4)
    assert found
    assert "h^2" in found.rows[0].verdict

    def forward(s, *, shift):
        p = softmax_forward(s + shift)[0]
        return p, p

    def backward(dp, p):
        ds = softmax_backward(dp, p)
        return ds, ds.sum(-1, keepdims=True)

    options = {"wrt": (0, "shift")}
    inputs = (X,), {"shift": RNG.standard_normal((3, 1))}
    assert not gradcheck_sweep(forward, backward, *inputs, **options)
    found = gradcheck_sweep(forward, backward, *inputs, **options, zero=("shift",))
    assert found
    assert [row.name for row in found.rows] == ["s", "shift"]


def test_the_table():
    lines = str(gradcheck_sweep(softmax_forward, softmax_backward, (X,))).splitlines()
    assert lines[0].startswith("s: right")
    assert lines[1].split() == ["step", "error"]
    assert len(lines) == 13
    columns = [line.index("*") for line in lines[2:]]
    assert columns[4] == min(columns) < columns[0], "the V, on its side"
    assert columns[-1] > columns[4]


def test_fewer_directions_are_enough_to_see_one_wrong_entry():
    x = RNG.standard_normal(5000)

    def wrong(dy, x):
        dx = dy * np.cos(x)
        dx[1234] += 0.1
        return dx

    for directions in (1, 8):
        found = gradcheck_function(np.sin, wrong, (x,), directions=directions)
        assert not found
        assert found.rows[0].numeric.shape == (directions,)
    assert gradcheck_function(np.sin, lambda dy, x: dy * np.cos(x), (x,), directions=1)


def test_wrong_calls_say_what_is_wrong():
    with pytest.raises(ValueError, match="at least three"):
        gradcheck_sweep(softmax_forward, softmax_backward, (X,), steps=(0.1, 0.01))
    with pytest.raises(ValueError, match="falling"):
        gradcheck_sweep(softmax_forward, softmax_backward, (X,), steps=(1e-3, 1e-2, 1e-1))
    with pytest.raises(ValueError, match="directions is 0"):
        gradcheck(softmax_forward, softmax_backward, (X,), limit=3, directions=0)
    with pytest.raises(TypeError, match=r"write \(x,\)"):
        gradcheck(softmax_forward, softmax_backward, X)
    with pytest.raises(ValueError, match="arrays of floats"):
        gradcheck_function(np.exp, exp_gradient, (0.3,))
    with pytest.raises(ValueError, match="zero names"):
        gradcheck_sweep(softmax_forward, softmax_backward, (X,), zero=("nope",))
    with pytest.raises(TypeError, match=r"forward returns \(out, cache\)"):
        gradcheck_sweep(np.exp, exp_gradient, (X,))
