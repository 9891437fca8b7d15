r"""The pieces of a text: special tokens found, words split off, words spelled in WordPiece.

In plain words, ``[wordpiece(word, pieces) for word in basic_tokenize(text)]``. `PieceFinder.ids`,
the way nearly every text goes, does just this, with the pieces of each word remembered.
`PieceFinder.trace` finds the same pieces and in addition, at several times the cost, where each one
comes from.

Cleaning, accents and casing change a text's length. But each character becomes none, one or
several without a look at its neighbours, so whoever notes for each character of the result which
one it came from, its owner, knows the place of every word. (Marks that are sorted afterwards trade
places, not owners.)

A text is a string, or a list of words that somebody else has found (one per label, say). Such a
word may fall into several of BERT's words; it counts as one all the same.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import NamedTuple

from minibert.text.added import word_pieces
from minibert.text.basic import char_table, spaced_words
from minibert.text.remembered import Remembered
from minibert.text.wordpiece import CONTINUES, wordpiece

_WORD = re.compile(r"\S+")


class Pieces(NamedTuple):
    """The pieces of one text, and where they come from.

    Attributes
    ----------
    ids : list of int
    offsets : list of (int, int)
        First and last + 1 character of the text; of its own word, if the words were given.
    words : list of int
        The number of the word: of BERT's, or of those given.
    """

    ids: list[int]
    offsets: list[tuple[int, int]]
    words: list[int]


class PieceFinder:
    """Find the pieces of texts.

    Parameters
    ----------
    tokens : list of str
        The vocabulary; the place in the list is the id.
    special : list of str
        Tokens that are found in a text wherever they stand, written exactly so. Of two that
        begin at the same place the longer one is taken.
    added : dict of str to list of str
        `added_tokens` are found so too; but `normalized_tokens`, of both kinds, are found
        afterwards, in the text as the rules leave it.
    rules : dict
        `do_lower_case`, `strip_accents`, `tokenize_chinese_chars`.

    Attributes
    ----------
    pieces : dict of str to int
        The tokens that words are spelled with.
    """

    def __init__(self, tokens: list[str], special: list[str], added: dict, rules: dict):
        self.tokens, self.rules = tokens, rules
        self.pieces = word_pieces(tokens, added["added_tokens"])
        vocab = {token: i for i, token in enumerate(tokens)}
        normalized = [t for t in added["normalized_tokens"] if t in vocab]
        found = [*special, *added["added_tokens"]]
        self._exact = {t: vocab[t] for t in found if t not in normalized}
        # Of two that the rules make the same the first counts; one may come to nothing.
        spaced = [(spaced_words(t, **rules), vocab[t]) for t in reversed(normalized)]
        self._normalized = {words: i for words, i in spaced if words.strip()}
        self._find_exact, self._find_normalized = _any_of(self._exact), _any_of(self._normalized)
        self._of_word = Remembered(partial(_ids_of_word, self.pieces))

    def ids(self, text: str | list[str]) -> list[int]:
        """The ids of `text`, no special tokens added."""
        if not isinstance(text, str):
            return list(chain.from_iterable(map(self.ids, text)))
        ids = []
        for _, part, is_token in _split(self._find_exact, text):
            if is_token:
                ids.append(self._exact[part])
                continue
            spaced = spaced_words(part, **self.rules)
            for _, words, is_token in _split(self._find_normalized, spaced):
                if is_token:
                    ids.append(self._normalized[words])
                else:
                    ids += chain.from_iterable(map(self._of_word.__getitem__, words.split()))
        return ids

    def trace(self, text: str | list[str]) -> Pieces:
        """The ids of `text` with their offsets and words."""
        found = Pieces([], [], [])
        given = not isinstance(text, str)
        for n_given, string in enumerate(text if given else [text]):
            for n_word, (ids, owners) in enumerate(self._spelled(string)):
                found.ids.extend(ids)
                found.offsets.extend(self._offsets(ids, owners))
                found.words.extend([n_given if given else n_word] * len(ids))
        return found

    def _spelled(self, text: str) -> Iterator[tuple[Sequence[int], Sequence[int]]]:
        """The ids of every word, and for each of its characters the place in `text`."""
        for start, part, is_token in _split(self._find_exact, text):
            if is_token:
                yield (self._exact[part],), range(start, start + len(part))
                continue
            owners = [start + i for i in owners_of(part, **self.rules)]
            spaced = spaced_words(part, **self.rules)
            for at, words, is_token in _split(self._find_normalized, spaced):
                if is_token:
                    yield (self._normalized[words],), owners[at : at + len(words)]
                    continue
                for word in _WORD.finditer(words):
                    yield self._of_word[word[0]], owners[at + word.start() : at + word.end()]

    def _offsets(self, ids, owners) -> Iterator[tuple[int, int]]:
        """Share a word's characters out among its pieces; an [UNK] has all of them."""
        begin = 0
        for i in ids:
            mark = len(CONTINUES) if begin else 0
            end = begin + len(self.tokens[i]) - mark if len(ids) > 1 else len(owners)
            yield owners[begin], owners[end - 1] + 1
            begin = end


def _ids_of_word(pieces: dict[str, int], word: str) -> tuple[int, ...]:
    """The ids of one word's pieces."""
    return tuple([pieces[piece] for piece in wordpiece(word, pieces)])


def owners_of(text: str, **rules) -> list[int]:
    r"""For each character of ``spaced_words(text, **rules)`` the one of `text` that it came from.

    Examples
    --------
    >>> spaced_words("\x00Ça 天"), owners_of("\x00Ça 天")
    ('ca  天 ', [1, 2, 3, 4, 4, 4])
    """
    table = char_table(**rules)
    return [i for i, char in enumerate(text) for _ in table[ord(char)]]


def _any_of(strings: Iterable[str]) -> re.Pattern | None:
    """A pattern that matches any of some strings, the longest first; None if there are none."""
    longest_first = sorted(strings, key=len, reverse=True)
    either = "|".join(map(re.escape, longest_first))
    return re.compile(f"({either})") if either else None


def _split(pattern: re.Pattern | None, text: str) -> Iterator[tuple[int, str, bool]]:
    """The parts of a text: where each begins, the part, whether it is a match of `pattern`."""
    start = 0
    for i, part in enumerate(pattern.split(text) if pattern else [text]):
        yield start, part, i % 2 == 1  # re.split puts what matched at the odd places
        start += len(part)
