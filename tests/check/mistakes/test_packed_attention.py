"""The catalogue's attention of packed sequences is the library's."""

import numpy as np

from minibert import ops
from minibert.check.mistakes.packed_attention import FORMULAS
from minibert.ops import Drop

from .proofs import assert_derivative, assert_right, each_call, each_forward_mistake


def forward(q, k, v, offsets, keep, rate):
    drop = Drop(rate, masks={0: keep})
    return ops.packed_attention_forward(q, k, v, offsets, drop=drop)


@each_call(FORMULAS)
def test_the_formula_is_the_librarys(steps, call):
    assert_right(
        steps, call, lambda *inputs: forward(*inputs)[0],
        lambda *inputs: ops.packed_attention_backward(inputs[-1], forward(*inputs[:-1])[1])[:3],
    )  # fmt: skip


@each_call(FORMULAS)
def test_without_dropout_too(steps, call):
    inputs = call.inputs | {"keep": np.ones_like(call.inputs["keep"]), "rate": 0.0}
    assert_right(
        steps, call._replace(inputs=inputs),
        lambda q, k, v, offsets, *_: ops.packed_attention_forward(q, k, v, offsets)[0],
        lambda *inputs: ops.packed_attention_backward(
            inputs[-1], ops.packed_attention_forward(*inputs[:4])[1]
        )[:3],
    )  # fmt: skip


@each_forward_mistake(FORMULAS)
def test_a_mistakes_gradient_is_its_derivative(steps, m):
    assert_derivative(steps, m)
