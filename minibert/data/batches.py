"""Batches of texts of similar length, padded to the longest of each batch.

A padded token costs as much as a real one. If batches are drawn at random, each is as long as
its longest text; if all texts are sorted, an epoch always shows the same texts together, short
ones first. The usual way between: shuffle, cut into pools of many batches, sort each pool by
length, cut it into batches, shuffle the batches. Then nearly nothing is padded, and which texts
meet, and when, changes with every epoch.

The plan of an epoch is a list of index arrays, a pure function of (lengths, seed, epoch): to go on
at step n of an epoch, skip its first n entries.
"""

from collections.abc import Iterator, Sequence

import numpy as np


def shuffled_plan(
    lengths: Sequence[int], batch_size: int, *, seed: int, epoch: int, pool: int = 50
) -> list[np.ndarray]:
    """Plan one epoch of training.

    Parameters
    ----------
    lengths : sequence of int
        Tokens in each text.
    batch_size : int
    seed, epoch : int
        Not negative; the same pair gives the same plan.
    pool : int
        Batches a pool. 1 means: no bucketing.

    Returns
    -------
    list of ndarray of int64
        The rows of each batch; every row once. One batch may be smaller than the rest.

    Examples
    --------
    >>> lengths = [3, 9, 3, 9, 3, 9]
    >>> plan = shuffled_plan(lengths, 3, seed=0, epoch=0)
    >>> sorted(tuple(lengths[i] for i in rows) for rows in plan)
    [(3, 3, 3), (9, 9, 9)]
    """
    _check_positive(batch_size=batch_size, pool=pool)
    rng = np.random.default_rng([seed, epoch])
    lengths = np.asarray(lengths)
    order = rng.permutation(len(lengths))
    plan = []
    for pooled in _chunks(order, batch_size * pool):
        by_length = pooled[np.argsort(lengths[pooled], kind="stable")]
        plan += _chunks(by_length, batch_size)
    return [plan[i] for i in rng.permutation(len(plan))]


def sorted_plan(lengths: Sequence[int], batch_size: int) -> list[np.ndarray]:
    """Plan an evaluation: longest texts first, so that memory runs out at once or never.

    `in_input_order` undoes the order.

    >>> sorted_plan([2, 9, 4], 2)
    [array([1, 2]), array([0])]
    """
    _check_positive(batch_size=batch_size)
    return _chunks(np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable"), batch_size)


def in_input_order(outputs: Sequence[np.ndarray], plan: Sequence[np.ndarray]) -> np.ndarray:
    """Put the rows computed batch by batch back into the order of the input.

    Parameters
    ----------
    outputs : sequence of ndarray (B, ...)
        One for each batch, alike but for B.
    plan : sequence of ndarray
        Which rows each batch held.

    Returns
    -------
    ndarray (rows, ...)

    Examples
    --------
    >>> plan = [np.array([1, 2]), np.array([0])]
    >>> in_input_order([np.array([10.0, 20.0]), np.array([0.0])], plan)
    array([ 0., 10., 20.])
    """
    if len(outputs) != len(plan) or not plan:
        raise ValueError(f"{len(outputs)} outputs for {len(plan)} batches; there must be one each")
    rows = np.concatenate(outputs)
    ordered = np.empty_like(rows)
    ordered[np.concatenate(plan)] = rows
    return ordered


def pad_batch(
    ids: Sequence[Sequence[int]], segments: Sequence[Sequence[int]] | None = None, pad_id: int = 0
) -> dict[str, np.ndarray]:
    """Pad lists of ids to the longest.

    Parameters
    ----------
    ids : sequence of sequences of int
        B rows, special tokens included.
    segments : sequence of sequences of int, optional
        The segment of each token; all 0 if not given.
    pad_id : int

    Returns
    -------
    dict
        `input_ids`, `token_type_ids`, `attention_mask` (1 on tokens), int64 (B,L).

    Examples
    --------
    >>> batch = pad_batch([[2, 7, 8, 3], [2, 3]])
    >>> batch["input_ids"]
    array([[2, 7, 8, 3],
           [2, 3, 0, 0]])
    >>> batch["attention_mask"].sum(axis=1)
    array([4, 2])
    """
    lengths = np.array([len(row) for row in ids], dtype=np.int64)
    shape = (len(ids), int(lengths.max(initial=0)))
    batch = {
        "input_ids": np.full(shape, pad_id, dtype=np.int64),
        "token_type_ids": np.zeros(shape, dtype=np.int64),
        "attention_mask": (np.arange(shape[1]) < lengths[:, None]).astype(np.int64),
    }
    for i, row in enumerate(ids):
        batch["input_ids"][i, : len(row)] = row
        if segments is not None:
            batch["token_type_ids"][i, : len(row)] = segments[i]
    return batch


def iterate_batches(
    plan: Sequence[np.ndarray],
    ids: Sequence[Sequence[int]],
    labels: Sequence | np.ndarray | None = None,
    segments: Sequence[Sequence[int]] | None = None,
    *,
    pad_id: int = 0,
) -> Iterator[dict[str, np.ndarray]]:
    """Yield the padded batches of a plan.

    Parameters
    ----------
    plan : sequence of ndarray
        From `shuffled_plan` or `sorted_plan`.
    ids, segments
        As for `pad_batch`, of all texts.
    labels : array-like (rows, ...), optional
        Class numbers, float targets, or rows of teacher logits.
    pad_id : int

    Yields
    ------
    dict
        As `pad_batch`; with `labels`, (B, ...), if there are any.

    Examples
    --------
    >>> ids = [[2, 7, 3], [2, 3], [2, 8, 9, 3]]
    >>> plan = sorted_plan([len(row) for row in ids], batch_size=2)
    >>> for batch in iterate_batches(plan, ids, labels=[0, 1, 2]):
    ...     print(batch["input_ids"].shape, batch["labels"])
    (2, 4) [2 0]
    (1, 2) [1]
    """
    if labels is not None:
        labels = np.asarray(labels)
    for name, values in (("labels", labels), ("segments", segments)):
        if values is not None and len(values) != len(ids):
            raise ValueError(f"{len(values)} {name} for {len(ids)} texts; there must be one each")
    for rows in plan:
        chosen = None if segments is None else [segments[i] for i in rows]
        batch = pad_batch([ids[i] for i in rows], chosen, pad_id)
        if labels is not None:
            batch["labels"] = labels[rows]
        yield batch


def _chunks(order: np.ndarray, size: int) -> list[np.ndarray]:
    return [order[i : i + size] for i in range(0, len(order), size)]


def _check_positive(**values: int) -> None:
    for name, value in values.items():
        if value < 1:
            raise ValueError(f"{name}={value}; it must be at least 1")
