"""The inner sizes of a layer, and what numbers a size or a rate may be."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LayerSize:
    """The inner sizes of one Transformer layer; pruning may leave layers of different sizes.

    Parameters
    ----------
    heads : int
        Attention heads H.
    head_size : int
        Size of one head K. Before pruning H * K = D.
    ffn : int
        Feed-forward size F.
    """

    heads: int
    head_size: int
    ffn: int

    def __post_init__(self):
        for name in ("heads", "head_size", "ffn"):
            check_positive(f"LayerSize.{name}", getattr(self, name))


def is_number(value):
    """Whether it is a number of Python's, and no bool."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def check_heads(hidden, heads):
    """A ValueError unless the hidden size divides into so many heads."""
    check_positive("heads", heads)
    if hidden % heads:
        raise ValueError(f"hidden={hidden} does not divide into heads={heads} equal heads")


def check_positive(name, value):
    """A ValueError unless value is a whole number of at least 1."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} is {value!r}; it is a whole number of at least 1")
