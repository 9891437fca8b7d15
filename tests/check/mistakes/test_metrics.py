"""The catalogue's metrics are the library's."""

import pytest

from minibert.check import assert_close
from minibert.check.mistakes.metrics import FORMULAS
from minibert.eval import f1, matthews


def f1_macro(predicted, labels):
    return f1(predicted, labels, average="macro")


LIBRARY = {"matthews": matthews, "f1_macro": f1_macro}
CALLS = [(steps, call) for steps in FORMULAS for call in steps.draw()]


@pytest.mark.parametrize(
    ("steps", "call"), CALLS, ids=lambda x: getattr(x, "op", getattr(x, "case", None))
)
def test_the_right_formula_is_the_library_s(steps, call):
    (number,) = steps.run(call.inputs)
    assert_close(number, LIBRARY[steps.op](**call.inputs), name=steps.op, rtol=1e-12)
