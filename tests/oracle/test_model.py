"""The model against PyTorch's autograd on the transcription: all outputs, all gradients."""

import numpy as np
import pytest
from model.small import (
    arrays,
    batch,
    cotangents,
    dropout_masks,
    labels_for,
    random_params,
    uniform,
    widths,
)

from minibert import kernels as F
from minibert.check import assert_close, largest_norm
from minibert.model import (
    FLOAT,
    ComposedLinear,
    Encoded,
    Output,
    bert_backward,
    bert_forward,
    loss_forward,
)
from minibert.model.params import layer_prefix
from minibert.ops import Drop

torch = pytest.importorskip("torch")

from . import transcription as T  # noqa: E402
from .autograd import (  # noqa: E402
    LEVELS,
    RTOL,
    assert_same_gradients,
    leaves,
    pulled_back,
    transcribed,
)

pytestmark = pytest.mark.oracle

WANT = frozenset({"hidden", "scores"})
WITH_LOSS = ["classification", "mlm", "next_sentence", "tokens", "span"]


@pytest.fixture(params=LEVELS)
def _level(request):
    with F.use(request.param):
        yield


def check_everything(config, head, *, at=None, masks=None, dtype=np.float64, linear=FLOAT,
                     head_masks=False):
    """All outputs, and all gradients under cotangents on all of them."""
    params = random_params(config, head, dtype=dtype, head_masks=head_masks)
    ids, segments, keep = batch(config)
    drop = None if masks is None else Drop(config.dropout, masks=masks)
    out, cache = bert_forward(params, config, ids, segments, keep, head=head, at=at, want=WANT,
                              drop=drop, linear=linear)
    p = leaves(params)
    outputs = transcribed(p, config, head, at, ids, segments, keep, masks)
    for got, expected in zip(arrays(out), outputs, strict=True):
        assert_close(got, expected.detach().numpy(), rtol=RTOL[dtype])
    d = cotangents(out)
    grads = bert_backward(d, params, config, cache, linear=linear)
    assert_same_gradients(grads, pulled_back(outputs, arrays(d), p), RTOL[dtype])


HEADS = {
    "encoder": (None, {}, False),
    "classification-hf": ("classification", {"pooler": "hf"}, False),
    "classification-tinybert": ("classification", {"pooler": "tinybert"}, False),
    "regression-hf": ("classification", {"classes": 1}, False),
    "regression-tinybert": ("classification", {"classes": 1, "pooler": "tinybert"}, False),
    "next_sentence": ("next_sentence", {}, False),
    "tokens": ("tokens", {}, False),
    "span": ("span", {}, False),
    "mlm": ("mlm", {}, False),
    "mlm-at": ("mlm", {}, True),
}
FORMS = pytest.mark.parametrize(("head", "changes", "some"), HEADS.values(), ids=HEADS)


def places(config, some):
    """Some kept places, among them the first and a repeated row."""
    if not some:
        return None
    at = batch(config)[2].copy()
    at[0, 1] = at[0, 3] = False
    return at


@FORMS
@pytest.mark.parametrize("dropped", [False, True], ids=["", "dropout"])
@pytest.mark.parametrize("shape", [widths, uniform])
@pytest.mark.usefixtures("_level")
def test_every_gradient_in_float64(head, changes, some, shape, dropped):
    config = shape(**changes)
    masks = dropout_masks(config, head) if dropped else None
    check_everything(config, head, at=places(config, some), masks=masks)


@FORMS
@pytest.mark.parametrize("dropped", [False, True], ids=["", "dropout"])
@pytest.mark.usefixtures("_level")
def test_every_gradient_in_float32(head, changes, some, dropped):
    config = widths(**changes)
    masks = dropout_masks(config, head) if dropped else None
    check_everything(config, head, at=places(config, some), masks=masks, dtype=np.float32)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("dropped", [False, True], ids=["", "dropout"])
@pytest.mark.usefixtures("_level")
def test_gradients_of_head_masks(dropped, dtype):
    config = widths()
    masks = dropout_masks(config) if dropped else None
    check_everything(config, "classification", masks=masks, head_masks=True, dtype=dtype)


def test_another_pad_id():
    check_everything(widths(pad_id=3), "mlm")


def test_composed_linear():
    check_everything(widths(), "mlm", masks=dropout_masks(widths()), linear=ComposedLinear())


