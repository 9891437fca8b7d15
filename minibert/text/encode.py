"""From checked texts and options to a batch."""

import numpy as np

from minibert.text.alignment import Alignment
from minibert.text.batch import BatchEncoding, as_arrays, as_lists, pad_rows
from minibert.text.pieces import PieceFinder
from minibert.text.rows import Row, cut_rows, framed, n_cut


def encode_batch(
    pieces: PieceFinder,
    texts: list[tuple],
    *,
    ends: tuple[int, int] | None,
    pad_id: int,
    max_length: int,
    strategy: str | None,
    stride: int | None,
    pad_to: str | None,
    arrays: bool,
    offsets: bool,
    special_mask: bool,
) -> BatchEncoding:
    """Find the pieces of `texts`, cut them to length, add what surrounds them.

    Parameters
    ----------
    pieces : PieceFinder
    texts : list of (text, text or None)
    ends : (int, int) or None
        The ids of [CLS] and [SEP]; None adds no special tokens.
    pad_id : int
    max_length : int
        Tokens a row.
    strategy : str or None
        How to truncate; None does not.
    stride : int or None
        Pieces that windows share; None cuts off what does not fit.
    pad_to : {"longest", "max_length", None}
    arrays : bool
        Whether to make arrays of the lists.
    offsets, special_mask : bool
        Whether to add `offset_mapping`, `special_tokens_mask`.

    Returns
    -------
    BatchEncoding
    """
    ids = [(pieces.ids(a), None if b is None else pieces.ids(b)) for a, b in texts]
    lengths = [(len(a), None if b is None else len(b)) for a, b in ids]
    special = ends is not None
    rows = cut_rows(lengths, max_length if strategy else None, strategy, stride, special)
    alignment = Alignment(texts, rows, special, pieces.trace)

    input_ids, n_second = _framed_ids(ids, rows, ends)
    length = max_length if pad_to == "max_length" else 0
    if pad_to == "longest":
        length = max(map(len, input_ids), default=0)
    columns = (as_arrays if arrays else as_lists)(input_ids, n_second, length, pad_id)
    if special_mask:
        marks = [[int(text is None) for text in alignment.texts(i)] for i in range(len(rows))]
        columns["special_tokens_mask"] = pad_rows(marks, length, 1)
    if offsets:
        places = [alignment.offsets(i) for i in range(len(rows))]
        columns["offset_mapping"] = pad_rows(places, length, (0, 0))
    if arrays:
        shape = columns["input_ids"].shape  # (B,L)
        for name, item in (("special_tokens_mask", ()), ("offset_mapping", (2,))):
            if name in columns:
                columns[name] = np.array(columns[name], np.int64).reshape(shape + item)
    if stride is not None:
        samples = [row.sample for row in rows]
        columns["overflow_to_sample_mapping"] = np.array(samples, np.int64) if arrays else samples
    n_truncated = n_cut(lengths, rows) if strategy else 0
    return BatchEncoding(columns, alignment=alignment, n_truncated=n_truncated)


def _framed_ids(ids, rows: list[Row], ends) -> tuple[list[list[int]], list[int]]:
    """The ids of every row, and how many at its end are of segment 1."""
    framed_ids, n_second = [], []
    for sample, first, second in rows:
        a, b = ids[sample]
        if second is None:
            framed_ids.append(framed(a[first], None, ends))
            n_second.append(0)
        else:
            framed_ids.append(framed(a[first], b[second], ends))
            n_second.append(second.stop - second.start + (ends is not None))
    return framed_ids, n_second
