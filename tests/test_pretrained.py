"""The user-level classes: what a call gives, where models come from, the articles' programs."""

import json
import re
import warnings

import numpy as np
import pytest
from model.small import random_params, uniform, widths

import minibert
from minibert import (
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    BertModel,
    BertTokenizer,
    load,
)
from minibert import kernels as F
from minibert.check import assert_close, relative_error
from minibert.model import bert_forward
from minibert.pretrained import ModelOutput
from minibert.text import SPECIAL_TOKENS, train_vocab

CLASSES = [BertModel, BertForSequenceClassification, BertForMaskedLM]
KINDS = pytest.mark.parametrize("kind", CLASSES)
IDS = np.array([[2, 5, 6, 5, 3], [2, 7, 3, 0, 0]])
MASK = (IDS != 0).astype(int)
SEGMENTS = np.array([[0, 0, 0, 1, 1], [0, 0, 0, 0, 0]])
FIELDS = ["loss", "logits", "last_hidden_state", "pooler_output", "hidden_states", "attentions"]
TOKENS = [*SPECIAL_TOKENS, *"天气好不.，é🙂wxyz", "sun", "rain", "##y", "##z", "##x", "##w"]


@pytest.fixture(autouse=True, scope="module")
def _formulas():
    with F.use("numpy"):
        yield


def model_of(kind, config=None, tokenizer=None):
    config = config or uniform()
    params = random_params(config, kind.head, dtype=np.float32)
    return kind(config, params, tokenizer=tokenizer)


def assert_same_params(a, b):
    assert a.keys() == b.keys()
    for name, p in a.items():
        assert p.tobytes() == b[name].tobytes(), name


# A call


@pytest.mark.quick
@KINDS
def test_items_and_attributes(kind):
    outputs = model_of(kind)(IDS)
    assert list(outputs) == FIELDS
    for name in FIELDS:
        assert getattr(outputs, name) is outputs[name]
    assert (outputs.logits is None) == (kind is BertModel)
    assert [outputs.loss, outputs.hidden_states, outputs.attentions] == [None] * 3


def test_what_is_not_there():
    outputs = model_of(BertModel)(IDS)
    with pytest.raises(AttributeError, match="no 'logit'; it has loss, logits"):
        _ = outputs.logit
    with pytest.raises(KeyError):
        outputs["logit"]
    assert isinstance(outputs, ModelOutput)


@pytest.mark.parametrize("config", [uniform(), widths()], ids=["uniform", "widths"])
def test_shapes(config):
    B, L, D = *IDS.shape, config.hidden
    outputs = model_of(BertForSequenceClassification, config)(
        IDS, MASK, SEGMENTS, output_hidden_states=True, output_attentions=True
    )
    assert outputs.logits.shape == (B, config.classes)
    assert outputs.last_hidden_state.shape == (B, L, D)
    assert outputs.pooler_output.shape == (B, D)
    assert [h.shape for h in outputs.hidden_states] == [(B, L, D)] * (config.n_layers + 1)
    assert [p.shape for p in outputs.attentions] == [(B, s.heads, L, L) for s in config.layers]
    assert outputs.hidden_states[-1] is outputs.last_hidden_state
    assert model_of(BertForMaskedLM, config)(IDS).logits.shape == (B, L, config.vocab)
    assert {outputs[n].dtype for n in ("logits", "last_hidden_state")} == {np.dtype(np.float32)}


@KINDS
def test_it_is_the_models_forward(kind):
    model = model_of(kind)
    outputs = model(IDS, MASK, SEGMENTS, output_hidden_states=True)
    expected, _ = bert_forward(
        model.params, model.config, IDS, SEGMENTS, MASK == 1, head=kind.head, want={"hidden"}
    )
    assert np.array_equal(outputs.pooler_output, expected.encoded.pooled)
    assert np.array_equal(outputs.hidden_states, expected.encoded.hidden)
    if kind.head:
        assert np.array_equal(outputs.logits, expected.logits)


@pytest.mark.quick
def test_attentions_are_probabilities():
    """Over the kept keys; softmax of the model's own scores."""
    model = model_of(BertModel)
    found = model(IDS, MASK, SEGMENTS, output_attentions=True).attentions
    out, _ = bert_forward(
        model.params, model.config, IDS, SEGMENTS, MASK == 1, want={"scores"}
    )
    for p, s in zip(found, out.encoded.scores, strict=True):
        kept = np.broadcast_to(MASK[:, None, None, :] == 1, p.shape)
        assert not p[~kept].any()
        assert_close(p.sum(-1), np.ones(p.shape[:-1]), rtol=1e-6)
        e = np.exp(s.astype(np.float64)) * kept
        assert_close(p, e / e.sum(-1, keepdims=True), rtol=1e-5)


