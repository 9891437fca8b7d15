"""The loss that labels add to a call."""

import numpy as np
import pytest
from model.small import uniform

from minibert import (
    BertForMaskedLM,
    BertForNextSentencePrediction,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
)
from minibert.train import TrainStep

from .models import IDS, MASK, model_of


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


@pytest.mark.quick
def test_loss_of_next_sentence():
    """Class 0 is: the second text follows the first."""
    outputs = model_of(BertForNextSentencePrediction)(IDS, labels=[0, 1])
    logp = log_softmax(outputs.logits)
    assert outputs.loss == pytest.approx(-(logp[0, 0] + logp[1, 1]) / 2, rel=1e-6)


@pytest.mark.quick
def test_loss_of_tokens():
    labels = np.full(IDS.shape, -100)
    labels[0, 1], labels[0, 2], labels[1, 1] = 2, 0, 1
    outputs = model_of(BertForTokenClassification)(IDS, MASK, labels=labels)
    logp = log_softmax(outputs.logits)
    expected = -(logp[0, 1, 2] + logp[0, 2, 0] + logp[1, 1, 1]) / 3
    assert outputs.loss == pytest.approx(expected, rel=1e-6)


@pytest.mark.quick
@pytest.mark.parametrize("form", [
    {"start_positions": [1, 0], "end_positions": [3, 9]},
    {"start_positions": np.array([[1], [0]]), "end_positions": np.array([[3], [9]])},
    {"labels": [[1, 3], [0, 9]]},
], ids=["lists", "columns", "labels"])
def test_loss_of_a_span(form):
    """The second answer's end was cut off with its text."""
    outputs = model_of(BertForQuestionAnswering)(IDS, MASK, **form)
    start, end = log_softmax(outputs.start_logits), log_softmax(outputs.end_logits)
    expected = -((start[0, 1] + start[1, 0]) / 2 + end[0, 3]) / 2
    assert outputs.loss == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("form", "message"), [
    ({"start_positions": [1, 0]}, "end_positions is missing"),
    ({"end_positions": [1, 0]}, "start_positions is missing"),
    ({"start_positions": [1, 0], "end_positions": [1]}, "start_positions has 2 entries, end_pos"),
    ({"start_positions": [1], "end_positions": [1]}, r"labels has shape \(1, 2\); wanted \(2, 2\)"),
    ({"start_positions": [[1, 0], [1, 0]], "end_positions": [1, 0]},
     r"start_positions has shape \(2, 2\); wanted \(B,\)"),
    ({"start_positions": 1, "end_positions": 1}, r"start_positions has shape \(\)"),
    ({"start_positions": [1, 0], "end_positions": [1, 0], "labels": [[1, 1], [0, 0]]}, "not both"),
    ({"labels": [1, 0]}, r"labels has shape \(2,\); wanted \(2, 2\)"),
])
def test_positions_that_do_not_fit(form, message):
    with pytest.raises(ValueError, match=message):
        model_of(BertForQuestionAnswering)(IDS, **form)


def test_dropout_of_the_classifier_alone_is_used_in_training():
    config = uniform(dropout=0.0, attention_dropout=0.0, classifier_dropout=0.5)
    losses = set()
    for seed in (1, 2):
        step = TrainStep(model_of(BertForSequenceClassification, config), seed=seed)
        step(labels=np.array([0, 1]), input_ids=IDS, attention_mask=MASK)
        losses.add(step.loss)
    assert len(losses) == 2


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
    (BertForNextSentencePrediction, [0, 2], "labels span 0 to 2; the logits have C=2"),
    (BertForTokenClassification, [0, 1], r"labels has shape \(2,\); wanted \(2, 5\)"),
    (BertForMaskedLM, [0, 1], r"labels has shape \(2,\); wanted \(2, 5\)"),
])
def test_labels_that_do_not_fit(kind, labels, message):
    with pytest.raises(ValueError, match=message):
        model_of(kind)(IDS, labels=labels)


def test_labels_of_the_wrong_kind():
    with pytest.raises(TypeError, match="labels has dtype float64"):
        model_of(BertForSequenceClassification)(IDS, labels=[0.0, 1.5])
