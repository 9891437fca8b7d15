"""WordPiece: a word to the pieces of a vocabulary, longest match first.

A piece that continues a word is written with "##" in front, so that a piece tells whether it
begins a word. From the left, take the longest piece that the vocabulary holds, go on behind it;
if at some place no piece fits, the whole word is [UNK] (Devlin et al. 2018, section 3; the model
is Wu et al. 2016, section 4.1, after Schuster & Nakajima 2012).

Greedy does not mean fewest: with {ab, a, ##b, ##bcd, ##c, ##d}, "abcd" becomes ab ##c ##d although
a ##bcd is shorter. It is what BERT was trained with, so it is what its vocabularies mean.
"""

from collections.abc import Container

UNKNOWN = "[UNK]"
CONTINUES = "##"
MAX_CHARS = 100  # longer words are [UNK]: the search is quadratic in the length


def wordpiece(
    word: str, vocab: Container[str], *, unknown: str = UNKNOWN, max_chars: int = MAX_CHARS
) -> list[str]:
    """Split one word into pieces.

    Parameters
    ----------
    word : str
        A word from `basic_tokenize`, not empty.
    vocab : container of str
        The pieces; anything with a fast ``in``.
    unknown : str
        What a word becomes that cannot be spelled.
    max_chars : int
        Longer words become `unknown`.

    Returns
    -------
    list of str

    Examples
    --------
    >>> vocab = {"un", "##aff", "##able", "ab", "a", "##b", "##bcd", "##c", "##d"}
    >>> wordpiece("unaffable", vocab)
    ['un', '##aff', '##able']
    >>> wordpiece("unable?", vocab)
    ['[UNK]']
    >>> wordpiece("abcd", vocab)
    ['ab', '##c', '##d']
    """
    if len(word) > max_chars:
        return [unknown]
    pieces, start = [], 0
    while start < len(word):
        mark = CONTINUES if start else ""
        for end in range(len(word), start, -1):
            piece = mark + word[start:end]
            if piece in vocab:
                break
        else:
            return [unknown]
        pieces.append(piece)
        start = end
    return pieces
