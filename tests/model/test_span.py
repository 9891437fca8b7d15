"""The answer of a question from its logits, against every pair of places one by one."""

import numpy as np
import pytest

from minibert.check import spec
from minibert.model import Span, best_span

pytestmark = pytest.mark.quick

CONTEXT = np.array([False, False, True, True, True, True, False])


def draw(seed, W, L):
    """Whole-numbered logits, so that ties happen, and a context with a gap."""
    rng = np.random.default_rng(seed)
    start, end = rng.integers(-4, 5, (2, W, L)).astype(np.float32)
    context = rng.random((W, L)) < 0.6
    context[:, 0] = False
    return start, end, context


@pytest.mark.parametrize("seed", range(40))
def test_against_the_loops(seed):
    rng = np.random.default_rng(seed)
    W, L, max_answer = (int(n) for n in rng.integers(1, 8, 3))
    start, end, context = draw(seed, W, L)
    for threshold in (-3.0, 0.0, 2.0, np.inf):
        found = best_span(start, end, context, max_answer=max_answer, threshold=threshold)
        assert found == spec.best_span(start, end, context, max_answer, threshold)


def logits(**places):
    start = np.zeros(7)
    for place, value in places.items():
        start[int(place[1:])] = value
    return start


def test_the_end_is_not_before_the_start():
    found = best_span(logits(p4=5), logits(p2=5, p5=1), CONTEXT)
    assert found == Span(4, 5, 6.0, -6.0, 0)


def test_an_answer_is_not_longer_than_allowed():
    start, end = logits(p2=5), logits(p5=5, p3=1)
    assert best_span(start, end, CONTEXT, max_answer=4)[:3] == (2, 5, 10.0)
    assert best_span(start, end, CONTEXT, max_answer=3)[:3] == (2, 3, 6.0)
    assert best_span(start, end, CONTEXT, max_answer=1)[:3] == (2, 2, 5.0)


def test_the_question_has_no_answers():
    assert best_span(logits(p1=9, p2=1), logits(p1=9, p6=9, p3=1), CONTEXT)[:3] == (2, 3, 2.0)


def test_no_answer_is_a_matter_of_the_threshold():
    """null = 7, the best span 6."""
    start, end = logits(p0=4, p2=3), logits(p0=3, p3=3)
    assert best_span(start, end, CONTEXT) == Span(0, 0, 7.0, 1.0, 0)
    assert best_span(start, end, CONTEXT, threshold=0.5).start == 0
    for threshold in (1.0, 1.5, np.inf):  # above it, not at it
        assert best_span(start, end, CONTEXT, threshold=threshold) == Span(2, 3, 6.0, 1.0, 0)


def test_windows_of_one_question():
    """The best span of all; null is the smallest, here that of the window with the answer."""
    start = np.stack([logits(p0=9), logits(p2=3), logits(p0=8, p3=1)])
    end = np.stack([logits(p0=9), logits(p3=3), logits(p0=8, p3=1)])
    assert best_span(start, end, np.stack([CONTEXT] * 3)) == Span(2, 3, 6.0, -6.0, 1)


def test_no_context_is_no_answer():
    nowhere = np.zeros(7, bool)
    assert best_span(logits(p2=3), logits(), nowhere, threshold=np.inf) == Span(
        0, 0, 0.0, np.inf, 0)


@pytest.mark.parametrize(("change", "message"), [
    ({"start_logits": np.zeros(6)}, r"start_logits is \(1, 6\), end_logits \(1, 7\), context"),
    ({"context": np.stack([CONTEXT] * 2)}, r"context \(2, 7\); wanted three times"),
    ({"start_logits": np.zeros((2, 1, 7))}, r"start_logits is \(2, 1, 7\)"),
    ({"context": CONTEXT.astype(int)}, "context is int64; wanted bool"),
    ({"context": ~CONTEXT}, "False at place 0"),
    ({"end_logits": logits(p3=np.nan)}, "NaN"),
    ({"max_answer": 0}, "max_answer is 0"),
    ({"max_answer": 2.5}, "max_answer is 2.5"),
    ({"max_answer": True}, "max_answer is True"),
    ({"threshold": np.nan}, "threshold is nan; it is a number"),
    ({"threshold": None}, "threshold is None"),
    ({"threshold": "0"}, "threshold is '0'"),
    ({"threshold": False}, "threshold is False"),
])
def test_refused(change, message):
    arguments = {"start_logits": logits(), "end_logits": logits(), "context": CONTEXT} | change
    with pytest.raises(ValueError, match=message):
        best_span(**arguments)
