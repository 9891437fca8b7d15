"""WordPiece: longest match first, against a second way to say it."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minibert.text import wordpiece

SHORT = st.text(alphabet="abc", min_size=1, max_size=3)


def by_regular_expressions(word, vocab):
    """Alternatives sorted by length are what "longest first" means to `re`."""

    def alternatives(pieces):
        return re.compile(
            "|".join(sorted(map(re.escape, pieces), key=len, reverse=True)) or r"\b\B"
        )

    first = alternatives(p for p in vocab if not p.startswith("##"))
    later = alternatives(p[2:] for p in vocab if p.startswith("##"))
    pieces, at = [], 0
    while at < len(word):
        match = (later if at else first).match(word, at)
        if not match:
            return ["[UNK]"]
        pieces.append(("##" if at else "") + match.group())
        at = match.end()
    return pieces


@settings(deadline=None)
@given(st.sets(SHORT), st.sets(SHORT), st.text(alphabet="abcd", min_size=1, max_size=12))
def test_as_by_regular_expressions(first, later, word):
    vocab = first | {"##" + piece for piece in later}
    pieces = wordpiece(word, vocab)
    assert pieces == by_regular_expressions(word, vocab)
    if pieces != ["[UNK]"]:
        assert "".join(p.removeprefix("##") for p in pieces) == word
        assert all(p in vocab for p in pieces)


@pytest.mark.quick
def test_no_way_back_from_a_greedy_step():
    """ab ##c would do, but abc... is tried first and leads nowhere: BERT does not look back."""
    assert wordpiece("abcd", {"a", "##b", "##cd", "abc", "ab"}) == ["[UNK]"]


@pytest.mark.quick
def test_the_beginning_and_the_rest_have_different_pieces():
    assert wordpiece("aa", {"a"}) == ["[UNK]"]
    assert wordpiece("aa", {"##a"}) == ["[UNK]"]
    assert wordpiece("aa", {"a", "##a"}) == ["a", "##a"]


def test_limit_of_length():
    vocab = {"a", "##a"}
    assert len(wordpiece("a" * 100, vocab)) == 100
    assert wordpiece("a" * 101, vocab) == ["[UNK]"]
    assert wordpiece("aaa", vocab, max_chars=2, unknown="?") == ["?"]
