"""`trace`: what is compared, what is said where nothing is known, and what is refused."""

import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from model.small import batch, random_params, uniform

from minibert import kernels as F
from minibert.check import trace
from minibert.interop.tensors import write_tensors
from minibert.pretrained import BertForSequenceClassification, BertModel

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


def test_two_mistakes_show_one_after_the_other():
    m = small()
    one, two = (f"bert.encoder.layer.{i}.attention.self.value.weight" for i in (0, 2))
    found = trace(m, like(m, **{n: m.params[n].T.copy() for n in (one, two)}), go_on=True)
    assert found.causes[0].cause == "transposed-weight"
    assert found.causes[0].next == "encoder.layer.2.attention.self.value"
    assert "up to encoder.layer.2.attention.self.value" in str(found)
    assert found.rows[-1].name == "classifier"


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


def test_another_activation_in_the_config_is_run(tmp_path):
    m = small()
    m.save_pretrained(tmp_path / "a")
    m.save_pretrained(tmp_path / "b")
    path = tmp_path / "b" / "config.json"
    path.write_text(path.read_text().replace('"gelu"', '"gelu_pytorch_tanh"'))
    found = trace(tmp_path / "a", tmp_path / "b")
    assert found.first.name == "encoder.layer.0.intermediate"
    assert found.causes[0].cause == "other-gelu"
    assert found.causes[0].next is None
    assert found.config == {"hidden_act": ("gelu", "gelu_pytorch_tanh")}
    back = trace(tmp_path / "b", tmp_path / "a")
    assert "GELU is x Phi(x), not the tanh form" in back.causes[0].says
    assert trace(tmp_path / "b", tmp_path / "b")


def test_configs_that_differ_are_listed():
    m = small()
    other = replace(m.config, eps=1e-6, labels=("yes", "maybe", "no"), pooler="tinybert")
    found = trace(m, like(m, other))
    assert found.config["layer_norm_eps"] == (1e-12, 1e-6)
    assert found.config["pooler"] == ("hf", "tinybert")
    assert "yes" in str(found.config["id2label"])
    assert "config     pooler is hf in REFERENCE, tinybert in OTHER" in str(found)


def test_other_sizes():
    m = small()
    config = uniform(hidden=21, n_layers=2, vocab=19, positions=6)
    found = trace(m, BertModel(config, random_params(config)))
    assert found.first.verdict == "SHAPE"
    assert found.first.name == "embeddings.word_embeddings"
    assert found.causes == []
    assert "SHAPE" in str(found)
    layers = [replace(size, heads=5, head_size=3) for size in m.config.layers]
    found = trace(m, like(m, replace(m.config, layers=layers)))
    assert found.first.name == "encoder.layer.0.attention.self.scores"
    assert found.causes[0].says == "there are 5 heads of size 3, not 3 of 5"
    assert found.causes[0].next is None


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_rounded_weights(kind):
    m = small()
    if kind == "bfloat16":  # 8 significant bits
        parts = {n: np.frexp(p) for n, p in m.params.items()}
        params = {n: np.ldexp(np.round(f * 256) / 256, e) for n, (f, e) in parts.items()}
    else:
        params = {n: p.astype(kind).astype(np.float32) for n, p in m.params.items()}
    found = trace(m, like(m, **params))
    assert found.first.name == "embeddings.word_embeddings"
    assert found.causes[0].says == f"the weights are rounded to {kind}"
    assert found.causes[0].next is None


def test_the_other_pooler():
    m = small()
    found = trace(m, like(m, replace(m.config, pooler="tinybert")))
    assert found.first.name == "classifier"
    assert [cause.cause for cause in found.causes] == ["other-pooler"]


def _no_bias(m):
    name = "bert.encoder.layer.1.attention.self.value.bias"
    return like(m, **{name: np.zeros_like(m.params[name])})


def _segments_exchanged(m):
    return dump(m, segments=1 - batch(m.config, rows=3)[1])


def _mask_inverted(m):
    return dump(m, keep=~batch(m.config, rows=3)[2])


def _attention(change):
    """The attention's bias is changed."""
    forward = F.attention_forward

    def make(m):
        keep = batch(m.config, rows=3)[2]

        def other(q, k, v, bias, **others):
            return forward(q, k, v, change(bias, keep), **others)

        with F.swap(attention=(other, None)):
            return dump(m)

    return make


def _activation(f):
    def make(m):
        with F.swap(gelu=(lambda x: (f(x), None), None)):
            return dump(m)

    return make


