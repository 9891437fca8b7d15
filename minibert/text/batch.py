"""From lists of ids to the arrays a model takes."""

import numpy as np

from minibert.text.alignment import Alignment


class BatchEncoding(dict):
    """A dict whose items are attributes too, so that ``model(**batch)`` and ``batch.x`` work.

    Parameters
    ----------
    items : dict
    alignment : Alignment, optional
        The way back to the texts; a tokenizer's batches have it.
    n_truncated : int
        How many texts (or pairs) were cut, so that some of it is in no row.

    Examples
    --------
    >>> batch = BatchEncoding({"input_ids": [[2, 3]]})
    >>> batch.input_ids is batch["input_ids"]
    True
    """

    def __init__(self, items=(), *, alignment: Alignment | None = None, n_truncated: int = 0):
        super().__init__(items)
        self.n_truncated = n_truncated
        self._alignment = alignment

    def __getattr__(self, name):
        """Look `name` up among the items."""
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"no {name!r} here; there are {', '.join(self)}") from None

    def word_ids(self, i: int = 0) -> list[int | None]:
        """The word that each token of row `i` belongs to; None at special tokens and padding.

        Words are counted as they were given (``is_split_into_words=True``), else as
        `basic_tokenize` finds them; in a pair each text has its own count, from 0.
        """
        return self._padded(i, self._source.words(i))

    def sequence_ids(self, i: int = 0) -> list[int | None]:
        """0 at tokens of the text, 1 at those of the second text; None at the others."""
        return self._padded(i, self._source.texts(i))

    def char_to_token(self, i: int, char: int, sequence: int = 0) -> int | None:
        """The token of row `i` that holds a character of the text, or of the second text.

        None if no token does: white space, what is dropped, what is cut off or in another window.
        """
        places = zip(self._source.texts(i), self._source.offsets(i), strict=True)
        for token, (text, (start, end)) in enumerate(places):
            if text == sequence and start <= char < end:
                return token
        return None

    @property
    def _source(self) -> Alignment:
        if self._alignment is None:
            raise ValueError("this batch was not made by a tokenizer: its texts are not known")
        return self._alignment

    def _padded(self, i: int, row: list) -> list:
        return row + [None] * (len(self["input_ids"][i]) - len(row))


def pad_rows(rows: list[list], length: int, value) -> list[list]:
    """Fill every row up to `length`; longer rows stay as they are.

    >>> pad_rows([[2, 7, 3], [2, 3]], 3, 0)
    [[2, 7, 3], [2, 3, 0]]
    """
    return [row + [value] * (length - len(row)) for row in rows]


def to_array(rows: list[list], item: tuple = ()) -> np.ndarray:
    """Rows of one length as an int64 array (B,L), or (B,L,*item).

    Raises
    ------
    ValueError
        If the rows differ in length.
    """
    lengths = {len(row) for row in rows}
    if len(lengths) > 1:
        raise ValueError(
            f"texts of {min(lengths)} to {max(lengths)} tokens do not make one array; "
            "use padding=True, or truncation=True if some are longer than max_length, "
            "or return_tensors=None for lists"
        )
    return np.array(rows, dtype=np.int64).reshape(len(rows), max(lengths, default=0), *item)
