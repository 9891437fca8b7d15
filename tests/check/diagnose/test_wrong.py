"""Wrong functions, as students write them: the true cause comes first."""

import pytest

from minibert.check.diagnose import diagnose

from . import held_out
from .wrong import EARLY, WRONG

ALL = (*WRONG, *held_out.WRONG)

GATES = {  # where a function of EARLY is to be stopped
    "linear_layer": "run",
    "layer_norm": "run",
    "attention_all_heads": "shape",
    "cross_entropy_rows": "shape",
    "relu": "inputs",
    "causal_attention_weights": "finite",
}


def named(wrong):
    return wrong.function.__name__


def diagnosed(wrong):
    return diagnose(wrong.op, **{wrong.part: wrong.function})


@pytest.mark.parametrize("wrong", ALL, ids=named)
def test_the_true_cause_comes_first(wrong):
    """Of two mistakes both do; and the report's first three lines say so."""
    found = diagnosed(wrong)
    assert not found
    assert found.gate == "values"
    lines = str(found).splitlines()
    assert lines[0].startswith(f"{wrong.op}: WRONG ({wrong.part}, values)")
    first = found.causes[: len(wrong.ids)]
    assert first[0].sentence in lines[2]
    assert {cause.id for cause in first} == set(wrong.ids)
    if len(first) == 2:
        assert {cause.also for cause in first} == set(wrong.ids)


@pytest.mark.parametrize("wrong", EARLY, ids=named)
def test_what_fails_before_its_numbers(wrong):
    found = diagnosed(wrong)
    assert not found
    assert found.gate == GATES[named(wrong)]
    assert not found.certain
    assert [cause.id for cause in found.causes[: len(wrong.ids)]] == list(wrong.ids)


def test_there_are_enough_of_them():
    assert len(ALL) >= 160
    assert sum(len(wrong.ids) == 2 for wrong in ALL) >= 20
    assert len({wrong.op for wrong in ALL}) >= 45
    assert all(len(wrong.ids) == len(wrong.truth) for wrong in ALL)
