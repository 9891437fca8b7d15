"""Plots of measured rows, and none where there is nothing to draw."""

import pytest

from minibert.bench.figures import draw
from minibert.bench.rows import Row
from minibert.bench.timing import figure

pytest.importorskip("matplotlib")


def row(ours, theirs, unit="ms", **at):
    return Row("a work", {"torch": figure([theirs]), "minibert": figure([ours])}, unit, at=at)


def inference(batch, length, padded=0):
    tokens = batch * length - padded
    return row(tokens * 0.01, tokens * 0.02, batch=batch, length=length, tokens=tokens)


def curves(drawn):
    return {
        line.get_label(): (line.get_xdata().tolist(), line.get_ydata().tolist())
        for line in drawn.axes[0].lines
    }


def test_every_plot():
    rows = {
        "inference": [inference(*size) for size in ((8, 128), (1, 128), (1, 64), (8, 128, 200))],
        "attention": [row(1.0, 2.0, unit, length=n) for n in (16, 32) for unit in ("ms", "MB")],
        "startup": [row(1.0, 2.0, "s")],
    }
    drawn = draw(rows)
    names = {"latency-batch", "time-per-token", "latency-length", "attention-length"}
    assert drawn.keys() == names | {"memory-length"}
    assert curves(drawn["latency-batch"])["torch"] == ([1, 8], pytest.approx([2.56, 20.48]))
    assert list(curves(drawn["latency-batch"])) == ["minibert", "torch"]
    assert curves(drawn["latency-length"])["minibert"] == ([64, 128], pytest.approx([0.64, 1.28]))
    x, y = curves(drawn["time-per-token"])["minibert"]
    assert (x, y) == ([1, 8], pytest.approx([10.0, 10.0]))  # microseconds
    assert drawn["time-per-token"].axes[0].get_ylim()[0] == 0
    memory = drawn["memory-length"].axes[0]
    assert (memory.get_xlim()[0], memory.get_ylim()[0]) == (0, 0)
    assert [tick.get_text() for tick in memory.get_xticklabels()] == ["16", "32"]


def test_one_point_is_no_line():
    assert draw({"inference": [inference(1, 128)]}).keys() == set()
    assert draw({}) == {}
