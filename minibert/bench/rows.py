"""A row of the benchmark: one work, what each engine needed for it, and what was to be reached."""

from dataclasses import dataclass, field
from typing import NamedTuple

from minibert.bench.timing import Figure

OURS = "minibert"


class Goal(NamedTuple):
    """What a row is held against.

    Parameters
    ----------
    kind : {"speedup", "share", "limit"}
        "speedup": the peer's figure over ours is at least this. "share": ours over the peer's is at
        most this. "limit": ours is at most this, in the row's unit.
    must, go_for : float
        The second may be None.
    against : tuple of str
        Peers; the best of those that were measured counts.
    """

    kind: str
    must: float
    go_for: float | None = None
    against: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """One work.

    Parameters
    ----------
    work : str
        What was done, with its sizes.
    figures : dict of str to Figure
        By engine, "minibert" among them; empty where the work was skipped.
    unit : {"ms", "s", "MB"}
    goal : Goal, optional
    errors : dict of str to float
        Relative distance of our outputs from each peer's; in int8, of each engine's, "minibert"
        among them, from those of our model in float32.
    rates : dict of str to float
        Operations a second of large matrix products in the same turns.
    fraction : float, optional
        The work's own rate, as a share of the best of these.
    at : dict of str to int
        The sizes, for plots.
    note : str
    """

    work: str
    figures: dict[str, Figure] = field(default_factory=dict)
    unit: str = "ms"
    goal: Goal | None = None
    errors: dict[str, float] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)
    fraction: float | None = None
    at: dict[str, int] = field(default_factory=dict)
    note: str = ""

    @property
    def ratios(self):
        """By peer: its median over ours, so that above 1 we are ahead."""
        ours = self.figures.get(OURS)
        return {
            name: figure.median / ours.median if ours.median else float("inf")
            for name, figure in self.figures.items()
            if ours and name != OURS
        }

    @property
    def ratio_to_best(self):
        """The least of the ratios: to the best peer; None without peers."""
        return min(self.ratios.values(), default=None)

    @property
    def held(self):
        """The number that the goal speaks of; None where it cannot be said."""
        if self.goal is None or OURS not in self.figures:
            return None
        if self.goal.kind == "limit":
            return self.figures[OURS].median
        ratios = [r for name, r in self.ratios.items() if name in self.goal.against]
        if not ratios:
            return None
        return min(ratios) if self.goal.kind == "speedup" else 1.0 / min(ratios)

    def reached(self, which="must"):
        """Whether the goal's `must` or `go_for` was reached; None where it cannot be said."""
        wanted = None if self.goal is None else getattr(self.goal, which)
        if wanted is None or self.held is None:
            return None
        return self.held >= wanted if self.goal.kind == "speedup" else self.held <= wanted

    def to_dict(self):
        """Everything as plain numbers and names, for JSON."""
        goal = self.goal and self.goal._asdict()
        if goal:
            goal |= {
                "held": self.held,
                "reached": self.reached(),
                "reached_go_for": self.reached("go_for"),
            }
        return {
            "work": self.work,
            "unit": self.unit,
            "at": self.at,
            "figures": {name: figure._asdict() for name, figure in self.figures.items()},
            "ratios": self.ratios,
            "ratio_to_best": self.ratio_to_best,
            "goal": goal,
            "errors": self.errors,
            "product_operations_per_second": self.rates,
            "fraction_of_product": self.fraction,
            "note": self.note,
        }
