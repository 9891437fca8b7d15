"""Masked language modelling: hide some tokens, and let the model say what they were.

Devlin et al. 2018, section 3.1, task 1: of 15 % of the tokens, chosen at random,

- 80 % become [MASK],
- 10 % become a random token,
- 10 % stay as they are (the model must keep a good vector for every token it sees).

Masking is dynamic (Liu et al. 2019, "RoBERTa", section 4.1): drawn anew each time a text is seen.

How many: in every row, max(1, round(rate * n)) of its n tokens that may be masked, ties to even,
as in BERT's own data preparation; so the share is exact up to rounding and no row with a token in
it goes without a target, however short. (Choosing each token by itself with probability `rate`,
as other code does, leaves a third of all 7-token rows without.) Special tokens do not count
towards n; in BERT's preparation they do. The 80/10/10 is drawn for each chosen token by itself.
The random token is drawn from all but the special ones, the hidden one among them.
"""

from collections.abc import Collection

import numpy as np

IGNORE = -100  # the label of places that the loss leaves out


def mask_tokens(
    ids: np.ndarray,
    rng: np.random.Generator,
    *,
    mask_id: int,
    vocab: int,
    special_ids: Collection[int],
    rate: float = 0.15,
    continues: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Mask a batch for masked language modelling.

    Parameters
    ----------
    ids : ndarray of int (B,L)
        Not changed.
    rng : numpy.random.Generator
        The only source of chance: one in the same state gives the same masks.
    mask_id : int
        The id of [MASK].
    vocab : int
        Number of tokens, `V`.
    special_ids : collection of int
        Never masked and never drawn: [PAD], [CLS], [SEP], [MASK], and [UNK], which teaches
        nothing (``BertTokenizer.all_special_ids``).
    rate : float
        The part to choose, in (0, 1].
    continues : ndarray of bool (V,), optional
        Which tokens go on with a word ("##"). If given, a word is masked whole or not at all
        ("whole word masking" in BERT's later release); rows may then have more targets, by less
        than one word.

    Returns
    -------
    masked : ndarray (B,L)
        Of the dtype of `ids`.
    labels : ndarray of int64 (B,L)
        The hidden ids at the chosen places, -100 elsewhere.

    Examples
    --------
    >>> ids = np.array([[2, 11, 12, 13, 14, 15, 16, 3]])
    >>> rng = np.random.default_rng(1)
    >>> masked, labels = mask_tokens(ids, rng, mask_id=4, vocab=20, special_ids=range(5), rate=0.5)
    >>> int((labels != -100).sum())
    3
    >>> bool((labels[labels != -100] == ids[labels != -100]).all())
    True
    >>> bool((masked[labels == -100] == ids[labels == -100]).all())
    True
    """
    if not 0 < rate <= 1:
        raise ValueError(f"rate={rate}; it must be above 0 and at most 1, such as 0.15")
    special_ids = np.fromiter(special_ids, dtype=np.int64)
    allowed = ~np.isin(ids, special_ids)
    chosen = _choose(ids, allowed, rng, rate, continues)

    drawable = np.setdiff1d(np.arange(vocab), special_ids)
    if not len(drawable):
        raise ValueError(f"vocab={vocab} has no token that is not special")
    drawn = rng.choice(drawable, size=ids.shape)
    fate = rng.random(ids.shape)
    masked = np.where(chosen & (fate < 0.9), drawn, ids)  # 10 % random, until 80 % are overwritten:
    masked = np.where(chosen & (fate < 0.8), mask_id, masked)
    return masked.astype(ids.dtype), np.where(chosen, ids, IGNORE).astype(np.int64)


def _choose(ids, allowed, rng, rate, continues) -> np.ndarray:
    """Choose in each row, uniformly, the places to predict: bool (B,L)."""
    n = allowed.sum(axis=1)
    wanted = np.where(n > 0, np.maximum(1, np.rint(rate * n)), 0)
    draw = rng.random(ids.shape)
    if continues is not None:  # every piece of a word shares the draw of its first piece
        after_token = np.pad(allowed, ((0, 0), (1, 0)))[:, :-1]
        begins = ~(continues[ids] & allowed & after_token)
        first = np.maximum.accumulate(np.where(begins, np.arange(ids.shape[1]), 0), axis=1)
        draw = np.take_along_axis(draw, first, axis=1)
    draw[~allowed] = 2.0  # behind all others
    order = np.argsort(draw, axis=1, kind="stable")
    rank = np.argsort(order, axis=1)
    chosen = allowed & (rank < wanted[:, None])
    return chosen if continues is None else np.take_along_axis(chosen, first, axis=1)
