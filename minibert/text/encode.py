"""From checked texts and options to a batch."""

import numpy as np

from minibert.text.alignment import Alignment
from minibert.text.batch import BatchEncoding, pad_rows, to_array
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
    ids = [tuple(None if t is None else pieces.ids(t) for t in pair) for pair in texts]
    lengths = [tuple(None if t is None else len(t) for t in pair) for pair in ids]
    special = ends is not None
    rows = cut_rows(lengths, max_length if strategy else None, strategy, stride, special)
    alignment = Alignment(texts, rows, special, pieces.trace)

    columns = _columns(ids, rows, ends)
    if special_mask:
        columns["special_tokens_mask"] = [
            [int(text is None) for text in alignment.texts(i)] for i in range(len(rows))
        ]
    if offsets:
        columns["offset_mapping"] = [alignment.offsets(i) for i in range(len(rows))]
    if pad_to:
        longest = max(map(len, columns["input_ids"]), default=0)
        length = max_length if pad_to == "max_length" else longest
        fill = {"input_ids": pad_id, "special_tokens_mask": 1, "offset_mapping": (0, 0)}
        columns = {k: pad_rows(v, length, fill.get(k, 0)) for k, v in columns.items()}
    if arrays:
        columns = {
            k: to_array(v, item=(2,) if k == "offset_mapping" else ()) for k, v in columns.items()
        }
    if stride is not None:
        samples = [row.sample for row in rows]
        columns["overflow_to_sample_mapping"] = np.array(samples, np.int64) if arrays else samples
    n_truncated = n_cut(lengths, rows) if strategy else 0
    return BatchEncoding(columns, alignment=alignment, n_truncated=n_truncated)


def _columns(ids, rows: list[Row], ends) -> dict[str, list[list[int]]]:
    """The lists that every batch has."""
    input_ids, segments = [], []
    for sample, first, second in rows:
        a, b = ids[sample]
        row = framed(a[first], None if second is None else b[second], ends)
        n_second = 0 if second is None else second.stop - second.start + (ends is not None)
        input_ids.append(row)
        segments.append([0] * (len(row) - n_second) + [1] * n_second)
    mask = [[1] * len(row) for row in input_ids]
    return {"input_ids": input_ids, "token_type_ids": segments, "attention_mask": mask}