def test_attentions_without_a_mask():
    for p in model_of(BertModel)(IDS, output_attentions=True).attentions:
        assert p.min() > 0
        assert_close(p.sum(-1), np.ones(p.shape[:-1]), rtol=1e-6)


def test_lists_arrays_and_a_tokenizers_batch():
    model = model_of(BertModel)
    expected = model(IDS, MASK, SEGMENTS).pooler_output
    for form in (np.ndarray.tolist, lambda a: a.astype(np.int32), np.asfortranarray):
        assert np.array_equal(model(form(IDS), form(MASK), form(SEGMENTS)).pooler_output, expected)
    for mask in (MASK.astype(bool), MASK.astype(float)):
        assert np.array_equal(model(IDS, mask, SEGMENTS).pooler_output, expected)
    named = {"token_type_ids": SEGMENTS, "attention_mask": MASK, "input_ids": IDS}
    assert np.array_equal(model(**named).pooler_output, expected)


def test_the_mask_matters():
    model = model_of(BertModel)
    alone = model(IDS[1:, :3]).pooler_output
    assert_close(model(IDS, MASK).pooler_output[1:], alone, rtol=1e-5)
    assert relative_error(model(IDS).pooler_output[1:], alone) > 0.01


def test_always_in_evaluation_mode():
    model = model_of(BertForSequenceClassification, uniform(dropout=0.9, attention_dropout=0.9))
    same = model_of(BertForSequenceClassification, uniform(dropout=0.0, attention_dropout=0.0))
    expected = same(IDS, MASK).logits
    assert model.eval() is model
    for _ in range(2):
        assert np.array_equal(model(IDS, MASK).logits, expected)


# The loss


def log_softmax(z):
    z = z.astype(np.float64)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


@pytest.mark.quick
@pytest.mark.parametrize("pooler", ["hf", "tinybert"])
def test_loss_of_a_classifier(pooler):
    outputs = model_of(BertForSequenceClassification, uniform(pooler=pooler))(IDS, labels=[2, 0])
    logp = log_softmax(outputs.logits)
    assert isinstance(outputs.loss, float)
    assert outputs.loss == pytest.approx(-(logp[0, 2] + logp[1, 0]) / 2, rel=1e-6)


@pytest.mark.quick
@pytest.mark.parametrize("labels", [[0.5, -2.0], [[0.5], [-2.0]], np.array([0.5, -2.0])], ids=str)
def test_loss_of_a_regression(labels):
    outputs = model_of(BertForSequenceClassification, uniform(classes=1))(IDS, labels=labels)
    error = outputs.logits[:, 0].astype(np.float64) - [0.5, -2.0]
    assert outputs.loss == pytest.approx((error**2).mean(), rel=1e-6)


@pytest.mark.quick
def test_loss_of_a_masked_lm():
    """Words labelled -100 do not count, in the sum nor in the mean."""
    labels = np.full(IDS.shape, -100)
    labels[0, 1], labels[0, 3], labels[1, 1] = 9, 4, 22
    outputs = model_of(BertForMaskedLM)(IDS, MASK, labels=labels)
    logp = log_softmax(outputs.logits)
    expected = -(logp[0, 1, 9] + logp[0, 3, 4] + logp[1, 1, 22]) / 3
    assert outputs.loss == pytest.approx(expected, rel=1e-6)
    assert outputs.logits.shape == (*IDS.shape, 23)


def test_labels_without_a_head():
    with pytest.raises(ValueError, match="labels were given to a model without a head"):
        model_of(BertModel)(IDS, labels=[0, 1])


@pytest.mark.parametrize(("kind", "labels", "message"), [
    (BertForSequenceClassification, [0], r"labels has shape \(1,\); wanted \(2,\)"),
    (BertForSequenceClassification, [0, 1, 2], r"labels has shape \(3,\); wanted \(2,\)"),
    (BertForSequenceClassification, 1, r"labels has shape \(\); wanted \(2,\)"),
    (BertForSequenceClassification, [[0], [1]], r"labels has shape \(2, 1\); wanted \(2,\)"),
    (BertForSequenceClassification, [0, 3], "labels span 0 to 3; the logits have C=3"),
    (BertForSequenceClassification, [0, -1], "labels span -1 to 0"),
    (BertForMaskedLM, [0, 1], r"labels has shape \(2,\); wanted \(2, 5\)"),
])
def test_labels_that_do_not_fit(kind, labels, message):
    with pytest.raises(ValueError, match=message):
        model_of(kind)(IDS, labels=labels)


