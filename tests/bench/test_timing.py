"""Works take turns, and the figures are those of the turns."""

import gc

import pytest

from minibert.bench import timing
from minibert.bench.timing import Figure, fastest, figure, geometric_mean, interleaved

pytestmark = pytest.mark.quick


class Clock:
    """A time that passes only where a work says so."""

    def __init__(self, monkeypatch):
        self.now, self.rests, self.calls = 0.0, [], []
        monkeypatch.setattr(timing.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(timing.time, "sleep", self.rests.append)

    def work(self, name, *seconds):
        """A work that takes these seconds, one after the other, the last for ever."""
        left = list(seconds)

        def run():
            self.calls.append(name)
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return run


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def test_works_take_turns(clock):
    works = {"a": clock.work("a", 1.0), "b": clock.work("b", 2.0)}
    interleaved(works, seconds=0.0, least=3, most=3)
    assert "".join(clock.calls) == "ab" + "ababab"  # the first of each is not counted


def test_a_short_work_is_called_once_more(clock):
    works = {"a": clock.work("a", 0.001), "b": clock.work("b", 2.0)}
    interleaved(works, seconds=0.0, least=2, most=2)
    assert "".join(clock.calls) == "ab" + "aabaab"


def test_a_rest_before_each_turn(clock):
    interleaved({"a": clock.work("a", 1.0)}, seconds=0.0, least=4, most=4, pause=0.5)
    assert clock.rests == [0.5] * 4


def test_the_warm_up_does_not_count(clock):
    found = interleaved({"a": clock.work("a", 60.0, 1.0)}, seconds=0.0, least=3, most=3)
    assert found["a"] == figure([1000.0] * 3)


def test_median_quartiles_and_least(clock):
    work = clock.work("a", 9.0, 5.0, 1.0, 4.0, 2.0, 3.0)
    found = interleaved({"a": work}, seconds=0.0, least=5, most=5)["a"]
    assert found == pytest.approx((3000.0, 2000.0, 4000.0, 1000.0, 5))


def test_geometric_means():
    found = geometric_mean([Figure(2.0, 1.0, 3.0, 0.5, 9), Figure(8.0, 4.0, 27.0, 2.0, 5)])
    assert found == pytest.approx((4.0, 2.0, 9.0, 1.0, 5))


@pytest.mark.parametrize(
    ("seconds", "least", "most", "turns"), [(10.0, 1, 99, 11), (10.0, 20, 99, 20), (10.0, 1, 4, 4)]
)
def test_how_many_turns(clock, seconds, least, most, turns):
    found = interleaved({"a": clock.work("a", 1.0)}, seconds=seconds, least=least, most=most)
    assert found["a"].runs == turns


@pytest.mark.parametrize("was_on", [True, False])
def test_garbage_waits_until_the_end(was_on):
    seen = []

    def work():
        seen.append(gc.isenabled())
        if len(seen) > 2:
            raise ZeroDivisionError

    before = gc.isenabled()
    (gc.enable if was_on else gc.disable)()
    try:
        with pytest.raises(ZeroDivisionError):
            interleaved({"a": work}, seconds=0.0, pause=0.0)
        assert not any(seen[1:])
        assert gc.isenabled() == was_on
    finally:
        (gc.enable if before else gc.disable)()


def test_the_fastest_way(clock):
    ways = {"a": clock.work("a", 2.0), "b": clock.work("b", 9.0, 1.0)}
    assert fastest(ways) == "b"


def test_one_way_is_not_tried(clock):
    assert fastest({"a": clock.work("a", 1.0)}) == "a"
    assert clock.calls == []
