"""The catalogue's losses to a teacher: right as they stand, mistakes with their gradients."""

from functools import partial

from minibert import ops
from minibert.check.mistakes.soft_losses import FORMULAS

from .proofs import assert_derivative, assert_right, each_call, each_forward_mistake


def soft_cross_entropy(student, teacher, tau, mean):
    return ops.soft_cross_entropy_forward(student, teacher, tau=tau, mean=mean)[0]


def soft_cross_entropy_gradient(student, teacher, tau, dloss, mean):
    _, cache = ops.soft_cross_entropy_forward(student, teacher, tau=tau, mean=mean)
    return ops.soft_cross_entropy_backward(dloss, cache)


def kl(student, teacher, tau):
    return ops.kl_forward(student, teacher, tau=tau)[0]


def kl_gradient(student, teacher, tau, dloss):
    return ops.kl_backward(dloss, ops.kl_forward(student, teacher, tau=tau)[1])


SOFT = soft_cross_entropy, soft_cross_entropy_gradient
LIBRARY = {
    "soft_cross_entropy": [partial(f, mean="batch") for f in SOFT],
    "soft_cross_entropy_repo": [partial(f, mean="all") for f in SOFT],
    "kl": [kl, kl_gradient],
}


@each_call(FORMULAS)
def test_the_right_formula_is_the_library_s(steps, call):
    assert_right(steps, call, *LIBRARY[steps.op])


@each_forward_mistake(FORMULAS)
def test_the_gradient_is_that_of_the_mistaken_forward(steps, m):
    assert_derivative(steps, m)
