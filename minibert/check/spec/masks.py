"""What a softmax makes of a mask: only the keys that a query may see have a share."""

import math

import numpy as np


def softmax_of_visible(s, visible):
    """p[j] = exp(s[j]) / sum over visible exp(s[k]), 0 where hidden; 1/S each if all are hidden.

    For the scores s (S,) of one query, and whether it may see each key.
    """
    S = len(s)
    if not any(visible):
        return np.full(S, 1 / S)
    largest = max(s[j] for j in range(S) if visible[j])
    p = np.zeros(S)
    for j in range(S):
        if visible[j]:
            p[j] = math.exp(s[j] - largest)
    return p / sum(p)


def padded_softmax(s, keep):
    """s (B,H,L,S), keep (B,S): no query sees padding."""
    p = np.empty_like(s)
    for b, h, i in np.ndindex(s.shape[:3]):
        p[b, h, i] = softmax_of_visible(s[b, h, i], keep[b])
    return p


def causal_softmax(s):
    """s (B,H,L,L): query i sees keys 0 to i."""
    p = np.empty_like(s)
    for b, h, i in np.ndindex(s.shape[:3]):
        p[b, h, i] = softmax_of_visible(s[b, h, i], [j <= i for j in range(s.shape[3])])
    return p
