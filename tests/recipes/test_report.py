"""The table, and the clock."""

import pytest

from minibert.recipes import report
from minibert.recipes.report import Costs, files_size, format_table, latencies

COSTS = [
    Costs(1234567, 999_499, 12_000, 0.123, 4.0),
    Costs(89, 1_234_567_890, 22_350_000_000, 1000.5, 12345.678),
]
ROWS = [
    {"name": "bag-of-words", "accuracy": 0.5, **COSTS[0]._asdict()},
    {"name": "int8", "accuracy": 0.98765, **COSTS[1]._asdict()},
]


@pytest.mark.quick
def test_table():
    """Every number in its unit, every column right-aligned under its head."""
    lines = format_table(ROWS).split("\n")
    assert len(lines) == 4
    assert lines[1] == "-" * len(lines[0])
    assert lines[2].split() == ["bag-of-words", "50.0%", "1,234,567", "999", "0.01", "0.12", "4.00"]
    assert lines[3].split() == [
        "int8", "98.8%", "89", "1,234,568", "22,350.00", "1000.50", "12345.68",
    ]
    assert len({len(line) for line in lines}) == 1
    for head in ("accuracy", "parameters", "kB", "MFLOP", "ms, 1 text", "ms, 32 texts"):
        end = lines[0].index(head) + len(head)
        for line in lines[2:]:
            assert line[end - 1].isdigit() or line[end - 1] == "%"
            assert line[end : end + 1].strip() == ""


def test_other_measures_and_their_intervals():
    rows = [ROWS[0] | {"pearson": 0.51234, "intervals": {"pearson": [0.4, 0.6]}}]
    lines = format_table(rows, ("pearson", "accuracy")).split("\n")
    assert lines[0].split()[:2] == ["pearson", "accuracy"]
    assert lines[2].split()[:5] == ["bag-of-words", "0.512", "[0.400,", "0.600]", "50.0%"]


def test_size_of_a_directory_and_of_a_file(tmp_path):
    """What another library reads instead of vocab.txt does not count twice."""
    for name, size in (("model.safetensors", 11), ("vocab.txt", 5), ("tokenizer.json", 100)):
        (tmp_path / name).write_bytes(bytes(size))
    assert files_size(tmp_path) == 16
    assert files_size(tmp_path / "model.safetensors") == 11


class Clock:
    """A predictor's time is what it is told; `calls` keeps who was called with how many texts."""

    def __init__(self):
        self.now, self.calls = 0.0, []

    def predictor(self, name, seconds):
        def predict(texts):
            self.calls.append((name, tuple(texts)))
            self.now += seconds(len(texts))

        return predict


@pytest.fixture
def clock(monkeypatch):
    found = Clock()
    monkeypatch.setattr(report.time, "perf_counter", lambda: found.now)
    return found


@pytest.mark.quick
def test_latencies(clock):
    """Medians in ms, in turn on the same texts; the first call of each is not counted."""
    slow_start = iter([5.0])
    predictors = {
        "a": clock.predictor("a", lambda n: next(slow_start, 0.001 * n)),
        "b": clock.predictor("b", lambda n: 0.5),
    }
    texts = [f"text {i}" for i in range(70)]
    found = latencies(predictors, texts, singles=3, batches=2)
    assert found["a"] == pytest.approx((1.0, 32.0))
    assert found["b"] == pytest.approx((500.0, 500.0))
    assert [name for name, _ in clock.calls] == ["a", "b"] * 7
    sizes = [len(batch) for name, batch in clock.calls if name == "a"]
    assert sizes == [1, 1, 1, 1, 32, 32, 32]
    assert clock.calls[-1][1] == tuple(texts[32:64]), "as they come"


def test_fewer_texts_than_a_batch(clock):
    predictors = {"a": clock.predictor("a", lambda n: 0.001 * n)}
    assert latencies(predictors, ["x", "y", "z"])["a"] == pytest.approx((1.0, 3.0))


def test_one_odd_time_does_not_count(clock):
    """The machine is shared: a median, not a mean."""
    times = iter([0.002, 0.002, 9.0, 0.002, 0.004, 0.004])
    predictors = {"a": clock.predictor("a", lambda n: next(times))}
    assert latencies(predictors, ["x", "y", "z"])["a"] == pytest.approx((2.0, 4.0))
