"""From lists of ids to the arrays a model takes."""

from itertools import chain

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


def as_lists(
    ids: list[list[int]], n_second: list[int], length: int, pad_id: int
) -> dict[str, list[list[int]]]:
    """The three inputs of a model, as lists.

    Parameters
    ----------
    ids : list of list of int
        The ids of every row, special tokens among them.
    n_second : list of int
        How many tokens at the end of each row are of segment 1.
    length : int
        Shorter rows are filled up to it; 0 fills none.
    pad_id : int

    Returns
    -------
    dict
        `input_ids`, `token_type_ids`, `attention_mask`.

    Examples
    --------
    >>> as_lists([[2, 7, 3], [2, 3]], [1, 0], 3, 9)["token_type_ids"]
    [[0, 0, 1], [0, 0, 0]]
    """
    counts = [(len(row), n) for row, n in zip(ids, n_second, strict=True)]
    return {
        "input_ids": pad_rows(ids, length, pad_id),
        "token_type_ids": pad_rows([[0] * (m - n) + [1] * n for m, n in counts], length, 0),
        "attention_mask": pad_rows([[1] * m for m, _ in counts], length, 0),
    }


def as_arrays(
    ids: list[list[int]], n_second: list[int], length: int, pad_id: int
) -> dict[str, np.ndarray]:
    """What `as_lists` gives, as int64 arrays (B,L).

    Raises
    ------
    ValueError
        If the rows differ in length.

    Examples
    --------
    >>> as_arrays([[2, 7, 3], [2, 3]], [1, 0], 3, 9)["input_ids"]
    array([[2, 7, 3],
           [2, 3, 9]])
    """
    lengths = {max(len(row), length) for row in ids}
    if len(lengths) > 1:
        raise ValueError(
            f"texts of {min(lengths)} to {max(lengths)} tokens do not make one array; "
            "use padding=True, or truncation=True if some are longer than max_length, "
            "or return_tensors=None for lists"
        )
    counts = np.array([len(row) for row in ids], np.int64)[:, None]  # (B,1)
    place = np.arange(max(lengths, default=0))  # (L,)
    there = place < counts  # (B,L)
    input_ids = np.full(there.shape, pad_id, np.int64)
    input_ids[there] = np.fromiter(chain.from_iterable(ids), np.int64, counts.sum())
    second = there & (place >= counts - np.array(n_second, np.int64)[:, None])
    return {
        "input_ids": input_ids,
        "token_type_ids": second.astype(np.int64),
        "attention_mask": there.astype(np.int64),
    }