def test_labels_of_the_wrong_kind():
    with pytest.raises(TypeError, match="labels has dtype float64"):
        model_of(BertForSequenceClassification)(IDS, labels=[0.0, 1.5])


# Inputs that are wrong


@pytest.mark.parametrize(("error", "message", "inputs"), [
    (ValueError, r"input_ids has shape \(5,\); wanted \(B,L\)", {"input_ids": IDS[0]}),
    (ValueError, r"input_ids has shape \(\)", {"input_ids": 3}),
    (ValueError, "input_ids has rows of different lengths", {"input_ids": [[2, 3], [2]]}),
    (ValueError, r"ids has shape \(1, 0\)", {"input_ids": [[]]}),
    (ValueError, r"ids has shape \(0, 5\)", {"input_ids": IDS[:0]}),
    (TypeError, "ids has dtype float64", {"input_ids": IDS + 0.5}),
    (ValueError, "ids spans 0 to 23, the table has 23", {"input_ids": [[0, 23]]}),
    (ValueError, "ids spans -1 to 2", {"input_ids": [[2, -1]]}),
    (ValueError, "8 tokens a row, the model has 7 positions: truncate", {"input_ids": [[2] * 8]}),
    (ValueError, r"attention_mask is \(2, 4\), input_ids \(2,", {"attention_mask": MASK[:, 1:]}),
    (ValueError, r"attention_mask is \(1, 5\), input_ids \(2, 5\)", {"attention_mask": MASK[:1]}),
    (ValueError, r"attention_mask has shape \(5,\)", {"attention_mask": MASK[0]}),
    (ValueError, "attention_mask holds other .* not added", {"attention_mask": (MASK - 1) * 1e4}),
    (ValueError, r"token_type_ids is \(2, 4\), input", {"token_type_ids": SEGMENTS[:, 1:]}),
    (ValueError, "segments spans 0 to 2, the table has 2", {"token_type_ids": SEGMENTS * 2}),
], ids=lambda x: x[:30] if isinstance(x, str) else "")
def test_inputs_that_are_wrong(error, message, inputs):
    with pytest.raises(error, match=message):
        model_of(BertModel)(**{"input_ids": IDS} | inputs)


# Names


def test_all_spellings():
    assert minibert.TinyBertModel is minibert.TinyBERTModel is BertModel
    assert minibert.TinyBertForMaskedLM is minibert.TinyBERTForMaskedLM is BertForMaskedLM
    assert (
        minibert.TinyBertForSequenceClassification
        is minibert.TinyBERTForSequenceClassification
        is BertForSequenceClassification
    )
    assert minibert.TinyBertTokenizer is minibert.TinyBERTTokenizer is BertTokenizer
    assert set(minibert.__all__) <= set(dir(minibert))


# Files


@pytest.fixture
def tokenizer():
    return BertTokenizer(TOKENS, do_lower_case=False, model_max_length=6)


def assert_same_tokenizer(a, b):
    assert (a.tokens, a.settings) == (b.tokens, b.settings)
    text = "Sun rainy 天气好 🙂."
    assert np.array_equal(a(text).input_ids, b(text).input_ids)


@pytest.mark.quick
@KINDS
@pytest.mark.parametrize("config", [uniform(), widths()], ids=["uniform", "widths"])
def test_a_directory(kind, config, tmp_path, tokenizer):
    model = model_of(kind, config, tokenizer)
    model.save_pretrained(tmp_path / "m")
    found = kind.from_pretrained(tmp_path / "m")
    assert type(found) is kind
    assert_same_params(found.params, model.params)
    assert found.config == config
    assert_same_tokenizer(found.tokenizer, tokenizer)
    assert_same_tokenizer(BertTokenizer.from_pretrained(str(tmp_path / "m")), tokenizer)
    assert np.array_equal(found(IDS).last_hidden_state, model(IDS).last_hidden_state)


