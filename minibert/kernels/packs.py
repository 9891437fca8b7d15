"""Without gradients: what a forward need not keep, and weights that are packed once.

A product in C wants its weights in panels, in the order in which it reads them (csrc/README.md).
Packing reads and writes every weight: about a millisecond for a small TinyBERT, which shows at
batch 1. So a `Packs` keeps what was packed, and whatever else is the same in every call; it is
given up as soon as the weights may have changed.

    with inference(packs):
        ...                       caches are None, and weights are looked up in `packs`

Outside of it each product packs its weights anew, as training needs.
"""

import threading
from contextlib import contextmanager

_LOCAL = threading.local()


class Kept(tuple):
    """Arrays, or tuples of them, that a `Packs` keeps.

    Whoever asks a `Packs` for what is made of many arrays, in every call, looks them up once and
    then goes by this object's id in place of all of theirs.
    """

    __slots__ = ()


class Packs:
    """Packed weights by the arrays that they were made of, or a `Kept` of these."""

    def __init__(self):
        self._made = {}

    def get(self, key, arrays, make):
        """What `make()` gave when it was first asked for with this key and these very objects."""
        key = key, *map(id, arrays)
        found = self._made.get(key)
        if found is None:
            # Two threads may both make it, in the time that one would have waited. The arrays are
            # kept alive with it, so that their ids stay theirs.
            found = self._made.setdefault(key, (make(), list(arrays)))
        return found[0]

    def __reduce__(self):
        """A copy, or what is unpickled, belongs to other arrays: it starts empty."""
        return Packs, ()


@contextmanager
def inference(packs):
    """In this thread and block forwards keep nothing for a backward."""
    before = current()
    _LOCAL.packs = packs
    try:
        yield packs
    finally:  # where Ctrl-C cuts off the end of the block, at the latest when this is collected
        _LOCAL.packs = before


def without_gradients():
    """Whether this thread is in such a block."""
    return current() is not None


def current():
    """The `Packs` of the block that this thread is in; None where gradients may be wanted."""
    return getattr(_LOCAL, "packs", None)


def once(key, arrays, make):
    """What `make()` gives, as `Packs.get` keeps it where that is allowed."""
    kept = current()
    return make() if kept is None else kept.get(key, arrays, make)
