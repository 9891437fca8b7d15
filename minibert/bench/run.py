"""What a run of the benchmark was asked for, and the clock that all its rows share."""

from dataclasses import dataclass
from pathlib import Path

from minibert.bench import ceiling
from minibert.bench.rows import OURS
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
        For one row; by default 5, or 1.5 with `quick`.
    repeat : int, optional
        Exactly so many turns a row.
    data : Path, optional
        Texts in place of those fetched.
    """

    peers: tuple[str, ...] = ()
    threads: int = 1
    quick: bool = False
    seconds: float | None = None
    repeat: int | None = None
    data: Path | None = None

    def fastest(self, ways, turns=5):
        """The quickest of several ways to do one thing; a quick run takes the first on trust."""
        return next(iter(ways)) if self.quick else fastest(ways, turns)

    def time(self, works, operations=None):
        """Time works in turns.

        Parameters
        ----------
        works : dict of str to callable
        operations : float, optional
            Of one work, multiply-adds counted twice; large products then take turns with the works.

        Returns
        -------
        dict
            "figures" (milliseconds by name), and with operations also "rates" (of the products, in
            operations a second) and "fraction" (our share of the better one): fields of a `Row`.
        """
        products = ceiling.products(self.threads) if operations else {}
        every = {("product", name): product for name, product in products.items()} | works
        figures = self._interleaved(every)
        found = {"figures": {name: figures[name] for name in works}}
        if operations:
            rates = {n: ceiling.rate(figures["product", n].median) for n in products}
            own = operations / (1e-3 * figures[OURS].median)
            found |= {"rates": rates, "fraction": own / max(rates.values())}
        return found

    def _interleaved(self, works):
        if self.repeat is not None:
            return interleaved(works, seconds=0.0, least=self.repeat, most=self.repeat)
        seconds = self.seconds
        if seconds is None:
            seconds = 1.5 if self.quick else 5.0
        return interleaved(works, seconds=seconds, least=3 if self.quick else 5)