@pytest.mark.quick
@KINDS
@pytest.mark.parametrize("int8", [False, True], ids=["float", "int8"])
@pytest.mark.parametrize("config", [uniform(), widths()], ids=["uniform", "widths"])
def test_one_file(kind, config, int8, tmp_path, tokenizer):
    model = model_of(kind, config, tokenizer)
    model = model.quantize() if int8 else model
    path = tmp_path / "model.safetensors"
    model.save(path)
    for found in (load(path), load(str(path)), kind.from_pretrained(path)):
        assert type(found) is kind
        assert found.is_quantized == int8
        assert found.config == config
        assert_same_tokenizer(found.tokenizer, tokenizer)
        a, b = (m(IDS, MASK, output_hidden_states=True) for m in (found, model))
        assert np.array_equal(a.hidden_states, b.hidden_states)
        assert kind is BertModel or np.array_equal(a.logits, b.logits)


def test_no_tokenizer_is_needed(tmp_path):
    model = model_of(BertModel)
    model.save_pretrained(tmp_path / "m")
    model.save(tmp_path / "f")
    assert BertModel.from_pretrained(tmp_path / "m").tokenizer is None
    assert load(tmp_path / "f").tokenizer is None


def test_label_names_are_kept(tmp_path):
    config = uniform(labels=("晴", "rain", "snow"))
    model = model_of(BertForSequenceClassification, config)
    model.save_pretrained(tmp_path / "m")
    model.save(tmp_path / "f")
    for name in "mf":
        found = BertForSequenceClassification.from_pretrained(tmp_path / name)
        assert found.config.label_names() == ("晴", "rain", "snow")


def test_unknown_keys_and_the_number_of_labels(tmp_path):
    """config.json may say more than is known here, and less: the classifier tells the classes."""
    model_of(BertForSequenceClassification, uniform(classes=5)).save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    del values["id2label"], values["label2id"], values["pooler"]
    path.write_text(json.dumps(values | {"architectures": ["BertForX"], "use_cache": True}))
    found = BertForSequenceClassification.from_pretrained(tmp_path)
    assert found.config.classes == 5
    assert found(IDS).logits.shape == (2, 5)


def test_a_new_head_is_told(tmp_path):
    model = model_of(BertForMaskedLM)
    model.save_pretrained(tmp_path)
    with pytest.warns(UserWarning, match=r"has no classifier\.weight, classifier\.bias: made new"):
        found = BertForSequenceClassification.from_pretrained(tmp_path)
    assert found(IDS).logits.shape == (2, 3)
    body = {name: p for name, p in found.params.items() if name in model.params}
    assert_same_params(body, {name: model.params[name] for name in body})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        BertForMaskedLM.from_pretrained(tmp_path)
        BertModel.from_pretrained(tmp_path)


def test_nothing_is_downloaded(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing is downloaded"):
        BertModel.from_pretrained("bert-base-uncased")
    with pytest.raises(FileNotFoundError, match=r"has no config\.json"):
        BertModel.from_pretrained(tmp_path)


def test_a_file_of_another_class(tmp_path):
    model_of(BertForSequenceClassification).save(tmp_path / "f")
    for kind in (BertModel, BertForMaskedLM):
        message = f"holds a BertForSequenceClassification, not a {kind.__name__}"
        with pytest.raises(ValueError, match=message):
            kind.from_pretrained(tmp_path / "f")


def test_load_wants_a_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file"):
        load(tmp_path / "f")
    with pytest.raises(IsADirectoryError, match="read it with from_pretrained"):
        load(tmp_path)
    model_of(BertModel).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="has format 'pt', not 'minibert-1'"):
        load(tmp_path / "model.safetensors")


@pytest.mark.parametrize(("tokens", "settings"), [
    (TOKENS, ["do_lower_case"]), (TOKENS, {"no_such_setting": 1}), (["a", "b"], {}),
], ids=["list", "unknown", "vocabulary"])
def test_a_file_with_an_unusable_tokenizer(tmp_path, tokens, settings):
    from minibert.interop import write_file

    model, path = model_of(BertModel), tmp_path / "f"
    write_file(path, model.params, model.config, None, tokens, settings)
    with pytest.raises(ValueError, match=f"{re.escape(str(path))} holds no usable tokenizer"):
        load(path)


# int8


