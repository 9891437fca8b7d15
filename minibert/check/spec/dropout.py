"""Dropout and the hash that its masks come from, in loops."""

import numpy as np


def keep_mask(n, rate, k0, k1):
    """Which of n elements are kept: a hash of the index and two 32-bit keys, against rate 2^32."""
    keep = np.empty(n, np.bool_)
    for i in range(n):
        h = i ^ k0
        h ^= h >> 16
        h = h * 0x7FEB352D & 0xFFFFFFFF  # the lower 32 bits, as a uint32 would hold
        h ^= h >> 15 ^ k1
        h = h * 0x846CA68B & 0xFFFFFFFF
        h ^= h >> 16
        keep[i] = h >= round(rate * 2**32)
    return keep


def dropout_forward(x, keep, rate):
    """y = x / (1 - rate) where kept, else 0; for x and keep of one shape."""
    y = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        if keep[i]:
            y[i] = x[i] / (1 - rate)
    return y
