"""From start and end logits to an answer, or to the answer that there is none.

    (1)  score(i, j) = start_i + end_j,      i <= j < i + max_answer, both places in the context
    (2)  null = start_0 + end_0,             the place of [CLS]
    (3)  there is no answer where null - max score > threshold

A document that is longer than the model is cut into overlapping windows, a row of logits each: the
answer is the best of all windows, and null is the smallest of theirs, since a window that has the
answer is right and the others rightly find nothing. The threshold is chosen on development data;
0 trusts the model as it is, infinity always gives a span (SQuAD 1.1).

Source: Devlin et al. 2018, sections 4.2 and 4.3 (their tau is minus the threshold); windows as in
the code that they released.
"""

from typing import NamedTuple

import numpy as np


class Span(NamedTuple):
    """An answer; start and end are 0, the place of [CLS], where there is none."""

    start: int  # first place, in the window
    end: int  # last place, that is, inclusive
    score: float  # start logit + end logit
    null_difference: float  # null - best score of a span; above the threshold: no answer
    window: int  # row of the logits


def best_span(start_logits, end_logits, context, *, max_answer=30, threshold=0.0):
    """The answer to one question.

    Parameters
    ----------
    start_logits, end_logits : ndarray (W,L)
        A row for each window of the document; or (L,) for a single one.
    context : ndarray of bool, as the logits
        Where an answer may start and end: the document's tokens, not the question's, nor
        special tokens or padding. A tokenizer's batch of pairs says it, where
        ``batch.sequence_ids(row)`` is 1.
    max_answer : int
        Most tokens of an answer.
    threshold : float
        How much better than the best span "no answer" must be.

    Returns
    -------
    Span
        Of equally good spans the first: window, then start, then end.

    Raises
    ------
    ValueError
        Shapes differ, a logit is not finite, max_answer is below 1, threshold is no number, or the
        context has place 0.

    Examples
    --------
    Three places of context after [CLS]; the best start is the second of them, the best end the
    first, so that the best span is neither together:

    >>> start, end = np.array([0.0, 1, 4, 1]), np.array([0.0, 4, 2, 1])
    >>> best_span(start, end, np.array([False, True, True, True]))
    Span(start=2, end=2, score=6.0, null_difference=-6.0, window=0)
    """
    start, end = (np.atleast_2d(np.asarray(a, np.float64)) for a in (start_logits, end_logits))
    context = np.atleast_2d(context)
    _check(start, end, context, max_answer, threshold)
    W, L = start.shape
    nulls = start[:, 0] + end[:, 0]  # (W,)  (2)
    A = min(max_answer, L)
    padded = np.full((W, L + A - 1), -np.inf)
    padded[:, :L] = np.where(context, end, -np.inf)
    ends = np.lib.stride_tricks.sliding_window_view(padded, A, axis=1)  # (W,L,A): places i, i+1, ..
    scores = np.where(context, start, -np.inf)[..., None] + ends  # (W,L,A)  (1)

    window, i, more = (int(n) for n in np.unravel_index(scores.argmax(), scores.shape))
    best, null = float(scores[window, i, more]), float(nulls.min())
    if best == -np.inf or null - best > threshold:  # (3)
        return Span(0, 0, null, null - best, int(nulls.argmin()))
    return Span(i, i + more, best, null - best, window)


def _check(start, end, context, max_answer, threshold):
    if start.ndim != 2 or start.size == 0 or not start.shape == end.shape == context.shape:
        raise ValueError(
            f"start_logits is {start.shape}, end_logits {end.shape}, context {context.shape}; "
            "wanted three times (W,L), a row for each window of one question"
        )
    if context.dtype != bool or context[:, 0].any():
        raise ValueError(
            f"context is {context.dtype}; wanted bool, False at place 0, where [CLS] stands for no "
            "answer"
        )
    if not (np.isfinite(start).all() and np.isfinite(end).all()):
        raise ValueError("start_logits or end_logits has a NaN or an infinity")
    whole = isinstance(max_answer, (int, np.integer)) and not isinstance(max_answer, bool)
    if not whole or max_answer < 1:
        raise ValueError(f"max_answer is {max_answer!r}; it is a number of tokens, at least 1")
    number = isinstance(threshold, (int, float, np.number)) and not isinstance(threshold, bool)
    if not number or np.isnan(threshold):
        raise ValueError(f"threshold is {threshold!r}; it is a number, or infinity")
