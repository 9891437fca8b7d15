"""Hugging Face's own BERT classes, with our parameters under its names: values and gradients."""

from dataclasses import replace

import numpy as np
import pytest
from model.small import arrays, batch, cotangents, dropout_masks, labels_for, random_params, uniform

from minibert import kernels as F
from minibert.check import assert_close
from minibert.model import bert_backward, bert_forward, loss_forward
from minibert.ops import Drop

torch = pytest.importorskip("torch")

from .autograd import assert_same_gradients, pulled_back  # noqa: E402
from .hugging_face import bert, inputs, logits_of  # noqa: E402

pytestmark = pytest.mark.oracle

WITH_LOSS = ["classification", "mlm", "next_sentence", "tokens", "span"]


def hugging_face(config, params, head):
    """Its model in float64 evaluation mode, and its parameters under our names."""
    model, named = bert(config, head)
    missing = named.keys() - params.keys()
    assert not missing, f"Hugging Face has parameters that we have not: {missing}"
    assert params.keys() - named.keys() <= {"bert.pooler.dense.weight", "bert.pooler.dense.bias"}
    with torch.no_grad():
        for name, p in named.items():
            p.copy_(torch.tensor(params[name]))
    return model, named


@pytest.mark.parametrize("head", [None, "regression", *WITH_LOSS])
def test_hugging_face(head):
    config = uniform(classes=1) if head == "regression" else uniform()
    head = "classification" if head == "regression" else head
    params = random_params(config, head)
    ids, segments, keep = batch(config)
    out, cache = bert_forward(params, config, ids, segments, keep, head=head,
                              want=frozenset({"hidden"}))
    model, named = hugging_face(config, params, head)
    theirs = model(**inputs(ids, segments, keep), output_hidden_states=True)
    outputs = list(theirs.hidden_states)
    if head is None:
        outputs.append(theirs.pooler_output)
    else:
        outputs.append(logits_of(theirs))
    d = cotangents(out)
    if head is not None:  # its classes with a head do not return the pooled vector
        out = out._replace(encoded=out.encoded._replace(pooled=None))
        d = d._replace(encoded=d.encoded._replace(pooled=None))
    for got, expected in zip(arrays(out), outputs, strict=True):
        assert_close(got, expected.detach().numpy(), rtol=1e-10)
    grads = bert_backward(d, params, config, cache)
    assert_same_gradients(grads, pulled_back(outputs, arrays(d), named), 1e-10)


def test_hugging_face_attention_probabilities_are_softmax_of_our_scores():
    config = uniform()
    params = random_params(config)
    ids, segments, keep = batch(config)
    out, _ = bert_forward(params, config, ids, segments, keep, want=frozenset({"scores"}))
    model, _ = hugging_face(config, params, None)
    theirs = model(**inputs(ids, segments, keep), output_attentions=True)
    for scores, expected in zip(out.encoded.scores, theirs.attentions, strict=True):
        p, _ = F.softmax_forward(np.where(keep[:, None, None], scores, -np.inf))
        assert_close(p, expected.detach().numpy(), rtol=1e-10)


@pytest.mark.parametrize("head", WITH_LOSS)
def test_hugging_face_loss(head):
    """The loss, and the gradient that it has at the logits."""
    config = uniform()
    params = random_params(config, head)
    ids, segments, keep = batch(config)
    labels = labels_for(head, config, keep)
    out, _ = bert_forward(params, config, ids, segments, keep, head=head)
    loss, dlogits = loss_forward(out.logits, labels, config, head)
    model, _ = hugging_face(config, params, head)
    places = torch.tensor(labels)
    named = {"labels": places}
    if head == "span":
        named = {"start_positions": places[:, 0], "end_positions": places[:, 1]}
    theirs = model(**inputs(ids, segments, keep), **named)
    assert_close(loss, theirs.loss.item(), name="loss", rtol=1e-12)
    parts = [theirs.start_logits, theirs.end_logits] if head == "span" else [theirs.logits]
    expected = [g.numpy() for g in torch.autograd.grad(theirs.loss, parts)]
    expected = np.stack(expected, -1) if head == "span" else expected[0]
    assert_close(dlogits, expected, name="dlogits", rtol=1e-10)


@pytest.mark.parametrize("head", ["classification", "tokens", "next_sentence", "span"])
def test_hugging_face_drops_out_at_the_same_sites(head):
    """In training mode with rate 1, what is dropped out before the last layer leaves its bias."""
    config = uniform()
    params = random_params(config, head)
    ids, segments, keep = batch(config)
    model, _ = hugging_face(config, params, head)
    if hasattr(model, "dropout"):
        model.dropout.p = 1.0
        model.dropout.train()
    theirs = logits_of(model(**inputs(ids, segments, keep))).detach().numpy()
    masks = {site: np.ones_like(mask) for site, mask in dropout_masks(config, head).items()}
    masks[max(masks)][:] = False
    still = replace(config, attention_dropout=0.0, dropout=1e-300)
    out, _ = bert_forward(params, still, ids, segments, keep, head=head,
                          drop=Drop(0.0, masks=masks))
    assert_close(out.logits, theirs, rtol=1e-10)
    is_bias = np.ptp(theirs.reshape(-1, theirs.shape[-1]), axis=0).max() == 0
    assert is_bias == (head in ("classification", "tokens"))
