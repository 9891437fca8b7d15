"""The whole model's gradients against central differences, in float64, with random cotangents."""

import numpy as np
import pytest

from minibert import kernels as F
from minibert.check import assert_gradient, gradcheck, relative_error
from minibert.model import Encoded, Output, bert_backward, bert_forward
from minibert.model.encoder import encoder_backward, encoder_forward
from minibert.ops import Drop

from .small import arrays, batch, cotangents, random_params, tiny, widths

WANT = frozenset({"hidden", "scores"})
WORDS = "bert.embeddings.word_embeddings.weight"
HEADS = {
    "encoder": (None, {}, False),
    "classification-hf": ("classification", {"pooler": "hf"}, False),
    "classification-tinybert": ("classification", {"pooler": "tinybert"}, False),
    "regression": ("classification", {"classes": 1}, False),
    "next_sentence": ("next_sentence", {}, False),
    "tokens": ("tokens", {}, False),
    "span": ("span", {}, False),
    "mlm": ("mlm", {}, False),
    "mlm-at": ("mlm", {}, True),
}
FORMS = pytest.mark.parametrize(("head", "changes", "some"), HEADS.values(), ids=HEADS)


def pair(config, head, some=False, drop=None, keep_pad_ids=False):
    """Forward and backward as functions of the parameters alone.

    Padded places hold an ordinary word: a [PAD] row has an effect there of which the model
    deliberately gives no gradient.
    """
    ids, segments, keep = batch(config)
    ids = ids if keep_pad_ids else np.where(keep, ids, 2)
    at = keep & (np.arange(keep.shape[1]) != 1) if some else None

    def forward(params):
        return bert_forward(params, config, ids, segments, keep, head=head, at=at, want=WANT,
                            drop=drop)

    def backward(d, cache):
        return bert_backward(d, None, config, cache)

    return forward, backward


@FORMS
def test_every_entry(head, changes, some):
    """Every entry of every parameter, head masks among them."""
    config = tiny(**changes)
    params = random_params(config, head, head_masks=True)
    assert_gradient(*pair(config, head, some), (params,))


@pytest.mark.parametrize("head", ["classification", "tokens"])
def test_every_entry_with_dropout(head):
    config = tiny()
    params = random_params(config, head, head_masks=True)
    drop = Drop(config.dropout, seed=4, step=2)
    assert_gradient(*pair(config, head, drop=drop), (params,))


@pytest.mark.quick
@pytest.mark.parametrize("dropped", [False, True], ids=["", "dropout"])
@FORMS
def test_directions_through_everything(head, changes, some, dropped):
    """Sizes of distinct primes."""
    config = widths(**changes)
    params = random_params(config, head, head_masks=True)
    drop = Drop(config.dropout, seed=4) if dropped else None
    assert slope_error(*pair(config, head, some, drop), params) < 1e-7


def slope_error(forward, backward, params, directions=5):
    """Largest relative error of <gradients, u> as the slope of <cotangents, outputs> along u."""
    out, cache = forward(params)
    d = cotangents(out)
    grads = backward(d, cache)
    assert grads.keys() == params.keys()
    rng = np.random.default_rng(9)
    h = 1e-5
    analytic, numeric = [], []
    for _ in range(directions):
        u = {k: rng.standard_normal(p.shape) / np.sqrt(p.size) for k, p in params.items()}
        up, down = (forward({k: p + side * u[k] for k, p in params.items()})[0]
                    for side in (h, -h))
        changes = zip(arrays(up), arrays(down), arrays(d), strict=True)
        numeric.append(sum(((a - b) * dy).sum() for a, b, dy in changes) / (2 * h))
        analytic.append(sum((grads[k] * u[k]).sum() for k in u))
    return relative_error(analytic, numeric)


