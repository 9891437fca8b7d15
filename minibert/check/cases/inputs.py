"""Inputs that make mistakes visible: nothing is 0 or 1, and no two sizes are equal by chance."""

import numpy as np


def gamma(rng, D):
    """Scales that are not 1: with gamma = 1 several LayerNorm mistakes cannot be seen."""
    return rng.uniform(0.5, 1.5, D) * rng.choice([-1, 1], D)


def hidden(rng, *shape):
    """Features with a mean and a spread that are not 0 and 1."""
    return 0.7 + 1.3 * rng.standard_normal(shape)


def weight(rng, o, i):
    """A matrix (o,i) that keeps the size of what it multiplies."""
    return rng.standard_normal((o, i)) / np.sqrt(i)


def keep_tokens(rng, B, L):
    """A real padding mask: rows of different lengths, none empty."""
    lengths = 1 + np.arange(B) * (L - 1) // max(B - 1, 1)
    return np.arange(L) < rng.permutation(lengths)[:, None]


def packed_offsets(z):
    """The offsets of sequences of L, L - 2, ... tokens, one after another."""
    return np.cumsum([0, *range(z.L, 0, -2)])


def padding(rng, z, length, dtype):
    """The bias (B,1,1,length) that hides padded keys."""
    keep = keep_tokens(rng, z.B, length)
    return np.where(keep, 0.0, np.finfo(dtype).min)[:, None, None, :]


def causal(length, dtype):
    """The bias (1,1,length,length) that hides later keys."""
    seen = np.arange(length)[:, None] >= np.arange(length)
    return np.where(seen, 0.0, np.finfo(dtype).min)[None, None]


def elementwise(rng, z, dtype):
    """One array, for a function of each entry."""
    return (2 * rng.standard_normal((z.B, z.L, z.F)),), {}


def linear(rng, z, dtype):
    """x (B,L,D), w (F,D), b (F,)."""
    return (hidden(rng, z.B, z.L, z.D), weight(rng, z.F, z.D), rng.standard_normal(z.F)), {}
