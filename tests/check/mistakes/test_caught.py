"""The tests are tested: each mistake of the catalogue is swapped in, and its op's tests must fail.

A check that passes everything proves nothing. The right formula passes the very same calls, so that
it is the mistake that fails.
"""

import pytest

from minibert.check.mistakes import OPS

from .swapped import PLACES, TESTS, check_golden, check_op, check_tests

FAILURES = AssertionError, ValueError, IndexError, KeyError  # shapes that do not fit; no such piece
# An op with a gradient has all of tests/ops/checks.py; of the others some have tests of their own.
CHECKS = {op: [check_op if place.is_pair else check_golden] for op, place in PLACES.items()}
CHECKS |= {op: [*CHECKS[op], check_tests] for op in TESTS}
# Neither the golden files nor the loop form on other inputs tell these from the right one.
NOT_IN_THE_GOLDEN_FILES = {
    "basic-tokenize-empty-words",
    "basic-tokenize-plain-spaces-only",
    "bert-adam-not-capped",
    "clip-global-not-capped",
    "clip-global-shortened-to-one",
    "encode-pair-padded-with-zero",
    "f1-macro-classes-of-predictions",
}
ALL = [(op, m) for op, steps in OPS.items() for m in steps.mistakes]
BACKWARD = [(op, m) for op, m in ALL if OPS[op].gradient and OPS[op].fits(m, "gradient")]


def each(mistakes):
    ids = [mistake.id for _, mistake in mistakes]
    return pytest.mark.parametrize(("op", "mistake"), mistakes, ids=ids)


def fails(check, op, *wrong):
    try:
        check(op, *wrong)
    except FAILURES:
        return True
    return False


@each(ALL)
def test_a_mistake_is_caught(op, mistake):
    assert any(fails(check, op, mistake.steps) for check in CHECKS[op])


@each(BACKWARD)
def test_a_mistake_in_the_backward_alone_is_caught(op, mistake):
    assert any(fails(check, op, mistake.steps, "gradient") for check in CHECKS[op])


@each(ALL)
def test_the_golden_files_alone_catch_a_mistake(op, mistake):
    caught = mistake.id not in NOT_IN_THE_GOLDEN_FILES
    assert fails(check_golden, op, mistake.steps) == caught


@pytest.mark.parametrize("op", OPS)
def test_the_right_formula_passes_the_very_same_calls(op):
    for check in {check_golden, *CHECKS[op]}:
        check(op)


@pytest.mark.parametrize("op", OPS)
def test_every_case_that_is_named_is_there(op):
    place = PLACES[op]
    assert len(place.cases(op)) == len(place.modes.split()) > 0