@pytest.mark.quick
def test_decoders_gradient_of_the_pad_row():
    """With nothing at padded places, the tied [PAD] row's gradient is the decoder's, and all of it.

    Padded places do hold [PAD] here, but no real token's output depends on their row.
    """
    config = tiny()
    params = random_params(config, "mlm")
    forward, backward = pair(config, "mlm", keep_pad_ids=True)
    out, _ = forward(params)
    keep = batch(config)[2]
    logits = np.random.default_rng(2).standard_normal(out.logits.shape) * keep[..., None]
    d = Output(Encoded((None,) * 3, (None,) * 2, None), logits)
    found = gradcheck(
        lambda table: forward(params | {WORDS: table}),
        lambda d, cache: backward(d, cache)[WORDS],
        (params[WORDS],), cotangent=d,
    )
    assert found, str(found)
    assert np.abs(found.rows[0].analytic[config.pad_id]).max() > 0.1


@pytest.mark.quick
def test_look_ups_give_the_pad_row_nothing():
    config = tiny(pad_id=3)
    params = random_params(config)
    ids = np.full((2, 5), 3)
    ids[:, 0] = 1
    out, cache = encoder_forward(params, config, ids, want=WANT)  # [PAD] in kept places, too
    d = cotangents(Output(out, None)).encoded
    grads = encoder_backward(d, params, config, cache)
    used = np.flatnonzero(np.abs(grads[WORDS]).sum(1))
    assert used.tolist() == [1]
    positions = grads["bert.embeddings.position_embeddings.weight"]
    assert np.abs(positions[:5]).min() > 0, "positions do get theirs from [PAD]"
    assert not positions[5:].any()


@pytest.mark.quick
def test_head_importance():
    """The gradient of a head mask is zero for a head that no output depends on."""
    config = tiny()
    params = random_params(config, "classification", head_masks=True)
    wo = params["bert.encoder.layer.0.attention.output.dense.weight"]
    wo[:, 2:4] = 0.0  # the second head of three, K = 2
    forward, backward = pair(config, "classification")
    out, cache = forward(params)
    d = Output(None, np.ones_like(out.logits))
    importance = np.abs(backward(d, cache)["bert.encoder.layer.0.attention.head_mask"])
    assert (importance > 1e-6).tolist() == [True, False, True]


@pytest.mark.quick
def test_a_head_masked_by_zero_is_a_head_without_output():
    config = tiny()
    params = random_params(config, head_masks=True)
    name = "bert.encoder.layer.1.attention."
    masked = params | {f"{name}head_mask": np.array([1.0, 0.0])}
    cut = {k: p for k, p in masked.items() if k != f"{name}head_mask"}
    cut[f"{name}output.dense.weight"] = params[f"{name}output.dense.weight"].copy()
    cut[f"{name}output.dense.weight"][:, 3:] = 0.0
    forward, _ = pair(config, None)
    np.testing.assert_allclose(forward(masked)[0].encoded.pooled, forward(cut)[0].encoded.pooled,
                               rtol=1e-12)


def _last_row_only(de, cache):
    ids, _, pad_id, *_ = cache
    dword, dposition, dsegment = F.OPS["embedding_backward"](de, cache)
    dword[:] = 0.0
    dword[ids] += de  # keeps one of several rows with the same id
    dword[pad_id] = 0.0
    return dword, dposition, dsegment


WRONG = {
    "embedding": _last_row_only,
    "tanh": lambda dy, y: dy * (1.0 - y),
    "relu": lambda dy, positive: dy,
    "gelu": F.OPS["gelu_tanh_backward"],
    "softmax": lambda dp, p: p * dp,
    "linear_add_layernorm": lambda dy, cache: (
        lambda dx, dw, db, dsum, *norm: (dx, dw, db, 0 * dsum, *norm)
    )(*F.OPS["linear_add_layernorm_backward"](dy, cache)),
}


@pytest.mark.quick
@pytest.mark.parametrize("op", WRONG)
def test_the_check_sees_a_wrong_op(op):
    config = tiny(pooler="tinybert")
    params = random_params(config, "classification", seed=2, head_masks=True)
    forward, backward = pair(config, "classification")
    assert slope_error(forward, backward, params) < 1e-7
    with F.swap(**{op: (F.OPS[f"{op}_forward"], WRONG[op])}):
        assert slope_error(forward, backward, params) > 1e-4
