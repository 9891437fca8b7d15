"""Ratios, goals, and how they are shown."""

import json

import pytest

from minibert.bench import goals, table
from minibert.bench.rows import Goal, Row
from minibert.bench.timing import figure

pytestmark = pytest.mark.quick

ENGINES = ("torch", "onnxruntime")


def row(goal=None, unit="ms", **figures):
    made = {name: figure([value]) for name, value in figures.items()}
    return Row("a work", made, unit=unit, goal=goal)


def test_a_ratio_above_one_says_that_we_are_ahead():
    some = row(minibert=2.0, torch=3.0, onnxruntime=8.0)
    assert some.ratios == {"torch": 1.5, "onnxruntime": 4.0}
    assert some.ratio_to_best == 1.5


def test_alone_there_is_no_ratio():
    assert row(minibert=2.0).ratios == {}
    assert row(minibert=2.0).ratio_to_best is None
    assert row().ratios == {}


@pytest.mark.parametrize(
    ("goal", "ours", "held", "must", "go_for"),
    [
        (Goal("speedup", 1.5, 2.0, ENGINES), 2.0, 1.5, True, False),
        (Goal("speedup", 1.5, 2.0, ENGINES), 1.5, 2.0, True, True),
        (Goal("speedup", 1.5, 2.0, ENGINES), 3.0, 1.0, False, False),
        (Goal("speedup", 1.5, 3.0, ("onnxruntime",)), 2.0, 3.0, True, True),
        (Goal("share", 1.0, 0.7, ("torch",)), 3.0, 1.0, True, False),
        (Goal("share", 1.0, 0.7, ("torch",)), 3.3, 1.1, False, False),
        (Goal("share", 1.0, 0.7, ("torch",)), 1.5, 0.5, True, True),
        (Goal("limit", 2.5), 2.0, 2.0, True, None),
        (Goal("limit", 1.5), 2.0, 2.0, False, None),
        (Goal("speedup", 1.5, 2.0, ("transformers",)), 2.0, None, None, None),
    ],
)
def test_what_a_goal_is_held_against(goal, ours, held, must, go_for):
    some = row(goal, minibert=ours, torch=3.0, onnxruntime=6.0)
    assert some.held == pytest.approx(held) if held else some.held is None
    assert (some.reached(), some.reached("go_for")) == (must, go_for)


def test_a_skipped_row_reached_nothing():
    assert row(goals.SENTENCES).reached() is None


def test_the_table_lines_up():
    some = row(Goal("speedup", 1.5, 2.0, ENGINES), minibert=2.0, torch=3.0, onnxruntime=8.0)
    title, rule, line = f"{table.header(ENGINES)}\n{table.line(some, ENGINES)}".splitlines()
    assert set(rule) == {"-"}
    assert len(rule) == len(title)
    for column, cell in (
        ("minibert", "2 ms"), ("torch", "3 ms"), ("onnxruntime", "8 ms"), ("x torch", "1.50x"),
        ("x best", "1.50x"), ("must", ">= 1.5x"), ("go for", ">= 2x"), ("reached", "yes"),
    ):  # fmt: skip
        end = title.index(column) + len(column)
        assert line[:end].endswith(cell), column


@pytest.mark.parametrize(
    ("goal", "unit", "said"),
    [
        (Goal("limit", 64.0), "MB", "<= 64 MB"),
        (Goal("share", 1.0, 0.7, ("torch",)), "MB", "<= 0.7 of"),
        (Goal("speedup", 9.0, None, ("torch",)), "ms", "no"),
        (Goal("speedup", 1.0, 1.4, ("torch",)), "ms", "go for"),
    ],
)
def test_goals_in_words(goal, unit, said):
    assert said in table.line(row(goal, unit, minibert=2.0, torch=3.0), ("torch",))


def test_a_skipped_row_says_why():
    first, second = table.line(Row("a work", note="no text"), ENGINES).splitlines()
    assert first.split() == ["a", "work", "skipped"]
    assert second.strip() == "no text"


def test_a_row_is_plain_for_json():
    goal = goals.training(8, 0.1)
    some = row(goal, minibert=2.0, torch=3.0)
    back = json.loads(json.dumps(some.to_dict()))
    assert back["figures"]["torch"] == figure([3.0])._asdict()
    assert back["ratios"] == {"torch": 1.5}
    assert back["goal"]["must"] == 1.5
    assert back["goal"]["reached"] is True
    assert json.loads(json.dumps(Row("nothing").to_dict()))["goal"] is None


def test_goals_where_there_are_tiles(monkeypatch):
    for there, must in ((False, 1.1), (True, 1.4)):
        monkeypatch.setattr(goals, "has_amx", lambda there=there: there)
        assert goals.inference(8).must == must
    assert goals.inference(16) is None


def test_goals_of_int8_where_there_are_tiles(monkeypatch):
    for there, must in ((False, 1.3), (True, 2.5)):
        monkeypatch.setattr(goals, "has_amx", lambda there=there: there)
        assert goals.int8_inference(32).must == must
    assert goals.int8_inference(16) is None
