"""What a weight may be besides an array."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np


@dataclass(frozen=True, eq=False)
class QTensor:
    """A matrix in int8 with one scale a row: w is about q * scale[:, None].

    Parameters
    ----------
    q : ndarray of int8 (out, in)
        In [-127, 127].
    scale : ndarray of float32 (out,)
    """

    q: np.ndarray
    scale: np.ndarray

    @property
    def shape(self):
        """(out, in)."""
        return self.q.shape

    @property
    def nbytes(self):
        """Bytes of q and scale together."""
        return self.q.nbytes + self.scale.nbytes

    @cached_property
    def row_sum(self):
        """Sum of q over the inputs, int32 (out,): the zero-point correction needs it."""
        return self.q.sum(1, dtype=np.int32)

    def rows(self, ids):
        """The rows with these ids as float32: int8's form of table[ids]."""
        return self.q[ids].astype(np.float32) * self.scale[ids][..., None]

    def dequantize(self):
        """The float32 matrix, (out, in)."""
        return self.q.astype(np.float32) * self.scale[:, None]


class QRows(NamedTuple):
    """Activations in int8, each row with its own scale and zero: x is about scale * (q - zero)."""

    q: np.ndarray  # int8 (..., in)
    scale: np.ndarray  # float32 (..., 1)
    zero: np.ndarray  # int32 (..., 1)