@pytest.mark.parametrize(("broken", "cause", "words"), [
    (_no_bias, "no-bias", "bias of encoder.layer.1.attention.self.value"),
    (_segments_exchanged, "other-segments", "other way round"),
    (_mask_inverted, "other-mask", "only padding is attended to"),
    (_attention(lambda b, keep: keep[:, None, None] * 1.0), "other-mask", "as the numbers 1 and 0"),
    (_attention(lambda b, keep: b.swapaxes(-1, -2)), "other-mask", "hides queries, not keys"),
    (_activation(lambda x: np.maximum(x, 0)), "other-gelu", "is relu"),
    (_activation(lambda x: x / (1 + np.exp(-1.702 * x))), "other-gelu", "sigmoid(1.702 x)"),
], ids=lambda v: v if isinstance(v, str) else "")  # fmt: skip
def test_relatives_of_the_usual_mistakes(broken, cause, words):
    m = small()
    found = trace(m, broken(m))
    assert found.causes[0].cause == cause, str(found)
    assert words in found.causes[0].says
    assert found.causes[0].next is None


def test_fewer_layers():
    m = small()
    two = replace(m.config, layers=m.config.layers[:2])
    params = {n: p for n, p in m.params.items() if ".layer.2" not in n and ".layer.3" not in n}
    found = trace(m, BertModel(two, params))
    assert found.first.name == "pooler.dense"
    assert found.config["num_hidden_layers"] == (4, 2)
    assert "REFERENCE has 4 layers, OTHER 2" in str(found)


def test_fewer_layers_differ_though_all_else_agrees(tmp_path):
    """Without a pooler nothing is computed after the layers that both have."""
    m = small()
    bare = {n: p for n, p in m.params.items() if "pooler" not in n and n.startswith("bert.")}
    folders = []
    for n in (4, 3):
        config = replace(m.config, layers=m.config.layers[:n], labels=())
        BertModel(config, m.params).save_pretrained(tmp_path / str(n))
        from safetensors.numpy import save_file

        few = {k.removeprefix("bert."): p for k, p in bare.items() if f".layer.{n}" not in k}
        save_file(few, tmp_path / str(n) / "model.safetensors")
        folders.append(tmp_path / str(n))
    found = trace(*folders)
    assert found.first is None
    assert not found
    assert found.apart == ["REFERENCE has 4 layers, OTHER 3"]
    assert trace(folders[0], folders[0])


def test_labels_in_another_order_in_the_config_alone():
    m = small()
    found = trace(m, like(m, replace(m.config, labels=("yes", "maybe", "no"))))
    assert not found
    assert found.first is None
    assert found.causes[0].cause == "label-order"
    assert "output 0 is no in REFERENCE, yes in OTHER" in str(found)
    assert trace(m, like(m, replace(m.config, labels=())))


@pytest.mark.parametrize(("kind", "rtol"), [("float16", 1e-3), ("bfloat16", 8e-3)])
def test_numbers_in_half_precision_have_a_tolerance_of_their_own(kind, rtol, tmp_path):
    """Whatever type they are saved in; it loosens no other tensor's."""
    m = small()
    found = dump(m)
    name = "attentions.0"
    p = found.pop("encoder.layer.0.attention.self.probabilities")
    half = p.astype(np.float16) if kind == "float16" else _upper(p)
    said = trace(m, found | {name: half.astype(np.float32)})
    assert said, str(said)
    assert said.rtol == {"float32": 4e-6, kind: rtol}
    assert {row.rtol for row in said.rows if row.name != name} == {4e-6}
    rounded = {n: _upper(a) if kind == "bfloat16" else a.astype(np.float16)
               for n, a in found.items() if a.dtype == np.float32}  # fmt: skip
    write_tensors(tmp_path / "a.safetensors", found | rounded, {})
    assert trace(m, tmp_path / "a.safetensors")
    strict = trace(m, found | rounded, rtol=1e-6)
    assert not any(kind in cause.says for cause in strict.causes)
    with F.swap(layernorm=(lambda x, g, b, _: F.OPS["layernorm_forward"](x, g, b, 1e-4), None)):
        other = dump(m)
    del other["encoder.layer.0.attention.self.probabilities"]
    assert trace(m, other | {name: half}).causes[0].cause == "other-eps"


def _upper(a):
    """float32 with the upper 16 bits, to the nearest."""
    return ((a.view(np.uint32) + 0x8000) & np.uint32(0xFFFF0000)).view(np.float32)


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


def test_scores_that_are_not_scaled():
    m = small()
    found = dump(m, only=lambda n: n.endswith("query") or n.endswith("scores"))
    for i in range(4):
        found[f"encoder.layer.{i}.attention.self.scores"] *= np.float32(5**0.5)
    said = trace(m, found)
    assert "not divided by sqrt(K) = sqrt(5)" in said.causes[0].says


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


