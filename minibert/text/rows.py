"""Which pieces of a text, or of a pair of texts, make up the rows of a batch.

A text that fits is one row. One that does not is cut (the rest is lost), or read through windows
(several rows, nothing lost). Around the pieces stand the special tokens, for whatever one has of
each piece: ids, offsets, words.
"""

from collections.abc import Sequence
from typing import NamedTuple

from minibert.text.truncation import truncated_lengths
from minibert.text.windows import windows


class Row(NamedTuple):
    """One row of a batch.

    Attributes
    ----------
    sample : int
        The text, or pair, that it is from.
    first : slice
        The pieces of the text.
    second : slice or None
        The pieces of the pair's second text.
    """

    sample: int
    first: slice
    second: slice | None


def cut_rows(
    lengths: list[tuple[int, int | None]],
    max_length: int | None,
    strategy: str | None = "longest_first",
    stride: int | None = None,
    special: bool = True,
) -> list[Row]:
    """Cut every text, or pair, of a batch to what fits.

    Parameters
    ----------
    lengths : list of (int, int or None)
        Of each text and its second text in pieces; None if there is none.
    max_length : int or None
        Tokens that a row may have. None: any number, `strategy` and `stride` mean nothing.
    strategy : {"longest_first", "only_first", "only_second"}
    stride : int or None
        Pieces that neighbouring windows share. None: no windows, what does not fit is lost.
    special : bool
        Whether room is needed for special tokens.

    Returns
    -------
    list of Row

    Raises
    ------
    ValueError
        If a text cannot be made to fit; its index is named.

    Examples
    --------
    >>> cut_rows([(9, None)], 6)
    [Row(sample=0, first=slice(0, 4, None), second=None)]
    >>> [row.second for row in cut_rows([(3, 9)], 11, "only_second", 1)]
    [slice(0, 5, None), slice(4, 9, None)]
    """
    rows = []
    for sample, (n_first, n_second) in enumerate(lengths):
        cuts = [(slice(0, n_first), slice(0, n_second or 0))]
        n_special = special * (2 if n_second is None else 3)
        n_whole = n_first + (n_second or 0) + n_special
        if max_length is not None and (stride is not None or n_whole > max_length):
            if max_length < n_special:
                raise ValueError(
                    f"max_length={max_length} has no room for {n_special} special tokens"
                )
            try:
                cuts = _cuts(n_first, n_second, max_length - n_special, strategy, stride)
            except ValueError as error:
                raise ValueError(f"text at index {sample}: {error}") from None
        rows += [Row(sample, a, None if n_second is None else b) for a, b in cuts]
    return rows


def _cuts(n_first, n_second, room, strategy, stride) -> list[tuple[slice, slice]]:
    """The parts of one text, or pair, that fit into `room`."""
    n = n_second or 0
    if stride is None:
        kept_first, kept_second = truncated_lengths(n_first, n, room, strategy)
        return [(slice(0, kept_first), slice(0, kept_second))]
    if n_second is not None and strategy == "longest_first":
        raise ValueError(
            "of a pair only one text can be read through windows; "
            "say which: truncation='only_first' or 'only_second'"
        )
    if strategy == "only_second":
        return [(slice(0, n_first), slice(*w)) for w in windows(n, room - n_first, stride)]
    return [(slice(*w), slice(0, n)) for w in windows(n_first, room - n, stride)]


def n_cut(lengths: list[tuple[int, int | None]], rows: list[Row]) -> int:
    """Count the texts, or pairs, whose end is in no row.

    >>> lengths = [(9, None), (4, None)]
    >>> n_cut(lengths, cut_rows(lengths, 6)), n_cut(lengths, cut_rows(lengths, 6, stride=1))
    (1, 0)
    """
    last = {row.sample: (row.first.stop, row.second and row.second.stop) for row in rows}
    return sum(last[sample] != whole for sample, whole in enumerate(lengths))


def framed(first: Sequence, second: Sequence | None, ends: tuple | None) -> list:
    """Put something of each piece in its place in the row: [CLS] first [SEP] second [SEP].

    Parameters
    ----------
    first, second : sequence
        One value a piece; `second` is None if there is no second text.
    ends : (cls, sep) or None
        The values of the special tokens. None: the row has no special tokens.

    Returns
    -------
    list

    Examples
    --------
    >>> framed("ab", "cd", ("[", "]"))
    ['[', 'a', 'b', ']', 'c', 'd', ']']
    >>> framed("ab", None, ("[", "]"))
    ['[', 'a', 'b', ']']
    """
    if ends is None:
        return [*first, *(second or ())]
    cls, sep = ends
    row = [cls, *first, sep]
    return row if second is None else [*row, *second, sep]
