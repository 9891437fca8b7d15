"""`trace`: what is compared with what, under which names, on which inputs."""


import numpy as np
import pytest
from model.small import batch

from minibert.check import trace

from .broken import dump, like
from .test_trace_causes import small


def test_the_same_model_agrees():
    found = trace(small(), small())
    assert found
    assert found.first is None
    assert found.causes == []
    assert f"All {found.count} tensors agree" in str(found)
    assert {row.verdict for row in found.rows} == {"OK"}
    # 4 of the embeddings, 12 a layer, 2 of the pooler, the classifier
    assert found.count == 4 + 4 * 12 + 3


def test_two_mistakes_show_one_after_the_other():
    m = small()
    one, two = (f"bert.encoder.layer.{i}.attention.self.value.weight" for i in (0, 2))
    found = trace(m, like(m, **{n: m.params[n].T.copy() for n in (one, two)}), go_on=True)
    assert found.causes[0].cause == "transposed-weight"
    assert found.causes[0].next == "encoder.layer.2.attention.self.value"
    assert "up to encoder.layer.2.attention.self.value" in str(found)
    assert found.rows[-1].name == "classifier"


def test_names_with_prefixes_and_aliases():
    m = small()
    found = dump(m)
    inputs = {n: a for n, a in found.items() if n in ("input_ids", "attention_mask",
                                                      "token_type_ids")}  # fmt: skip
    states = np.stack([found["embeddings"],
                       *(found[f"encoder.layer.{i}.output"] for i in range(4))])  # fmt: skip
    given = inputs | {
        "0.auto_model.encoder.layer.2.attention.output.dense":
            found["encoder.layer.2.attention.output.dense"],
        "model.bert.embeddings.position_embeddings": found["embeddings.position_embeddings"][0],
        "hidden_states": states,
        "attentions_1": found["encoder.layer.1.attention.self.probabilities"],
        "last_hidden_state": states[-1], "logits": found["classifier"], "lstm.out": states,
    }  # fmt: skip
    said = trace(m, given)
    assert said, str(said)
    assert [row.name for row in said.rows] == [
        "embeddings.position_embeddings", "hidden_states.0", "hidden_states.1", "attentions.1",
        "hidden_states.2", "encoder.layer.2.attention.output.dense", "hidden_states.3",
        "hidden_states.4", "last_hidden_state", "logits",
    ]  # fmt: skip
    assert said.unknown == ["lstm.out"]
    assert "encoder.layer.0.attention.self.query" in said.missing
    assert "embeddings" not in said.missing
    assert "lstm.out" in str(said)


def test_texts_ids_and_int8(tmp_path):
    from cli.small import classifier

    m = classifier(tmp_path / "a")
    found = trace(tmp_path / "a", m, texts=["the good film", "bad"], pairs=["a", "very bad"])
    assert found
    assert "2 texts" in found.inputs
    assert trace(m, m, input_ids=[[2, 7, 3]]).rows[0].shape == (1, 3, 12)
    assert trace(m, m.quantize()).causes[0].says == "the weights are rounded to int8"
    assert not trace(m.quantize(), m)
    assert trace(m.quantize(), m.quantize())
    file = trace(m, dump(m) | {"input_ids": np.ones((3, 5), int)})
    assert file.first.name == "embeddings.word_embeddings"


def test_what_the_file_does_not_say_is_said():
    m = small()
    found = dump(m)
    del found["attention_mask"], found["token_type_ids"]
    said = trace(m, found)
    assert "attention_mask as all 1" in said.inputs
    ids = found.pop("input_ids")
    with pytest.raises(ValueError, match="has no input_ids"):
        trace(m, found)
    _, segments, keep = batch(m.config, rows=3)
    assert trace(m, found, input_ids=ids, token_type_ids=segments, attention_mask=keep)
