"""Exact match and F1 of answers, counted by hand."""

import random
import re
import string

import pytest

from minibert.eval import answer_f1, exact_match
from minibert.eval.answers import answer_words


@pytest.mark.quick
@pytest.mark.parametrize(
    ("answer", "references", "match", "f1"),
    [
        ("in Paris", ["Paris"], 0, 2 / 3),
        ("The  PARIS!", ["paris"], 1, 1),
        ("Paris in", ["in Paris"], 0, 1),  # the order counts for the match only
        ("no no no", ["no yes"], 0, 2 / 5),  # a word as often as in the one where it is rarer
        ("red", ["blue", "dark red", "red wine glass"], 0, 2 / 3),
        ("三国演义书", ["西游记", "三国演义"], 0, 8 / 9),
        ("《红楼梦》", ["红楼梦"], 1, 1),
        ("", [], 1, 1),
        ("", [""], 1, 1),
        ("Paris", [], 0, 0),
        ("", ["Paris"], 0, 0),
        ("the", [""], 1, 1),
    ],
)
def test_scores(answer, references, match, f1):
    assert exact_match(answer, references) == match
    assert answer_f1(answer, references) == pytest.approx(f1)


def test_words():
    assert answer_words("An $1,000 “offer”") == ["1000", "offer"]
    assert answer_words("theory of an anthem") == ["theory", "of", "anthem"]
    assert answer_words("2008年8月") == ["2008", "年", "8", "月"]


def test_words_of_ascii_by_patterns():
    """As SQuAD defines them: lower case, punctuation out, then whole-word articles out."""
    rng = random.Random(0)
    pieces = ["the", "The", "a", "an", "AN", "theory", "U.S.", "1,000", "'s", *string.printable]
    for _ in range(500):
        text = "".join(rng.choices([*pieces, " ", " ", " "], k=rng.randint(0, 30)))
        bare = re.sub(f"[{re.escape(string.punctuation)}]", "", text.lower())
        assert answer_words(text) == re.sub(r"\b(a|an|the)\b", " ", bare).split()


@pytest.mark.parametrize("score", [exact_match, answer_f1])
def test_a_string_is_no_list(score):
    with pytest.raises(TypeError, match="give a list"):
        score("a", "answer")
