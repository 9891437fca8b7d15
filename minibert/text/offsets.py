r"""Where in the text a word stands, although cleaning, accents and casing change its length.

Basic tokenization replaces each character by none, one or several, without a look at its
neighbours. So whoever notes for each character of the result which one it came from, its owner,
knows the place of every word. (Marks that are sorted afterwards trade places, not owners.)
"""

import re
from collections.abc import Iterator

from minibert.text.basic import char_table, spaced_words

_WORD = re.compile(r"\S+")


def words_with_owners(text: str, **rules) -> Iterator[tuple[str, list[int]]]:
    r"""Split `text` as `basic_tokenize` does, and tell where each letter of a word comes from.

    Parameters
    ----------
    text : str
    **rules
        `do_lower_case`, `strip_accents`, `tokenize_chinese_chars`, as for `basic_tokenize`.

    Yields
    ------
    word : str
    owners : list of int
        For each character of `word` the index in `text` of the character that it came from.

    Examples
    --------
    >>> list(words_with_owners("\x00Ça 天"))
    [('ca', [1, 2]), ('天', [4])]
    """
    table = char_table(**rules)
    owners = [i for i, char in enumerate(text) for _ in table[ord(char)]]
    for word in _WORD.finditer(spaced_words(text, **rules)):
        yield word[0], owners[word.start() : word.end()]
