"""What holds for every op of the table: its loop form, its gradient, dtype, purity, shapes."""

import numpy as np
import pytest

from minibert import ops
from minibert.check.cases import OP_CASES, PRIMES, SQUARE

from . import checks

QUICK = pytest.mark.quick
SIZES = pytest.mark.parametrize(
    "z", [pytest.param(PRIMES, id="primes", marks=QUICK), pytest.param(SQUARE, id="square")]
)
DTYPES = pytest.mark.parametrize("dtype", [np.float64, np.float32])


def needs(field):
    """Only the cases that have this: a loop form, or a gradient that is the derivative."""

    def mark(test):
        test.needs = field
        return test

    return mark


@SIZES
@needs("forward")
def test_forward_is_the_loop_form(impl, case, z):
    checks.check_forward(impl(case.op), case, z, rtol=impl.rtol)


@needs("forward")
def test_float32_forward_is_the_loop_form(impl, case):
    checks.check_forward(impl(case.op), case, dtype=np.float32)


@SIZES
@needs("backward")
def test_backward_is_the_loop_form(impl, case, z):
    checks.check_backward(impl(case.op), case, z, rtol=impl.rtol)


@needs("backward")
def test_float32_backward_is_the_loop_form(impl, case):
    checks.check_backward(impl(case.op), case, dtype=np.float32)


@SIZES
@needs("exact")
def test_gradient_is_the_derivative(impl, case, z):
    checks.check_gradient(impl(case.op), case, z)


@QUICK
@DTYPES
def test_dtype_in_is_dtype_out(impl, case, dtype):
    checks.check_dtype(impl(case.op), case, dtype)


@QUICK
def test_nothing_given_is_changed(impl, case):
    checks.check_purity(impl(case.op), case)


@SIZES
def test_gradients_have_their_inputs_shapes(impl, case, z):
    checks.check_shapes(impl(case.op), case, z)


def test_strided_inputs_give_the_same_numbers(impl, case):
    checks.check_strided(impl(case.op), case, rtol=impl.rtol or 1e-12)


@QUICK
def test_every_op_with_a_gradient_is_in_the_table():
    missing = {n.removesuffix("_backward") for n in dir(ops) if n.endswith("_backward")}
    missing -= {case.op for case in OP_CASES}
    assert not missing, f"add rows to minibert/check/cases for {sorted(missing)}"
