"""`trace`: mistakes beside the ten usual ones that it knows as well."""


import numpy as np
import pytest
from model.small import batch

from minibert import kernels as F
from minibert.check import trace

from .broken import dump, like
from .test_trace_causes import small


def _no_bias(m):
    name = "bert.encoder.layer.1.attention.self.value.bias"
    return like(m, **{name: np.zeros_like(m.params[name])})


def _segments_exchanged(m):
    return dump(m, segments=1 - batch(m.config, rows=3)[1])


def _mask_inverted(m):
    return dump(m, keep=~batch(m.config, rows=3)[2])


def _attention(change):
    """The attention's bias is changed."""
    forward = F.attention_forward

    def make(m):
        keep = batch(m.config, rows=3)[2]

        def other(q, k, v, bias, **others):
            return forward(q, k, v, change(bias, keep), **others)

        with F.swap(attention=(other, None)):
            return dump(m)

    return make


def _activation(f):
    def make(m):
        with F.swap(gelu=(lambda x: (f(x), None), None)):
            return dump(m)

    return make


@pytest.mark.parametrize(("broken", "cause", "words"), [
    (_no_bias, "no-bias", "bias of encoder.layer.1.attention.self.value"),
    (_segments_exchanged, "other-segments", "other way round"),
    (_mask_inverted, "other-mask", "only padding is attended to"),
    (_attention(lambda b, keep: keep[:, None, None] * 1.0), "other-mask", "as the numbers 1 and 0"),
    (_attention(lambda b, keep: b.swapaxes(-1, -2)), "other-mask", "hides queries, not keys"),
    (_activation(lambda x: np.maximum(x, 0)), "other-gelu", "is relu"),
    (_activation(lambda x: x / (1 + np.exp(-1.702 * x))), "other-gelu", "sigmoid(1.702 x)"),
], ids=lambda v: v if isinstance(v, str) else "")  # fmt: skip
def test_relatives_of_the_usual_mistakes(broken, cause, words):
    m = small()
    found = trace(m, broken(m))
    assert found.causes[0].cause == cause, str(found)
    assert words in found.causes[0].says
    assert found.causes[0].next is None


def test_scores_that_are_not_scaled():
    m = small()
    found = dump(m, only=lambda n: n.endswith("query") or n.endswith("scores"))
    for i in range(4):
        found[f"encoder.layer.{i}.attention.self.scores"] *= np.float32(5**0.5)
    said = trace(m, found)
    assert "not divided by sqrt(K) = sqrt(5)" in said.causes[0].says
