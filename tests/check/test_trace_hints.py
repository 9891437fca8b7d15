"""`trace`: what is said of a difference whose cause is not known, and that no cause is made up."""


import numpy as np
import pytest
from model.small import batch

from minibert.check import trace

from .broken import dump, like
from .test_trace_causes import small


@pytest.mark.parametrize("name", [
    "embeddings.word_embeddings", "embeddings", "encoder.layer.0.attention.self.query",
    "encoder.layer.1.attention.self.scores", "encoder.layer.1.attention.self",
    "encoder.layer.2.intermediate.dense", "encoder.layer.2.intermediate", "encoder.layer.2.output",
    "pooler", "classifier",
])  # fmt: skip
@pytest.mark.parametrize("size", [1e-4, 1e-3, 0.3])
def test_noise_has_no_cause(name, size):
    m = small()
    found = dump(m)
    rng = np.random.default_rng(4)
    noise = rng.standard_normal(found[name].shape) * size * np.std(found[name])
    found[name] = (found[name] + noise).astype(np.float32)
    if name == "embeddings":
        found["embeddings.LayerNorm"] = found[name]
    said = trace(m, found)
    assert said.first.name.removesuffix(".LayerNorm") == name
    assert said.causes == []
    assert "None of the mistakes that trace knows" in str(said)


def test_noise_in_the_weights_has_no_cause():
    m = small()
    name = "bert.encoder.layer.2.attention.self.query.weight"
    rng = np.random.default_rng(4)
    p = m.params[name]
    other = like(m, **{name: (p + 1e-3 * rng.standard_normal(p.shape)).astype(np.float32)})
    found = trace(m, other)
    assert found.first.name == "encoder.layer.2.attention.self.query"
    assert found.causes == []


@pytest.mark.parametrize(("change", "words"), [
    (lambda a: 2.5 * a, "2.5 times"),
    (lambda a: -a, "the sign is the other"),
    (lambda a: a + 3.0, "the reference's +3"),
    (lambda a: a + np.arange(a.shape[-1]), "same vector is added"),
    (lambda a: np.roll(a, 1, 1), "each token in another order: 4, 0, 1"),
    (lambda a: a[..., ::-1], "each feature in another order: 10, 9"),
    (lambda a: np.zeros_like(a), "all zeros"),
    (lambda a: a.swapaxes(0, 1), "the axes are in another order"),
    (lambda a: a[:2], "another number of texts"),
    (lambda a: a[..., :5], "differ in size"),
])  # fmt: skip
def test_what_is_said_without_a_cause(change, words):
    m = small()
    found = dump(m)
    name = "encoder.layer.1.intermediate.dense"
    found[name] = np.asarray(change(found[name]), np.float32)
    said = trace(m, found)
    assert said.first.name == name
    assert words in str(said), str(said)


def test_padding_alone_that_differs_is_said():
    m = small()
    found = dump(m)
    keep = found["attention_mask"].astype(bool)
    name = "encoder.layer.3.output.LayerNorm"
    found[name] = np.where(keep[..., None], found[name], 0.0).astype(np.float32)
    assert "only padding differs" in str(trace(m, found))


def test_nan_and_infinity_are_said():
    m = small()
    found = dump(m)
    found["encoder.layer.1.output.dense"][1, 2, 3] = np.nan
    found["encoder.layer.1.output.dense"][2, 2, 3] = np.inf
    said = trace(m, found)
    assert said.first.name == "encoder.layer.1.output.dense"
    assert "1 NaN and 1 infinities" in said.hints[0]
    assert "[1, 2, 3]" in said.hints[0]
    assert said.to_dict()["rows"][-1]["relative"] is None


def test_a_formula_that_a_later_tensor_refutes_is_no_cause():
    """The mask is ignored in the first layer's numbers, and not in the next ones."""
    m = small()
    _, _, keep = batch(m.config, rows=3)
    ignored, right = dump(m, keep=np.ones_like(keep)), dump(m)
    name = "encoder.layer.0.attention.self.probabilities"
    said = trace(m, right | {name: ignored[name]})
    assert said.causes[0].refuted
    assert "None of the mistakes that trace knows" in str(said)
    assert f"Explains only {name}" in str(said)
    assert "Consistent with" not in str(said)


def test_positions_that_depend_on_the_text():
    m = small()
    found = dump(m)
    name = "embeddings.position_embeddings"
    rows = np.repeat(found[name], 3, 0)
    rows[1] = rows[1][::-1]
    assert "RoBERTa" in str(trace(m, found | {name: rows}))
