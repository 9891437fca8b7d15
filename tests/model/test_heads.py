"""Each head and its loss against the loop forms; and mistakes, which these checks have to see."""

import numpy as np
import pytest

from minibert import kernels as F
from minibert.check import assert_close, gradcheck, spec
from minibert.model import HEADS, bert_forward, label_shape, loss_forward
from minibert.model.heads import (
    next_sentence_forward,
    span_forward,
    tokens_backward,
    tokens_forward,
)
from minibert.ops import Drop

from .small import batch, dropout_masks, labels_for, random_params, widths
from .test_gradients import pair, slope_error

pytestmark = pytest.mark.quick

CONFIG = widths()
NEW = ["next_sentence", "tokens", "span"]
HEAD_SITE = max(dropout_masks(CONFIG))


def check_logits(head):
    """The head's loop form, on what the encoder returns, with and without dropout."""
    params, masks = random_params(CONFIG, head), dropout_masks(CONFIG, head)
    w, b = (p for name, p in params.items() if name.startswith(("classifier", "qa", "cls")))
    for drop in (None, Drop(CONFIG.dropout, masks=masks)):
        out, _ = bert_forward(params, CONFIG, *batch(CONFIG), head=head, drop=drop)
        x = out.encoded.hidden[-1]
        if head == "next_sentence":
            expected = spec.linear_forward(out.encoded.pooled, w, b)
        else:
            dropped = head == "tokens" and drop is not None
            keep = masks[HEAD_SITE] if dropped else np.ones(x.shape, bool)
            expected = spec.tokens_forward(x, keep, CONFIG.dropout if dropped else 0.0, w, b)
        assert_close(out.logits, expected, rtol=1e-12)


def check_gradients(head):
    """All gradients as slopes, with dropout."""
    params = random_params(CONFIG, head, head_masks=True)
    drop = Drop(CONFIG.dropout, seed=4)
    assert slope_error(*pair(CONFIG, head, drop=drop), params) < 1e-7


def check_loss(head, loss=loss_forward):
    """Value and gradient: of the loop form, and as a slope."""
    labels = labels_for(head, CONFIG, batch(CONFIG)[2])
    outputs = {"next_sentence": (2, 2), "tokens": (2, 5, 3), "span": (2, 5, 2)}[head]
    logits = np.random.default_rng(6).standard_normal(outputs) * 2
    loops = {
        "next_sentence": (lambda z, y: spec.softmax_cross_entropy_forward(z, y, -100, 0.0),
                          lambda z, y: spec.softmax_cross_entropy_backward(z, y, -100, 0.0)),
        "tokens": (spec.tokens_loss_forward, spec.tokens_loss_backward),
        "span": (spec.span_loss_forward, spec.span_loss_backward),
    }[head]
    got, dlogits = loss(logits, labels, CONFIG, head)
    assert_close(got, loops[0](logits, labels), rtol=1e-12)
    assert_close(dlogits, loops[1](logits, labels), rtol=1e-12)
    found = gradcheck(lambda z: (np.float64(loss(z, labels, CONFIG, head)[0]), z),
                      lambda d, z: d * loss(z, labels, CONFIG, head)[1], (logits,))
    assert found, str(found)


@pytest.mark.parametrize("head", NEW)
@pytest.mark.parametrize("check", [check_logits, check_gradients, check_loss])
def test_against_the_loop_form(check, head):
    check(head)


def test_the_tokens_heads_own_gradient():
    """With the dropout mask in it."""
    rng = np.random.default_rng(2)
    params = random_params(CONFIG, "tokens")
    x, d = rng.standard_normal((2, 5, 13)), rng.standard_normal((2, 5, 3))
    keep = rng.random(x.shape) < 0.7
    head = HEADS["tokens"]
    _, cache = head.forward(params, CONFIG, x, drop=Drop(0.3, site=9, masks={9: keep}))
    dx, grads = head.backward(d, CONFIG, cache)
    expected = spec.tokens_backward(d, x, keep, 0.3, params["classifier.weight"])
    for got, e in zip((dx, grads["classifier.weight"], grads["classifier.bias"]), expected,
                      strict=True):
        assert_close(got, e, rtol=1e-12)


# Mistakes in a head: what stands in its place in the table of heads.


def _pooled_everywhere(params, config, pooled, **options):
    return span_forward(params, config, np.repeat(pooled[:, None], 5, axis=1), **options)


def _first_place(params, config, x, **options):
    return next_sentence_forward(params, config, x[:, 0], **options)


def _drops(forward):
    """A head that drops out what it reads."""
    return lambda params, config, x, *, drop, **options: forward(
        params, config, F.dropout_forward(x, drop)[0], drop=None, **options)


def _forgets(forward):
    """A head that drops nothing."""
    return lambda params, config, x, *, drop, **options: forward(
        params, config, x, drop=None, **options)


WRONG_HEADS = {
    "tokens: dropout forgotten": (
        "tokens", check_logits, {"forward": _forgets(tokens_forward)}),
    "tokens: dropout forgotten in the backward": (
        "tokens", check_gradients,
        {"backward": lambda d, config, cache, **options: tokens_backward(
            d, config, (None, cache[1]), **options)}),
    "span: the pooled vector in place of the states": (
        "span", check_logits, {"reads": "pooled", "forward": _pooled_everywhere}),
    "span: dropped out": ("span", check_logits, {"forward": _drops(span_forward)}),
    "next sentence: the first state in place of the pooled vector": (
        "next_sentence", check_logits, {"reads": "hidden", "forward": _first_place}),
    "next sentence: dropped out": (
        "next_sentence", check_logits, {"forward": _drops(next_sentence_forward)}),
}