@pytest.mark.parametrize("only", ["hidden", "scores", "pooled", "logits"])
def test_one_cotangent_alone(only):
    """What is not given counts as zero; the key biases' gradient is then zero in truth."""
    config = widths()
    params = random_params(config, "classification")
    inputs = batch(config)
    out, cache = bert_forward(params, config, *inputs, head="classification", want=WANT)
    full = cotangents(out)
    encoded = Encoded((), (), None)
    if only == "hidden":
        encoded = encoded._replace(hidden=(None, full.encoded.hidden[1], None))
    elif only == "scores":
        encoded = encoded._replace(scores=(full.encoded.scores[0], None))
    elif only == "pooled":
        encoded = encoded._replace(pooled=full.encoded.pooled)
    d = Output(encoded, full.logits if only == "logits" else None)
    p = leaves(params)
    outputs = transcribed(p, config, "classification", None, *inputs)
    chosen = {"hidden": 1, "scores": 3, "pooled": 5, "logits": 6}[only]
    expected = pulled_back([outputs[chosen]], arrays(d), p)
    got = bert_backward(d, params, config, cache)
    floor = 1e-3 * largest_norm([g for g in expected.values() if g is not None])
    for name, g in expected.items():
        if g is not None:
            assert_close(got[name], g, name=name, rtol=1e-10, floor=floor)
        else:
            assert name not in got or not got[name].any(), f"{name} is not reached"


@pytest.mark.parametrize("keep", ["one row all padded", "no padding", "not given"])
def test_padding_extremes(keep):
    """A fully padded row is finite, and the same as in Hugging Face's BERT."""
    config = widths()
    params = random_params(config)
    ids, segments, real = batch(config)
    real = real.copy()
    real[1] = keep != "one row all padded"
    real = None if keep == "not given" else real
    out, cache = bert_forward(params, config, ids, segments, real, want=WANT)
    p = leaves(params)
    hidden, scores, pooled = T.encode(p, config, torch.tensor(ids), torch.tensor(segments),
                                      None if real is None else torch.tensor(real))
    outputs = [*hidden, *scores, pooled]
    for got, expected in zip(arrays(out), outputs, strict=True):
        assert_close(got, expected.detach().numpy(), rtol=1e-10)
    d = cotangents(out)
    grads = bert_backward(d, params, config, cache)
    assert_same_gradients(grads, pulled_back(outputs, arrays(d), p), 1e-10)


@pytest.mark.parametrize("head", ["classification", "regression", *WITH_LOSS[1:]])
def test_losses(head):
    """The loss of each head, and the gradients that it sends through the whole model."""
    config = widths(classes=1) if head == "regression" else widths()
    kind = "classification" if head == "regression" else head
    params = random_params(config, kind)
    inputs = batch(config)
    labels = labels_for(kind, config, inputs[2])
    out, cache = bert_forward(params, config, *inputs, head=kind)
    loss, dlogits = loss_forward(out.logits, labels, config, kind)
    grads = bert_backward(Output(None, dlogits), params, config, cache)

    p = leaves(params)
    logits = transcribed(p, config, kind, None, *inputs)[-1]
    reference = {"regression": T.squared_error, "span": T.span_error}.get(head, T.cross_entropy)
    expected = reference(logits, torch.tensor(labels))
    assert_close(loss, expected.item(), name="loss", rtol=1e-12)
    names = list(p)
    found = torch.autograd.grad(expected, [p[k] for k in names], allow_unused=True)
    expected = {k: None if g is None else g.numpy() for k, g in zip(names, found, strict=True)}
    assert_same_gradients(grads, expected, 1e-10)


def test_the_reference_sees_what_it_must():
    """Each of these mistakes in the model moves a gradient far beyond the tolerance."""
    def no_mask_in_the_backward(d, cache):
        *dqkv, dmask = F.OPS["attention_backward"](d._replace(scores=None), cache)
        return *dqkv, dmask

    def gamma_outside_the_means(dy, cache):
        xhat, inv_sigma, gamma = cache
        dx, dgamma, dbeta = F.OPS["layernorm_backward"](dy, (xhat, inv_sigma, np.ones_like(gamma)))
        return dx * gamma, dgamma, dbeta

    wrong = {
        "attention": (F.OPS["attention_forward"], no_mask_in_the_backward),
        "layernorm": (F.OPS["layernorm_forward"], gamma_outside_the_means),
        "gelu": (F.OPS["gelu_forward"], F.OPS["gelu_tanh_backward"]),
    }
    for op, pair in wrong.items():
        with F.swap(**{op: pair}), pytest.raises(AssertionError, match="DIFFERS"):
            check_everything(widths(), "classification")


@pytest.mark.parametrize("head", ["classification", "tokens"])
def test_transcription_has_one_dropout_site_for_each_of_ours(head):
    """Every site's mask matters, to us as to the reference."""
    config = widths()
    params = random_params(config, head)
    inputs = batch(config)
    masks = dropout_masks(config, head)
    p = {k: torch.tensor(a) for k, a in params.items()}

    def both(masks):
        drop = Drop(config.dropout, masks=masks)
        ours, _ = bert_forward(params, config, *inputs, head=head, drop=drop)
        theirs = transcribed(p, config, head, None, *inputs, masks)
        return ours.logits, theirs[-1].numpy()

    before = both(masks)
    for site, mask in masks.items():
        after = both(masks | {site: np.ones_like(mask)})
        for old, new in zip(before, after, strict=True):
            assert np.abs(new - old).max() > 1e-6, f"site {site} drops nothing"
        assert_close(*after, rtol=1e-10)


def test_head_mask_names_are_the_transcriptions():
    assert layer_prefix(1) == T.LAYER.format(1)
