"""Right functions that are written unusually: none is accused of anything."""

import pytest

from minibert import ops
from minibert.check.diagnose import diagnose
from minibert.check.mistakes import OPS

from . import held_out
from .unusual import UNUSUAL


@pytest.mark.parametrize("right", [*UNUSUAL, *held_out.RIGHT], ids=lambda u: f"{u.op}-{u.about}")
def test_a_right_function_is_accused_of_nothing(right):
    found = diagnose(right.op, right.forward, gradient=right.gradient)
    assert found.ok, str(found)
    assert not found.causes
    assert not found.certain
    assert not found.gate
    assert str(found).startswith(f"{right.op}: right")


PAIRS = {  # the library's own, with their caches
    "linear": "linear", "layernorm": "layernorm", "gelu": "gelu", "gelu_tanh": "gelu_tanh",
    "tanh": "tanh", "relu": "relu", "softmax": "softmax", "log_softmax": "log_softmax",
    "attention": "attention", "linear_gelu": "linear_gelu",
    "linear_add_layernorm": "linear_add_layernorm", "cross_entropy": "softmax_cross_entropy",
    "masked_cross_entropy": "softmax_cross_entropy", "mse": "mse", "cosine": "cosine",
    "embedding": "embedding",
}  # fmt: skip


@pytest.mark.parametrize("op", PAIRS)
def test_the_librarys_own_pair_is_right(op):
    forward, backward = (getattr(ops, f"{PAIRS[op]}_{part}") for part in ("forward", "backward"))
    found = diagnose(op, forward, gradient=backward)
    assert found.ok, str(found)
    assert found.part == "forward and gradient"


def test_every_op_has_one():
    assert {right.op for right in UNUSUAL if right.forward} == set(OPS)
    assert sum(right.gradient is not None for right in UNUSUAL) >= 20
    assert len(UNUSUAL) >= 40
