"""The catalogue's cross-entropies: right as they stand, mistakes with their gradients."""

import numpy as np

from minibert import ops
from minibert.check.mistakes.cross_entropy import FORMULAS, IGNORED

from .proofs import assert_derivative, assert_right, each_call, each_forward_mistake


def cross_entropy(logits, labels, smoothing=0.0):
    return ops.softmax_cross_entropy_forward(logits, labels, smoothing=smoothing)[0]


def cross_entropy_gradient(logits, labels, dloss):
    return smoothed_cross_entropy_gradient(logits, labels, 0.0, dloss)


def smoothed_cross_entropy_gradient(logits, labels, smoothing, dloss):
    _, cache = ops.softmax_cross_entropy_forward(logits, labels, smoothing=smoothing)
    return ops.softmax_cross_entropy_backward(dloss, cache)


LIBRARY = {
    "cross_entropy": (cross_entropy, cross_entropy_gradient),
    "masked_cross_entropy": (cross_entropy, cross_entropy_gradient),
    "smoothed_cross_entropy": (cross_entropy, smoothed_cross_entropy_gradient),
}


@each_call(FORMULAS)
def test_the_right_formula_is_the_library_s(steps, call):
    assert_right(steps, call, *LIBRARY[steps.op])


@each_forward_mistake(FORMULAS)
def test_the_gradient_is_that_of_the_mistaken_forward(steps, m):
    assert_derivative(steps, m)


def test_labels_hit_every_special_case():
    steps = {steps.op: steps for steps in FORMULAS}
    for call in steps["masked_cross_entropy"].draw():
        labels, C = call.inputs["labels"], call.inputs["logits"].shape[-1]
        assert {IGNORED, 0, C - 1} <= set(labels.flat)
        counts = (labels != IGNORED).sum(1)
        assert counts.all()
        assert len(set(counts)) > 1
        assert -C <= IGNORED  # it is an index, and no error
    for call in steps["cross_entropy"].draw():
        assert not (call.inputs["labels"] == np.arange(len(call.inputs["labels"]))).any()
