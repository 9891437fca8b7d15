import numpy as np

from minibert import ops
from minibert.check.mistakes.layers import FORMULAS

from .proofs import assert_right, each_call, each_forward_mistake
from .proportional import assert_proportional_derivative, plain


def pooler_forward(hidden, w, b):
    h, c_linear = ops.linear_forward(hidden[:, 0], w, b)
    pooled, c_tanh = ops.tanh_forward(h)
    return pooled, (hidden, c_linear, c_tanh)


def pooler_backward(dpooled, cache):
    hidden, c_linear, c_tanh = cache
    dfirst, dw, db = ops.linear_backward(ops.tanh_backward(dpooled, c_tanh), c_linear)
    dhidden = np.zeros_like(hidden)
    dhidden[:, 0] = dfirst
    return dhidden, dw, db


def dropout_forward(x, keep, rate):
    return ops.dropout_forward(x, ops.Drop(rate, masks={0: keep}))


LIBRARY = {
    "linear": plain(ops.linear_forward, ops.linear_backward),
    "dropout": plain(dropout_forward, ops.dropout_backward),
    "pooler": plain(pooler_forward, pooler_backward),
}


@each_call(FORMULAS)
def test_a_formula_is_the_librarys(steps, call):
    assert_right(steps, call, *LIBRARY[steps.op])


@each_forward_mistake(FORMULAS)
def test_a_mistakes_gradient_is_its_derivative(steps, m):
    assert_proportional_derivative(steps, m)
