"""The pieces of a text: special tokens found, words split off, words spelled in WordPiece.

`PieceFinder.ids` is the way nearly every text goes. `PieceFinder.trace` finds the same pieces and
in addition, at about three times the cost, where each one comes from.

A text is a string, or a list of words that somebody else has found (one per label, say). Such a
word may fall into several of BERT's words; it counts as one all the same.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from minibert.text.basic import basic_tokenize
from minibert.text.offsets import words_with_owners
from minibert.text.wordpiece import CONTINUES, wordpiece

CACHE_WORDS = 1 << 16  # words whose pieces are remembered; about 20 MB when full


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
    vocab : dict of str to int
    verbatim : iterable of str
        Tokens that are found in a text wherever they stand, written exactly so. Of two that
        begin at the same place the longer one is taken.
    rules : dict
        `do_lower_case`, `strip_accents`, `tokenize_chinese_chars`.
    """

    def __init__(
        self, tokens: list[str], vocab: dict[str, int], verbatim: Iterable[str], rules: dict
    ):
        self.tokens, self.vocab, self.rules = tokens, vocab, rules
        longest_first = sorted(verbatim, key=len, reverse=True)
        self._verbatim = re.compile("(" + "|".join(map(re.escape, longest_first)) + ")")
        self._cache: dict[str, list[int]] = {}

    def ids(self, text: str | list[str]) -> list[int]:
        """The ids of `text`, no special tokens added."""
        if not isinstance(text, str):
            return [i for word in text for i in self.ids(word)]
        ids = []
        for i, part in enumerate(self._verbatim.split(text)):
            if i % 2:  # re.split puts what matched at the odd places
                ids.append(self.vocab[part])
                continue
            for word in basic_tokenize(part, **self.rules):
                known = self._cache.get(word)
                ids += self._look_up(word) if known is None else known
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

    def _spelled(self, text: str) -> Iterator[tuple[list[int], range | list[int]]]:
        """The ids of every word, and for each of its characters the place in `text`."""
        start = 0
        for i, part in enumerate(self._verbatim.split(text)):
            if i % 2:
                yield [self.vocab[part]], range(start, start + len(part))
            else:
                for word, owners in words_with_owners(part, **self.rules):
                    yield self._look_up(word), [start + i for i in owners]
            start += len(part)

    def _offsets(self, ids, owners) -> Iterator[tuple[int, int]]:
        """Share a word's characters out among its pieces; an [UNK] has all of them."""
        begin = 0
        for i in ids:
            mark = len(CONTINUES) if begin else 0
            end = begin + len(self.tokens[i]) - mark if len(ids) > 1 else len(owners)
            yield owners[begin], owners[end - 1] + 1
            begin = end

    def _look_up(self, word: str) -> list[int]:
        """The ids of one word, remembered."""
        ids = self._cache.get(word)
        if ids is None:
            if len(self._cache) >= CACHE_WORDS:
                self._cache.clear()
            ids = self._cache[word] = [self.vocab[p] for p in wordpiece(word, self.vocab)]
        return ids