def test_files_of_activations(tmp_path):
    m = small()
    found = dump(m)
    np.savez(tmp_path / "a.npz", **found)
    write_tensors(tmp_path / "a.safetensors", found, {})
    half = {n: a.astype(np.float16) if a.dtype == np.float32 else a for n, a in found.items()}
    np.savez_compressed(tmp_path / "half.npz", **half)
    for name in ("a.npz", "a.safetensors", "half.npz"):
        said = trace(m, tmp_path / name)
        assert said, str(said)
        assert said.count == 4 + 4 * 12 + 3
    m.save(tmp_path / "model.safetensors")
    assert trace(m, tmp_path / "model.safetensors").rtol == {"float64": 1e-9}


def hostile(path):
    """Names and contents of files that are no activations."""
    whole = io.BytesIO()
    np.savez(whole, embeddings=np.ones(3), input_ids=np.ones((1, 3), int))
    data = whole.getvalue()
    objects = io.BytesIO()
    np.savez(objects, embeddings=np.array([{}, None], object))
    texts = io.BytesIO()
    np.savez(texts, embeddings=np.array(["a", "b"]))
    none = io.BytesIO()
    np.savez(none, weights=np.ones(3))
    single = io.BytesIO()
    np.save(single, np.ones(3))
    huge = io.BytesIO()
    with zipfile.ZipFile(huge, "w") as file:
        header = b"\x93NUMPY\x01\x00v\x00"
        says = b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999, 99999), }"
        file.writestr("embeddings.npy", header + says.ljust(117) + b"\n")
        file.writestr("input_ids.npy", b"nothing")
    return {
        "truncated.npz": data[: len(data) // 2], "empty.npz": b"", "text.npz": b"no zip",
        "damaged.npz": data[:90] + bytes(8) + data[98:], "objects.npz": objects.getvalue(),
        "texts.npz": texts.getvalue(), "none.npz": none.getvalue(), "single.npz": single.getvalue(),
        "huge.npz": huge.getvalue(), "short.safetensors": data[:20], "x.bin": b"PK",
    }  # fmt: skip


def test_hostile_files_are_refused_in_a_line(tmp_path):
    m = small()
    for name, data in hostile(tmp_path).items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ValueError, match=name) as caught:
            trace(m, tmp_path / name)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 500


def test_what_is_refused(tmp_path):
    m = small()
    with pytest.raises(FileNotFoundError, match="no-such"):
        trace(m, tmp_path / "no-such")
    with pytest.raises(ValueError, match="without input_ids"):
        trace(m, m, attention_mask=[[1]])
    with pytest.raises(ValueError, match="seed is -1"):
        trace(m, m, seed=-1)
    np.savez(tmp_path / "a.npz", **dump(m, only=lambda n: n == "none"))
    with pytest.raises(ValueError, match="has no activation") as caught:
        trace(m, tmp_path / "a.npz")
    assert "whole" not in str(caught.value)
    with pytest.raises(ValueError, match="give it as OTHER"):
        trace(tmp_path / "a.npz", m)
    with pytest.raises(ValueError, match="no tokenizer"):
        trace(m, m, texts=["a"])
    with pytest.raises(ValueError, match="pairs without texts"):
        trace(m, m, pairs=["a"])
    found = dump(m)
    with pytest.raises(ValueError, match="differ: leave one out"):
        trace(m, found | {"bert.embeddings": found["embeddings"] + 1})
    with pytest.raises(ValueError, match="give no others"):
        trace(m, found, input_ids=[[1, 2]])
    with pytest.raises(ValueError, match="ids spans"):
        trace(m, found | {"input_ids": found["input_ids"] + 1000})


def test_a_model_without_a_head_or_a_pooler_of_its_own(tmp_path):
    """What the files do not have is not compared."""
    m = small()
    span = BertModel(m.config, {n: p for n, p in m.params.items() if n.startswith("bert.")})
    found = trace(m, span)
    assert found
    assert found.missing == ["classifier"]
    m.save_pretrained(tmp_path)
    config = (tmp_path / "config.json").read_text()
    assert isinstance(m, BertForSequenceClassification)
    from safetensors.numpy import load_file, save_file

    tensors = load_file(tmp_path / "model.safetensors")
    save_file({n: a for n, a in tensors.items() if "pooler" not in n},
              tmp_path / "model.safetensors")  # fmt: skip
    (tmp_path / "config.json").write_text(config)
    found = trace(m, tmp_path)
    assert found, str(found)
    assert "pooler" in found.missing
