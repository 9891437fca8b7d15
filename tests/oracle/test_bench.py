"""The benchmark beside its peers, on tiny models: they agree, and it notices where they do not."""

import pytest
from bench.conftest import tiny  # noqa: F401  (a fixture)

from minibert.bench import (
    attention,
    engines,
    gemm,
    goals,
    inference,
    inference_int8,
    memory,
    peers,
    tokenizer,
    training,
)
from minibert.bench.compare import MismatchError
from minibert.bench.engines import INT8_LIMIT
from minibert.bench.run import Run
from minibert.bench.timing import figure

for name in ("torch", "transformers", "onnxruntime", "onnx", "tokenizers"):
    pytest.importorskip(name)

pytestmark = [pytest.mark.oracle, pytest.mark.usefixtures("tiny")]

RUN = Run(peers=peers.ENGINES, threads=1, repeat=1)


@pytest.fixture(autouse=True)
def _no_children(monkeypatch):
    monkeypatch.setattr(memory, "measure", lambda run, work, *sizes: {"minibert": figure([1.0])})


def test_inference(tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("".join(f"words {'of text ' * i}\n" for i in range(1, 6)), encoding="utf-8")
    run = Run(peers=peers.ENGINES, threads=1, repeat=1, quick=True, data=texts)
    rows = list(inference.rows(run))
    float32, int8, last = rows[:3], rows[3:6], rows[6:]
    for row in float32:
        assert row.figures.keys() == {"minibert", *peers.ENGINES}
        assert row.errors.keys() == set(peers.ENGINES)
        assert max(row.errors.values()) < 1e-5
    padded = float32[-1].at
    assert padded["tokens"] < padded["batch"] * padded["length"]
    for row in int8:
        assert_all_in_int8(row)
    assert "% of it tokens" in int8[-1].note
    assert [row.work for row in last] == ["int8 against float32 (2,8), ours"]


def assert_all_in_int8(row):
    """Every engine is there, and rounds as int8 does: more than float32, less than the limit."""
    engines = {"minibert", *peers.ENGINES}
    assert row.figures.keys() == row.errors.keys() == engines
    for error in row.errors.values():
        assert 1e-3 < error < INT8_LIMIT
    assert row.fraction is None


def test_all_rows_of_int8():
    ours = engines.our_model(inference.preset(inference.PRESET))
    rows = [r for r in inference_int8.rows(RUN, ours, (1, 2), 8, 2) if "in int8 (" in r.work]
    assert [row.work for row in rows] == [
        "inference in int8 (1,8)", "inference in int8 (2,8)", "bert-base in int8 (8,8)",
    ]  # fmt: skip
    for row in rows:
        assert_all_in_int8(row)
    assert rows[-1].goal == goals.INT8_LARGE


@pytest.mark.parametrize("peer", peers.ENGINES)
def test_another_model_in_int8_is_noticed(monkeypatch, peer):
    """The peer gets word embeddings of the other sign."""
    given = peers.torch_model

    def other(config, params, *way):
        name = "bert.embeddings.word_embeddings.weight"
        return given(config, params | {name: -params[name]}, *way)

    monkeypatch.setattr(peers, "torch_model", other)
    ours = engines.our_model(inference.preset(inference.PRESET))
    run = Run(peers=(peer,), threads=1, repeat=1)
    with pytest.raises(MismatchError, match=f"in int8 .*{peer}"):
        list(inference_int8.rows(run, ours, (1, 2), 8, 2))


def test_gemm(monkeypatch):
    import torch

    during, between, product = [], [], peers.torch_int8_product
    monkeypatch.setattr(
        peers,
        "torch_int8_product",
        lambda x, w: during.append(torch.get_num_threads()) or product(x, w),
    )
    torch.set_num_threads(2)
    run = Run(peers=peers.ENGINES, threads=2, repeat=1)
    for row in gemm.rows(run):
        between.append(torch.get_num_threads())
        assert row.figures.keys() == {"minibert", "torch"}
        assert row.errors == ({"torch": 0.0} if row.at else {})
    assert (during, between) == ([1, 1], [2, 2, 2])
    assert row.ratios["torch"] > 0


def test_another_product_is_noticed(monkeypatch):
    product = peers.torch_int8_product

    def other(x, w):
        def run():
            found = product(x, w)().copy()
            found[0, 0] += 1
            return found

        return run

    monkeypatch.setattr(peers, "torch_int8_product", other)
    with pytest.raises(MismatchError, match=r"int8 GEMM .*torch"):
        list(gemm.rows(RUN))


@pytest.mark.parametrize("quick", [True, False])
def test_training(quick):
    run = Run(peers=peers.ENGINES, threads=1, repeat=1, quick=quick)
    rows = [row for row in training.rows(run) if row.unit == "ms"]
    for row in rows:
        assert {"minibert", "torch"} <= row.figures.keys()
        assert row.errors["torch"] < 1e-5
    assert any("distillation" in row.work for row in rows)
    assert (training.DEFAULT in rows[0].figures) != quick


def test_attention():
    assert all(row.errors["torch"] < 1e-5 for row in attention.rows(RUN) if row.unit == "ms")


def test_tokenizers(monkeypatch):
    monkeypatch.setattr(tokenizer, "MEGABYTE", 20_000)
    (row,) = tokenizer.rows(Run(peers=peers.ENGINES, threads=1, quick=True))
    assert row.figures.keys() == {"minibert", "transformers", "tokenizers"}


def test_another_model_is_noticed(monkeypatch):
    """The peer gets weights of which one differs."""
    given = peers.torch_model

    def other(config, params, *way):
        name = "bert.encoder.layer.1.intermediate.dense.bias"
        return given(config, params | {name: params[name] + 0.01}, *way)

    monkeypatch.setattr(peers, "torch_model", other)
    with pytest.raises(MismatchError, match="torch"):
        list(inference.rows(RUN))


def test_another_step_is_noticed(monkeypatch):
    step = peers.TorchStep
    monkeypatch.setattr(peers, "TorchStep", lambda *args: step(*args[:4], 10 * args[4], *args[5:]))
    with pytest.raises(MismatchError, match="training step"):
        list(training.rows(RUN))
