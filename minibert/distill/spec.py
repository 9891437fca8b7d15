"""Which of TinyBERT's losses to take, between which layers, and whose formulas to follow."""

from dataclasses import dataclass

MODES = ("paper", "repo")


@dataclass(frozen=True)
class TinyBertSpec:
    """Which losses, between which layers.

    Parameters
    ----------
    layer_map : tuple of int
        g(1), ..., g(M); see `uniform_map`.
    attention, hidden, embedding : bool
        Whether the loss is part of the sum.
    pad : {"all", "exact"}
        Whether padding counts. "exact" goes with the paper's formulas only: the released code
        counts padding.
    mode : {"paper", "repo"}
        The formulas of the paper, or those of the code that its authors released; what differs
        stands in `minibert.distill.losses`. Take "repo" to compare numbers with that code.

    Examples
    --------
    >>> TinyBertSpec((3, 6, 9, 12), embedding=False).mode
    'paper'
    """

    layer_map: tuple[int, ...]
    attention: bool = True
    hidden: bool = True
    embedding: bool = True
    pad: str = "all"
    mode: str = "paper"

    def __post_init__(self):
        if self.pad not in ("all", "exact"):
            raise ValueError(f'pad is {self.pad!r}; it is "all" or "exact"')
        check_mode(self.mode)
        if self.mode == "repo" and self.pad == "exact":
            raise ValueError(
                'pad="exact" does not go with mode="repo": the released code counts padding; '
                'take pad="all", or mode="paper"'
            )


def check_mode(mode):
    """A ValueError where there is no such mode."""
    if mode not in MODES:
        raise ValueError(f'mode is {mode!r}; it is "paper" or "repo"')