@KINDS
def test_quantize_keeps_the_call(kind, tokenizer):
    config = BertConfig.uniform(vocab=23, hidden=48, n_layers=2, heads=4, ffn=96, classes=3)
    params = {
        name: p * np.float32(0.3) if p.ndim == 2 else p
        for name, p in random_params(config, kind.head, dtype=np.float32).items()
    }
    model = kind(config, params, tokenizer=tokenizer)
    small = model.quantize()
    assert type(small) is kind
    assert small.config is model.config
    assert small.tokenizer is tokenizer
    assert (small.is_quantized, model.is_quantized) == (True, False)
    a, b = (
        m(IDS, attention_mask=MASK, token_type_ids=SEGMENTS, output_hidden_states=True,
          output_attentions=True)
        for m in (small, model)
    )
    assert list(a) == FIELDS
    for name in ("last_hidden_state", "pooler_output"):
        assert 0 < relative_error(a[name], b[name]) < 0.05
    if kind.head:
        assert 0 < relative_error(a.logits, b.logits) < 0.05


def test_a_quantized_model_has_no_directory(tmp_path):
    with pytest.raises(ValueError, match=r"an int8 model is saved as one file: use save\(path\)"):
        model_of(BertModel).quantize().save_pretrained(tmp_path / "m")
    assert not list(tmp_path.iterdir())


def test_quantize_twice():
    small = model_of(BertModel).quantize()
    assert_close(small.quantize()(IDS).pooler_output, small(IDS).pooler_output, rtol=0)


# The articles' sample programs. Changed are the import, the checkpoint's name and return_tensors;
# the placeholder ... is removed from the first one's list, and left in in the test after it.

FIRST = """
from minibert import TinyBERTForSequenceClassification, TinyBERTTokenizer

model = TinyBERTForSequenceClassification.from_pretrained(CHECKPOINT)
tokenizer = TinyBERTTokenizer.from_pretrained(CHECKPOINT)

test_data = [
    "今天天气真好，适合户外活动。",
    "昨天天气不好，不适合户外活动。",
    PLACEHOLDER
]
inputs = tokenizer(test_data, padding=True, truncation=True, return_tensors='np')
outputs = model(**inputs)
predictions = outputs.logits.argmax(-1)
for i, prediction in enumerate(predictions):
    print(f"文本：{test_data[i]}")
    print(f"预测类别：{prediction.item()}")
"""

SECOND = """
from minibert import TinyBertForSequenceClassification, BertTokenizer

model = TinyBertForSequenceClassification.from_pretrained(CHECKPOINT)
tokenizer = BertTokenizer.from_pretrained(CHECKPOINT)

inputs = tokenizer("This is an example sentence.", return_tensors="np")
input_ids = inputs["input_ids"]
outputs = model(**inputs)
predictions = outputs["logits"]
"""


@pytest.fixture
def checkpoint(tmp_path):
    """A classifier for Chinese and English whose positions are too few for the texts."""
    texts = ["今天天气真好，适合户外活动。", "昨天天气不好。", "this is an example sentence."] * 2
    tokens = train_vocab(texts, 80)
    config = uniform(vocab=len(tokens), positions=12)
    model_of(BertForSequenceClassification, config, BertTokenizer(tokens)).save_pretrained(tmp_path)
    return str(tmp_path)


def run(program, checkpoint):
    names = {"CHECKPOINT": checkpoint}
    exec(program, names)
    return names


@pytest.mark.quick
def test_the_first_articles_program(checkpoint, capsys):
    names = run(FIRST.replace("PLACEHOLDER", ""), checkpoint)
    lines = capsys.readouterr().out.split("\n")
    assert names["inputs"]["input_ids"].shape == (2, 12)
    assert names["inputs"]["input_ids"].dtype == np.int64
    assert lines[0] == "文本：今天天气真好，适合户外活动。"
    assert [line[:5] for line in lines[1::2]] == ["预测类别："] * 2
    assert all(int(line[5:]) in range(3) for line in lines[1::2])


@pytest.mark.quick
def test_with_its_placeholder_left_in(checkpoint):
    with pytest.raises(TypeError, match=r"the text at index 2 is Ellipsis \(ellipsis\)"):
        run(FIRST.replace("PLACEHOLDER", "..."), checkpoint)


def test_with_pytorchs_tensors_asked_for(checkpoint):
    with pytest.raises(ValueError, match="minibert computes in NumPy"):
        run(SECOND.replace('"np"', '"pt"'), checkpoint)


@pytest.mark.quick
def test_the_second_articles_program(checkpoint):
    names = run(SECOND, checkpoint)
    assert names["input_ids"].shape == (1, 8)
    assert names["predictions"].shape == (1, 3)
    assert names["predictions"] is names["outputs"].logits
