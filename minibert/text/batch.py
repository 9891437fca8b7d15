"""From lists of ids to the arrays a model takes."""

import numpy as np


class BatchEncoding(dict):
    """A dict whose items are attributes too, so that ``model(**batch)`` and ``batch.x`` work.

    >>> batch = BatchEncoding(input_ids=[[2, 3]])
    >>> batch.input_ids is batch["input_ids"]
    True
    """

    def __getattr__(self, name):
        """Look `name` up among the items."""
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"no {name!r} here; there are {', '.join(self)}") from None


def pad_rows(rows: list[list[int]], length: int, value: int) -> list[list[int]]:
    """Fill every row up to `length`; longer rows stay as they are.

    >>> pad_rows([[2, 7, 3], [2, 3]], 3, 0)
    [[2, 7, 3], [2, 3, 0]]
    """
    return [row + [value] * (length - len(row)) for row in rows]


def to_array(rows: list[list[int]]) -> np.ndarray:
    """Rows of one length as an int64 array (B,L).

    Raises
    ------
    ValueError
        If the rows differ in length.
    """
    lengths = {len(row) for row in rows}
    if len(lengths) > 1:
        raise ValueError(
            f"texts of {min(lengths)} to {max(lengths)} tokens do not make one array; "
            "use padding=True, or return_tensors=None for lists"
        )
    return np.array(rows, dtype=np.int64).reshape(len(rows), max(lengths, default=0))
