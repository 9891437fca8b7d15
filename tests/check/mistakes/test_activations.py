from minibert import ops
from minibert.check.mistakes import activations, gelu

from .proofs import assert_right, each_call, each_forward_mistake
from .proportional import assert_proportional_derivative, plain

FORMULAS = (*gelu.FORMULAS, *activations.FORMULAS)
LIBRARY = {
    "gelu": plain(ops.gelu_forward, ops.gelu_backward),
    "gelu_tanh": plain(ops.gelu_tanh_forward, ops.gelu_tanh_backward),
    "tanh": plain(ops.tanh_forward, ops.tanh_backward),
    "relu": plain(ops.relu_forward, ops.relu_backward),
}


@each_call(FORMULAS)
def test_a_formula_is_the_librarys(steps, call):
    assert_right(steps, call, *LIBRARY[steps.op])


@each_forward_mistake(FORMULAS)
def test_a_mistakes_gradient_is_its_derivative(steps, m):
    assert_proportional_derivative(steps, m)
