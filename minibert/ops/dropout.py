"""Dropout whose masks are computed, not stored (Srivastava et al. 2014).

    (1)  y = x * keep / (1 - rate)          (1') dx = dy * keep / (1 - rate)

keep[n] is a hash of (seed, step, site, n): n is the element's number in its array, `site` the
place in the model. The same numbers always give the same mask, so that the backward pass makes
it again instead of keeping it, a resumed run continues exactly, and the number of threads does
not matter. The hash is a 32-bit multiply-xorshift mixer with one key before and one key between
its rounds, so that the masks of two sites are not shifted copies of one another:

    (2)  h = n ^ k0;  h ^= h >> 16;  h *= 0x7feb352d;  h ^= (h >> 15) ^ k1;
         h *= 0x846ca68b;  h ^= h >> 16;        keep[n] = h >= rate * 2^32

The multipliers are those of Wellons' "lowbias32" (2018). The keys come from (seed, step, site)
by the SplitMix64 generator (Steele, Lea and Flood 2014).
"""

import math
from typing import Any, NamedTuple

import numpy as np

_64_BITS = 2**64 - 1


class Drop(NamedTuple):
    """Which dropout mask: everything the mask depends on but the element's index.

    Parameters
    ----------
    rate : float
        Share of the elements that are set to zero, in [0, 1).
    seed, step, site : int
        The run's seed, the number of the training step, the place in the model.
    masks : dict of int to ndarray of bool, optional
        Explicit masks by site, used in place of the hash: reference outputs are made with them.
    first : int
        The number of the array's first element; not 0 where the array is a part of another.
    """

    rate: float
    seed: int = 0
    step: int = 0
    site: int = 0
    masks: Any = None
    first: int = 0

    def at(self, site, rate=None):
        """The same run and step at another site, with that site's rate."""
        return self._replace(site=site, rate=self.rate if rate is None else rate)

    def part(self, start, shape):
        """The same for a part of the array: its elements from `start` on, in this shape."""
        if self.masks is None:
            return self._replace(first=self.first + start)
        stop = start + math.prod(shape)
        mask = self.masks[self.site].reshape(-1)[start:stop].reshape(shape)
        return self._replace(masks=self.masks | {self.site: mask})

    def hash_keys(self):
        """The two 32-bit keys of (2)."""
        state = 0
        for word in (self.seed, self.step, self.site):
            state = _splitmix64((state ^ word) & _64_BITS)
        return state >> 32, state & 0xFFFFFFFF

    def threshold(self):
        """Hashes below this are dropped."""
        return round(self.rate * 2**32)


def keep_mask(shape, drop):
    """Which elements of an array of this shape are kept.

    Examples
    --------
    >>> keep_mask((1000, 1000), Drop(rate=0.1, seed=7)).mean().round(3)
    np.float64(0.9)
    """
    if drop.masks is not None:
        return np.broadcast_to(drop.masks[drop.site], shape)
    size = math.prod(shape)
    check_numbers(drop, size)
    k0, k1 = map(np.uint32, drop.hash_keys())
    h = np.arange(size, dtype=np.uint32)  # n
    h += np.uint32(drop.first)
    h ^= k0
    h ^= h >> 16
    h *= np.uint32(0x7FEB352D)
    h ^= (h >> 15) ^ k1
    h *= np.uint32(0x846CA68B)
    h ^= h >> 16
    return (h >= np.uint32(drop.threshold())).reshape(shape)  # (2)


def check_numbers(drop, size):
    """A ValueError where an array of this size has more elements than the hash has numbers."""
    if drop.first + size > 2**32:
        raise ValueError(
            f"dropout of {drop.first + size} elements; the hash counts to 2^32: split the batch"
        )


def dropout_forward(x, drop):
    """y = x * keep / (1 - rate); x itself where drop is None (evaluation) or the rate is 0.

    Parameters
    ----------
    x : ndarray, any shape
    drop : Drop or None

    Returns
    -------
    y : ndarray, as x
    cache
    """
    if drop is None or drop.rate == 0.0:
        return x, None
    return _drop(x, drop), drop  # (1)


def dropout_backward(dy, cache):
    """dx of `dropout_forward`; the mask is made again from the cached `Drop`."""
    return dy if cache is None else _drop(dy, cache)  # (1')


def _drop(x, drop):
    return x * keep_mask(x.shape, drop) * (1.0 / (1.0 - drop.rate))


def _splitmix64(state):
    z = (state + 0x9E3779B97F4A7C15) & _64_BITS
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _64_BITS
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _64_BITS
    return z ^ (z >> 31)
