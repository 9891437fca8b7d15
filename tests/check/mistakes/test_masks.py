"""The catalogue's masked softmaxes are the library's."""

import pytest

from minibert import ops
from minibert.check import assert_close
from minibert.check.mistakes.masks import FORMULAS


def padded_softmax(scores, keep):
    return ops.softmax_forward(scores + ops.padding_bias(keep, scores.dtype))[0]


def causal_softmax(scores):
    return ops.softmax_forward(scores + ops.causal_bias(scores.shape[-1], scores.dtype))[0]


LIBRARY = {"padded_softmax": padded_softmax, "causal_softmax": causal_softmax}
CALLS = [(steps, call) for steps in FORMULAS for call in steps.draw()]


@pytest.mark.parametrize(
    ("steps", "call"), CALLS, ids=lambda x: getattr(x, "op", getattr(x, "case", None))
)
def test_the_right_formula_is_the_library_s(steps, call):
    (p,) = steps.run(call.inputs)
    assert_close(p, LIBRARY[steps.op](**call.inputs), name=steps.op, rtol=1e-12)


@pytest.mark.parametrize("call", FORMULAS[0].draw(), ids=lambda call: call.case)
def test_every_row_has_tokens_and_padding(call):
    keep = call.inputs["keep"]
    assert keep.any(1).all()
    assert not keep.all(1).any()
