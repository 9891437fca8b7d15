"""Where the encoder's tokens stand: at the places of a padded batch, (B,L,D), or packed, (P,D).

All but the embedding, attention and the pooler goes token by token, and no token looks at padding:
padded places need not be computed at all. Packed, the P tokens of all sequences stand one after
another, those of sequence b in rows offsets[b] to offsets[b+1].

Both layouts here have the same methods and attributes, so that the encoder need not ask which of
them it has.
"""

import numpy as np

from minibert import kernels as F


class Padded:
    """Every place of a batch, padded ones too.

    Parameters
    ----------
    keep : ndarray of bool (B,L) or None
        True where there is a token; None: everywhere.
    """

    offsets = None
    first = slice(None), 0  # where x (B,L,D) has the sequences' first tokens

    def __init__(self, keep):
        self.keep = keep

    def bias(self, dtype):
        """What hides padding from attention, (B,1,1,L); None where there is none."""
        return None if self.keep is None or self.keep.all() else F.padding_bias(self.keep, dtype)

    def packed(self, x):
        """(B,L,D) as it is."""
        return x

    def padded(self, x):
        """(B,L,D) as it is."""
        return x


class Packed:
    """The tokens alone.

    Parameters
    ----------
    keep : ndarray of bool (B,L)
        True where there is a token; at every first place there is one.
    """

    def __init__(self, keep):
        self.keep = keep
        self.offsets = np.concatenate(([0], np.cumsum(keep.sum(1))))  # (B+1,)
        self.first = self.offsets[:-1]  # where x (P,D) has the sequences' first tokens

    def bias(self, dtype):
        """None: there is nothing to hide."""

    def packed(self, x):
        """(B,L,D) -> (P,D)."""
        return x[self.keep]

    def padded(self, x):
        """(P,D) -> (B,L,D), zeros at padded places."""
        places = np.zeros((*self.keep.shape, x.shape[-1]), x.dtype)
        places[self.keep] = x
        return places


def choose_layout(keep, want, drop):
    """How a batch is computed: packed where that leaves something out, and nobody would miss it.

    It is padded where `want` names anything (scores and inner hidden states are given as they
    are), where a sequence does not begin with a token (what the pooler reads is then padding), and
    where `drop` has explicit masks, which are those of padded arrays.
    """
    explicit = drop is not None and drop.masks is not None
    if want or explicit or keep is None or keep.all() or not keep[:, 0].all():
        return Padded(keep)
    return Packed(keep)
