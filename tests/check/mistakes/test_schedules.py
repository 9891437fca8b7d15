"""Schedules: the right formulas are the library's."""

import pytest

from minibert.check.mistakes.schedules import FORMULAS
from minibert.train import bert_linear, cosine, linear

LIBRARY = {"linear_schedule": linear, "cosine_schedule": cosine, "bert_schedule": bert_linear}


@pytest.mark.parametrize("steps", FORMULAS, ids=lambda steps: steps.op)
def test_right_formulas_are_the_librarys(steps):
    for case, inputs in steps.draw():
        expected = LIBRARY[steps.op](**inputs)
        assert steps.run(inputs) == (pytest.approx(expected, rel=1e-12, abs=1e-15),), case
