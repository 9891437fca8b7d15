"""The benchmark beside its peers, on tiny models: they agree, and it notices where they do not."""

import pytest
from bench.conftest import tiny  # noqa: F401  (a fixture)

from minibert.bench import attention, inference, memory, peers, tokenizer, training
from minibert.bench.compare import MismatchError
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
    assert len(rows) == 3
    for row in rows:
        assert row.figures.keys() == {"minibert", *peers.ENGINES}
        assert max(row.errors.values()) < 1e-5
    assert rows[-1].at["tokens"] < rows[-1].at["batch"] * rows[-1].at["length"]


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
