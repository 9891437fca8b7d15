"""What a call takes, what it refuses, and what it gives."""

import numpy as np
import pytest
from model.small import uniform, widths

import minibert
from minibert import (
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertModel,
    BertTokenizer,
    best_span,
)
from minibert.check import assert_close, relative_error
from minibert.model import bert_forward
from minibert.pretrained import ModelOutput

from .models import CLASSES, IDS, KINDS, MASK, SEGMENTS, model_of

FIELDS = ["loss", "logits", "last_hidden_state", "pooler_output", "hidden_states", "attentions"]


@pytest.mark.quick
@KINDS
def test_items_and_attributes(kind):
    outputs = model_of(kind)(IDS)
    fields = FIELDS + ["start_logits", "end_logits"] * (kind.head == "span")
    assert list(outputs) == fields
    for name in fields:
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
    logits = {kind.head: model_of(kind, config)(IDS).logits for kind in CLASSES[1:]}
    assert {head: z.shape for head, z in logits.items()} == {
        "classification": (B, 3), "mlm": (B, L, config.vocab), "next_sentence": (B, 2),
        "tokens": (B, L, 3), "span": (B, L, 2)}
    assert {outputs[n].dtype for n in ("logits", "last_hidden_state")} == {np.dtype(np.float32)}


@KINDS
def test_it_is_the_models_forward(kind):
    model = model_of(kind)
    outputs = model(IDS, MASK, SEGMENTS, output_hidden_states=True)
    expected, _ = bert_forward(
        model.params, model.config, IDS, SEGMENTS, MASK == 1, head=kind.head, want={"hidden"}
    )
    close = {"rtol": 1e-6, "atol": 1e-6}  # a batch is computed in parts
    np.testing.assert_allclose(outputs.pooler_output, expected.encoded.pooled, **close)
    np.testing.assert_allclose(outputs.hidden_states, expected.encoded.hidden, **close)
    if kind.head:
        np.testing.assert_allclose(outputs.logits, expected.logits, **close)


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


@pytest.mark.quick
def test_a_span_has_a_start_and_an_end():
    outputs = model_of(BertForQuestionAnswering)(IDS, MASK, SEGMENTS)
    assert outputs.start_logits.shape == outputs["end_logits"].shape == IDS.shape
    assert np.array_equal(outputs.start_logits, outputs.logits[..., 0])
    assert np.array_equal(outputs.end_logits, outputs.logits[..., 1])
    span = best_span(outputs.start_logits[:1], outputs.end_logits[:1], SEGMENTS[:1] == 1)
    assert span.start in (0, 3, 4)


def test_a_span_has_two_outputs_whatever_the_classes():
    model = BertForQuestionAnswering(uniform(classes=7, labels=tuple("abcdefg")))
    assert (model.config.classes, model.config.labels) == (2, ())
    assert model.params["qa_outputs.weight"].shape == (2, 15)


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
    """TinyBert and TinyBERT in front of whatever follows Bert."""
    for kind in CLASSES:
        name = kind.__name__.removeprefix("Bert")
        assert getattr(minibert, f"TinyBert{name}") is kind
        assert getattr(minibert, f"TinyBERT{name}") is kind
        assert getattr(minibert, f"Bert{name}") is kind
    assert minibert.TinyBertTokenizer is minibert.TinyBERTTokenizer is BertTokenizer
    assert set(minibert.__all__) <= set(dir(minibert))
    classes = {name for name in dir(minibert.pretrained) if "Bert" in name or "BERT" in name}
    assert classes < set(minibert.__all__), "what the package has is public"