@pytest.mark.parametrize("name", WRONG_HEADS)
def test_the_checks_see_a_wrong_head(name, monkeypatch):
    head, check, changes = WRONG_HEADS[name]
    monkeypatch.setitem(HEADS, head, HEADS[head]._replace(**changes))
    with pytest.raises(AssertionError):
        check(head)


# Mistakes in a loss: pairs that are consistent with themselves.


def _cross_entropy(z, y, ignore=-100):
    loss, cache = F.softmax_cross_entropy_forward(z, y, ignore_index=ignore)
    return loss, F.softmax_cross_entropy_backward(1.0, cache)


def _softmax_over_start_and_end(z, y):
    """Each place decides between being the start and being the end."""
    onehot = np.zeros(z.shape, int)
    for n, side in np.ndindex(y.shape):
        if y[n, side] < z.shape[1]:
            onehot[n, max(y[n, side], 0), side] = 1
    marked = onehot.any(-1)
    return _cross_entropy(z, np.where(marked, onehot.argmax(-1), -100))


def _starts_and_ends_together(z, y):
    """One mean over all that count, in place of the mean of two means."""
    L = z.shape[1]
    loss, dz = _cross_entropy(z.swapaxes(1, 2), np.clip(y, 0, L), ignore=L)
    return loss, dz.swapaxes(1, 2)


def _changed_labels(change):
    return lambda z, y: loss_forward(z, change(z, y), CONFIG, "span")


def _scaled(head, factor):
    def loss(z, y):
        value, dz = loss_forward(z, y, CONFIG, head)
        return value * factor(y), dz * factor(y)

    return loss


def _mean_of_the_texts_means(z, y):
    """A long text's tokens count less than a short one's."""
    losses, dz = zip(*(_cross_entropy(z[n], y[n]) for n in range(len(z))), strict=True)
    return np.mean(losses), np.stack(dz) / len(z)


WRONG_LOSSES = {
    "span: softmax over start and end, not over places": ("span", _softmax_over_start_and_end),
    "span: one mean over starts and ends": ("span", _starts_and_ends_together),
    "span: the sum of both losses": ("span", _scaled("span", lambda y: 2.0)),
    "span: start and end exchanged": ("span", _changed_labels(lambda z, y: y[:, ::-1])),
    "span: an answer cut off counts as the last place": (
        "span", _changed_labels(lambda z, y: np.minimum(y, z.shape[1] - 1))),
    "span: a negative place is not counted": (
        "span", _changed_labels(lambda z, y: np.where(y < 0, z.shape[1], y))),
    "tokens: -100 counts as a class": (
        "tokens", lambda z, y: _cross_entropy(z, np.where(y == -100, 0, y))),
    "tokens: mean over all tokens": (
        "tokens", _scaled("tokens", lambda y: (y != -100).mean())),
    "tokens: sum over tokens": ("tokens", _scaled("tokens", lambda y: (y != -100).sum())),
    "tokens: mean over the texts' means": ("tokens", _mean_of_the_texts_means),
    "next sentence: the classes exchanged": (
        "next_sentence", lambda z, y: loss_forward(z, 1 - y, CONFIG, "next_sentence")),
}


@pytest.mark.parametrize("name", WRONG_LOSSES)
def test_the_checks_see_a_wrong_loss(name):
    head, wrong = WRONG_LOSSES[name]
    with pytest.raises(AssertionError):
        check_loss(head, lambda z, y, config, head: wrong(z, y))


# Labels


@pytest.mark.parametrize(("head", "nothing"), [
    ("tokens", np.full((2, 5), -100)), ("mlm", np.full((2, 5), -100)),
    ("next_sentence", np.full(2, -100)), ("span", np.full((2, 2), 5)),
])
def test_nothing_counted_is_no_loss(head, nothing):
    logits = np.ones({"next_sentence": (2, 2), "span": (2, 5, 2)}.get(head, (2, 5, 3)))
    loss, dlogits = loss_forward(logits, nothing, CONFIG, head)
    assert loss == 0
    assert not dlogits.any()


@pytest.mark.parametrize(("head", "labels", "message"), [
    ("span", np.zeros(2, int), r"labels is int64 \(2,\); wanted integers \(2, 2\), the first"),
    ("span", np.zeros((2, 2)), r"labels is float64"),
    ("tokens", np.zeros(2, int), r"wanted integers \(2, 5\)"),
    ("tokens", np.full((2, 5), 3), "labels span 3 to 3; the logits have C=3"),
    ("next_sentence", np.array([0, 2]), "labels span 0 to 2; the logits have C=2"),
    (None, np.zeros(2, int), "a model without a head has no loss"),
])
def test_labels_that_do_not_fit(head, labels, message):
    logits = np.zeros({"next_sentence": (2, 2), "span": (2, 5, 2)}.get(head, (2, 5, 3)))
    with pytest.raises(ValueError, match=message):
        loss_forward(logits, labels, CONFIG, head)


def test_shapes_of_labels():
    assert {head: label_shape(head, (2, 5)) for head in HEADS} == {
        "classification": (2,), "next_sentence": (2,), "mlm": (2, 5), "tokens": (2, 5),
        "span": (2, 2)}
