"""What a run of the benchmark was asked for, and the clock that all its rows share."""

from dataclasses import dataclass
from pathlib import Path

from minibert.bench.timing import fastest, interleaved


@dataclass
class Run:
    """The settings of a run.

    Parameters
    ----------
    peers : tuple of str
    threads : int
    quick : bool
        Fewer sizes, fewer turns.
    seconds : float, optional
        For one row; by default 3, or 0.5 with `quick`.
    repeat : int, optional
        Exactly so many turns a row.
    data : Path, optional
        Texts in place of those fetched.
    ceiling : float
        Operations a second of the machine's best matrix product, as measured last.
    """

    peers: tuple[str, ...] = ()
    threads: int = 1
    quick: bool = False
    seconds: float | None = None
    repeat: int | None = None
    data: Path | None = None
    ceiling: float = 0.0

    def fastest(self, ways, turns=5):
        """The quickest of several ways to do one thing; a quick run takes the first on trust."""
        return next(iter(ways)) if self.quick else fastest(ways, turns)

    def time(self, works):
        """Milliseconds of each work, in turns."""
        if self.repeat is not None:
            return interleaved(works, seconds=0.0, least=self.repeat, most=self.repeat)
        seconds = self.seconds
        if seconds is None:
            seconds = 0.5 if self.quick else 3.0
        return interleaved(works, seconds=seconds, least=3 if self.quick else 5)

    def fraction(self, operations, milliseconds):
        """Share of the machine's best rate; None before that was measured."""
        return operations / (1e-3 * milliseconds * self.ceiling) if self.ceiling else None
