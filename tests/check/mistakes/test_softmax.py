from minibert import ops
from minibert.check.mistakes.softmax import FORMULAS

from .proofs import assert_right, each_call, each_forward_mistake
from .proportional import assert_proportional_derivative, plain

LIBRARY = {
    "softmax": plain(ops.softmax_forward, ops.softmax_backward),
    "log_softmax": plain(ops.log_softmax_forward, ops.log_softmax_backward),
}


@each_call(FORMULAS)
def test_a_formula_is_the_librarys(steps, call):
    assert_right(steps, call, *LIBRARY[steps.op])


@each_forward_mistake(FORMULAS)
def test_a_mistakes_gradient_is_its_derivative(steps, m):
    assert_proportional_derivative(steps, m)
