"""The catalogue's distillation losses: right as they stand, mistakes with their gradients."""

import numpy as np
import pytest

from minibert.check.mistakes import attention_losses, distillation
from minibert.check.mistakes.attention_losses import LOWEST
from minibert.distill import TinyBertSpec, tinybert_loss, uniform_map
from minibert.distill.projections import HIDDEN
from minibert.model import Encoded

from .proofs import assert_derivative, assert_right, each_call, each_forward_mistake

FORMULAS = attention_losses.FORMULAS + distillation.FORMULAS
OPS = {steps.op: steps for steps in FORMULAS}
# Where a padded key is -10000 on one side only, its square's rounding is all there is to see.
TOLERANCE = {"attention-loss-repo-only-student-cleaned": 1e-2}
NONE = np.zeros((1, 1, 1))  # of states that no loss looks at


def attention(mode, pad):
    """One layer's attention loss of the library, and its gradient."""
    spec = TinyBertSpec((1,), hidden=False, embedding=False, mode=mode, pad=pad)

    def both(student, teacher, keep=None):
        sides = (Encoded((NONE, NONE), (scores,), None) for scores in (student, teacher))
        loss, _, d, _ = tinybert_loss(*sides, keep, {}, spec)
        return loss, d.scores[0]

    return lambda *inputs: both(*inputs)[0], lambda *inputs: inputs[-1] * both(*inputs[:-1])[1]


def hidden(student, teacher, w):
    """One layer's hidden loss of the library, and its gradients."""
    spec = TinyBertSpec((1,), attention=False, embedding=False)
    sides = (Encoded((NONE, states), (), None) for states in (student, teacher))
    loss, _, d, d_proj = tinybert_loss(*sides, None, {HIDDEN: w}, spec)
    return loss, d.hidden[1], d_proj[HIDDEN]


LIBRARY = {
    "attention_loss": attention("paper", "all"),
    "attention_loss_exact": attention("paper", "exact"),
    "attention_loss_repo": attention("repo", "all"),
    "hidden_loss": (
        lambda *inputs: hidden(*inputs)[0],
        lambda *inputs: tuple(inputs[-1] * d for d in hidden(*inputs[:-1])[1:]),
    ),
    "uniform_map": (uniform_map,),
}


@each_call(FORMULAS)
def test_the_right_formula_is_the_library_s(steps, call):
    assert_right(steps, call, *LIBRARY[steps.op])


@each_forward_mistake(FORMULAS)
def test_the_gradient_is_that_of_the_mistaken_forward(steps, m):
    assert_derivative(steps, m, TOLERANCE.get(m.id, 1e-5))


@pytest.mark.parametrize("call", OPS["attention_loss_repo"].draw(), ids=lambda call: call.case)
def test_real_scores_are_low_on_either_side_alone_and_on_both(call):
    real = call.inputs["keep"][:, None, None, :]
    low = [(call.inputs[side] <= LOWEST) & real for side in ("student", "teacher")]
    assert (low[0] & ~low[1]).any()
    assert (low[1] & ~low[0]).any()
    assert (low[0] & low[1]).any()


def test_no_layer_lies_half_way():
    """Halves are rounded up by some and to even by others, and both are "rounded"."""
    for call in OPS["uniform_map"].draw():
        place = OPS["uniform_map"].values(call.inputs, ["place"])["place"]
        assert (np.abs(place % 1 - 0.5) > 1e-3).all()
