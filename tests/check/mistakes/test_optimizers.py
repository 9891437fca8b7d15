"""Optimizers and clipping: the right formulas are the library's."""

import pytest

from minibert.check.compare import assert_close
from minibert.check.mistakes import clipping, optimizers
from minibert.check.structure import leaves
from minibert.train import adamw_formula, bert_adam_formula, clip_global

FORMULAS = optimizers.FORMULAS + clipping.FORMULAS

LIBRARY = {
    "adamw": adamw_formula,
    "bert_adam": bert_adam_formula,
    "clip_global": lambda grads, max_norm: clip_global(grads, max_norm)[:1],
}


@pytest.mark.parametrize("steps", FORMULAS, ids=lambda steps: steps.op)
def test_right_formulas_are_the_librarys(steps):
    for case, inputs in steps.draw():
        expected = leaves(LIBRARY[steps.op](**inputs), case)
        got = leaves(steps.run(inputs), case)
        assert got.keys() == expected.keys()
        for name, array in got.items():
            assert_close(array, expected[name], name=name, rtol=1e-12)
