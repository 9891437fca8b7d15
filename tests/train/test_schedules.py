"""Schedule values at their corners, and the two conventions against each other."""

import math

import pytest

from minibert.train import bert_linear, constant, cosine, linear, make_schedule

pytestmark = pytest.mark.quick


@pytest.mark.parametrize("f", [constant, linear, cosine])
def test_warm_up_starts_at_zero_and_ends_at_one(f):
    assert [f(step, 20, 4) for step in range(5)] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert f(0, 20, 0) == 1.0


def test_after_the_warm_up():
    assert [constant(step, 20, 4) for step in (5, 20, 99)] == [1.0, 1.0, 1.0]
    assert [linear(step, 20, 4) for step in (8, 12, 19, 20, 99)] == [0.75, 0.5, 1 / 16, 0.0, 0.0]
    expected = [(1 + math.cos(math.pi * r)) / 2 for r in (0.25, 0.5, 15 / 16, 1.0, 1.0)]
    assert [cosine(step, 20, 4) for step in (8, 12, 19, 20, 99)] == pytest.approx(expected, abs=0)


def test_a_warm_up_as_long_as_the_run():
    assert [linear(step, 3, 3) for step in range(4)] == pytest.approx([0, 1 / 3, 2 / 3, 0])


@pytest.mark.parametrize(("total", "w"), [(20, 0.1), (7, 0.1), (13, 0.3), (1000, 0.0333), (3, 0.1)])
def test_a_fraction_is_bert_adams_convention(total, w):
    f = make_schedule("linear", total, warmup=w)
    for step in range(total + 2):
        assert f(step) == pytest.approx(bert_linear(step, total, w), abs=1e-14)


def test_bert_linear_at_its_corners():
    assert bert_linear(0, 10, 0.1) == 0.0
    assert bert_linear(1, 10, 0.1) == 1.0
    assert bert_linear(10, 10, 0.1) == bert_linear(11, 10, 0.1) == 0.0


def test_conventions_differ_where_the_warm_up_is_no_whole_step():
    f, g = make_schedule("linear", 15, warmup=0.1), make_schedule("linear", 15, warmup_steps=1)
    assert f(1) == pytest.approx(1 / 1.5)
    assert g(1) == 1.0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (dict(name="lineer", total_steps=9), "'lineer'.*constant, linear, cosine"),
        (dict(name="linear"), "total_steps"),
        (dict(name="constant", warmup=0.1), "total_steps"),
        (dict(name="linear", total_steps=0), "total_steps: got 0"),
        (dict(name="linear", total_steps=9, warmup=3), "warmup_steps"),
        (dict(name="linear", total_steps=9, warmup=0.1, warmup_steps=1), "not both"),
        (dict(name="cosine", total_steps=9, warmup_steps=10), "warmup_steps: got 10"),
    ],
)
def test_bad_arguments_are_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        make_schedule(**arguments)


def test_constant_needs_no_total():
    assert make_schedule("constant")(10**6) == 1.0
    assert make_schedule("constant", warmup_steps=4)(2) == 0.5
