"""The catalogue as a whole: every mistake can be told from the truth and from every other."""

import re
from itertools import combinations

import numpy as np
import pytest
from numpy.testing import assert_equal

from minibert.check.cases import FORMULAS
from minibert.check.diagnose.observed import distance, floors, named_arrays
from minibert.check.mistakes import MISTAKES, OPS, Steps, op_called

FAR = {"forward": 100 * 1e-9, "gradient": 100 * 1e-6}  # a hundred tolerances of float64
SINGLE = 1e-5  # the tolerance of float32
PARTS = [(op, part) for op, steps in OPS.items()
         for part in ("forward", "gradient") if steps.results(part)]  # fmt: skip
TRUTH = "truth"

# Mistakes that float32 hides: their numbers are nearer to the right ones than its rounding.
NOT_VISIBLE_IN_FLOAT32 = {"bert-adam-norm-as-it-is"}


def results(steps, part, call, changes=None):
    """The results of one call by name; None where the mistake's shapes do not fit together."""
    try:
        found = steps.run(call.inputs, part, changes)
    except (ValueError, IndexError):
        return None
    return named_arrays(found, [name for name, _ in steps.results(part)])


def apart(a, b, least):
    """How far a is from b, the largest over all calls; infinite where only one of them runs."""
    return max(
        0.0 if x is None and y is None else np.inf if x is None or y is None
        else distance(x, y, least)
        for x, y in zip(a, b, strict=True)
    )  # fmt: skip


def table(op, part):
    """(one, other, their distance) of the truth and all mistakes of a part."""
    steps = OPS[op]
    calls = steps.draw(1)
    runs = {TRUTH: [results(steps, part, call) for call in calls]}
    for m in steps.mistakes:
        if steps.fits(m, part):
            runs[m.id] = [results(steps, part, call, m.steps) for call in calls]
    least = floors(runs[TRUTH])
    return [
        (a, b, min(apart(runs[b], runs[a], least), np.inf if a == TRUTH else
                   apart(runs[a], runs[b], least)))
        for a, b in combinations(runs, 2)
    ]  # fmt: skip


@pytest.mark.parametrize(("op", "part"), PARTS)
def test_the_separation_table(op, part):
    """A hundred tolerances from the truth and from one another; codes in one entry at least."""
    close = [(a, b, f"{far:.1e}") for a, b, far in table(op, part) if not far >= FAR[part]]
    assert not close


def test_what_float32_hides_is_listed():
    hidden = {
        b for op, part in PARTS for a, b, far in table(op, part)
        if a == TRUTH and far < SINGLE
    }  # fmt: skip
    assert hidden == NOT_VISIBLE_IN_FLOAT32


@pytest.mark.parametrize(("op", "part"), PARTS)
def test_the_table_is_not_of_one_seed(op, part):
    """With other inputs a mistake is a mistake, too."""
    steps = OPS[op]
    calls = steps.draw(2)
    right = [results(steps, part, call) for call in calls]
    for m in steps.mistakes:
        if steps.fits(m, part):
            wrong = [results(steps, part, call, m.steps) for call in calls]
            assert apart(wrong, right, floors(right)) > 0, m.id


@pytest.mark.parametrize("op", OPS)
def test_nothing_is_changed_by_running(op):
    steps = OPS[op]
    for part in ("forward", "gradient"):
        for call, again in zip(steps.draw(3), steps.draw(3), strict=True):
            if steps.results(part):
                steps.run(call.inputs, part)
            for name, x in call.inputs.items():
                assert_equal(x, again.inputs[name])


def test_there_are_enough():
    assert len(MISTAKES) > 800  # as README and CHANGELOG say
    assert len(OPS) == 50
    assert len(MISTAKES) == sum(len(steps.mistakes) for steps in OPS.values())


FAMILIES = {  # what the catalogue is to cover, and an op of each
    "ops": "attention", "losses": "cross_entropy", "distillation": "attention_loss_repo",
    "optimizers": "adamw", "schedules": "linear_schedule", "quantizers": "quantize_affine",
    "pruning": "magnitude_mask", "embedding": "embedding", "masks": "causal_softmax",
    "tokenizer": "wordpiece",
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_there(family):
    assert len(OPS[FAMILIES[family]].mistakes) >= 5


@pytest.mark.parametrize("m", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_well_formed(m):
    steps = next(s for s in OPS.values() if m in s.mistakes)
    assert re.fullmatch(r"[a-z0-9-]+", m.id)
    assert m.id.startswith(steps.op.replace("_", "-") + "-")
    assert m.sentence.endswith(".")
    assert len(m.sentence) <= 110
    assert m.lesson.endswith((".", ")", "?"))
    assert m.steps
    assert m.steps.keys() <= steps.functions.keys()
    parts = [part for part in ("forward", "gradient") if steps.results(part)]
    assert any(steps.fits(m, part) for part in parts)
    if m.id.removeprefix(steps.op.replace("_", "-") + "-").startswith("gradient-"):
        assert not steps.fits(m, "forward")


@pytest.mark.parametrize("op", OPS)
def test_an_op_is_well_formed(op):
    steps = OPS[op]
    assert isinstance(steps, Steps)
    assert steps.formula in {formula.id for formula in FORMULAS}
    used = set.union(*(steps.needed(part) for part in ("forward", "gradient")))
    assert used == set(steps.functions)  # no step that leads nowhere
    assert {name for name, _ in steps.results("forward")} <= set(steps.functions)
    calls = steps.draw()
    assert len({call.case for call in calls}) == len(calls)
    for call in calls:
        for name, axes in steps.inputs:
            value = call.inputs[name]
            assert axes is None or isinstance(value, dict) or np.ndim(value) == len(axes)


def test_an_op_is_found_by_its_name():
    assert op_called("cross-entropy") is OPS["cross_entropy"]
    with pytest.raises(ValueError, match="did you mean 'attention'"):
        op_called("atention")
