"""The catalogue's distances: right as they stand, mistakes with their gradients."""

from minibert import ops
from minibert.check.mistakes import contrastive, distances

from .proofs import assert_derivative, assert_right, each_call, each_forward_mistake

FORMULAS = distances.FORMULAS + contrastive.FORMULAS


def mse(a, b):
    return ops.mse_forward(a, b)[0]


def mse_gradient(a, b, dloss):
    return ops.mse_backward(dloss, ops.mse_forward(a, b)[1])


def cosine(a, b):
    return ops.cosine_forward(a, b)[0]


def cosine_gradient(a, b, dloss):
    return ops.cosine_backward(dloss, ops.cosine_forward(a, b)[1])


def info_nce(q, k, tau):
    return ops.info_nce_forward(q, k, tau=tau)[0]


def info_nce_gradient(q, k, tau, dloss):
    return ops.info_nce_backward(dloss, ops.info_nce_forward(q, k, tau=tau)[1])


LIBRARY = {
    "mse": (mse, mse_gradient),
    "cosine": (cosine, cosine_gradient),
    "info_nce": (info_nce, info_nce_gradient),
}


@each_call(FORMULAS)
def test_the_right_formula_is_the_library_s(steps, call):
    assert_right(steps, call, *LIBRARY[steps.op])


@each_forward_mistake(FORMULAS)
def test_the_gradient_is_that_of_the_mistaken_forward(steps, m):
    assert_derivative(steps, m)
