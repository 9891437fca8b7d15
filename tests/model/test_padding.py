import numpy as np
import pytest

from minibert.check import assert_close
from minibert.model import Encoded, Output, bert_backward, bert_forward, encoder_forward

from .small import batch, random_params, widths

pytestmark = pytest.mark.quick

WANT = frozenset({"hidden", "scores"})


def encode(params, config, ids, segments, keep):
    return encoder_forward(params, config, ids, segments, keep, want=WANT)[0]


def assert_same_at_tokens(got, expected, keep, rtol=1e-12):
    """Equal in all that belongs to tokens; either may be padded further."""
    L = keep.shape[1]
    for a, b in zip(got.hidden, expected.hidden, strict=True):
        assert_close(a[:, :L][keep], b[:, :L][keep], rtol=rtol)
    pairs = keep[:, None, :, None] & keep[:, None, None, :]
    for a, b in zip(got.scores, expected.scores, strict=True):
        there = np.broadcast_to(pairs, (*a.shape[:2], L, L))
        assert_close(a[..., :L, :L][there], b[..., :L, :L][there], rtol=rtol)
    assert_close(got.pooled, expected.pooled, rtol=rtol)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("more", [1, 6])
def test_more_padding_changes_no_token(more, dtype):
    config = widths(positions=11)
    params = random_params(config, dtype=dtype)
    inputs = batch(config)
    longer = [np.pad(a, ((0, 0), (0, more))) for a in inputs]
    assert_same_at_tokens(encode(params, config, *longer), encode(params, config, *inputs),
                          inputs[2], rtol=1e-12 if dtype == np.float64 else 1e-5)


def test_what_stands_at_padded_places_changes_no_token():
    config, params = widths(), random_params(widths())
    ids, segments, keep = batch(config)
    other = encode(params, config, np.where(keep, ids, 7), np.where(keep, segments, 1), keep)
    expected = encode(params, config, ids, segments, keep)
    assert_same_at_tokens(other, expected, keep, rtol=1e-15)
    assert np.abs(other.hidden[-1] - expected.hidden[-1])[~keep].min() > 0


def test_without_the_mask_padding_is_seen():
    config, params = widths(), random_params(widths())
    ids, segments, keep = batch(config)
    seen = encode(params, config, ids, segments, None).pooled
    assert np.abs(seen - encode(params, config, ids, segments, keep).pooled)[1].max() > 0.01


def test_nothing_padded_is_no_mask():
    config, params = widths(), random_params(widths())
    ids, segments, keep = batch(config)
    a = encode(params, config, ids, segments, np.ones_like(keep))
    b = encode(params, config, ids, segments, None)
    assert_same_at_tokens(a, b, np.ones_like(keep), rtol=1e-15)


def test_padding_need_not_be_on_the_right():
    """A token's place decides its position, its being there is the mask's affair alone."""
    config, params = widths(), random_params(widths())
    ids, segments, keep = batch(config)
    keep = keep[:, ::-1].copy()
    a = encode(params, config, ids, segments, keep)
    b = encode(params, config, np.where(keep, ids, 7), segments, keep)
    for one, other in zip(a.hidden, b.hidden, strict=True):
        assert_close(one[keep], other[keep], rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_fully_padded_row_is_finite_and_uniform(dtype):
    config, params = widths(), random_params(widths(), dtype=dtype)
    ids, segments, keep = batch(config)
    keep = keep.copy()
    keep[1] = False
    out, cache = bert_forward(params, config, ids, segments, keep, want=WANT)
    assert all(np.isfinite(h).all() for h in out.encoded.hidden)
    d = Output(Encoded((), (), np.ones_like(out.encoded.pooled)), None)
    grads = bert_backward(d, params, config, cache)
    assert all(np.isfinite(g).all() for g in grads.values())
    # Uniform attention: what the row's queries and keys are cannot matter.
    other = params | {f"bert.encoder.layer.{i}.attention.self.{which}.weight": np.zeros_like(
        params[f"bert.encoder.layer.{i}.attention.self.{which}.weight"])
        for i in range(2) for which in ("query", "key")}
    expected = encoder_forward(other, config, ids, segments, keep)[0].pooled
    assert_close(out.encoded.pooled[1], expected[1], rtol=1e-5 if dtype == np.float32 else 1e-12)


def test_no_gradient_from_tokens_to_padded_places():
    """With cotangents at tokens only, the words at padded places get no gradient."""
    config = widths()
    params = random_params(config, "mlm")
    ids, segments, keep = batch(config)
    ids = np.where(keep, ids % 20, 21)  # word 21 stands at padded places only
    out, cache = bert_forward(params, config, ids, segments, keep, head="mlm")
    d = np.random.default_rng(0).standard_normal(out.encoded.hidden[-1].shape) * keep[..., None]
    grads = bert_backward(Output(Encoded((d,), (), None), None), params, config, cache)
    words = grads["bert.embeddings.word_embeddings.weight"]
    assert not words[21].any()
    assert np.abs(words[ids[keep]]).max() > 0.01


def test_positions_of_padded_places_do_get_gradients():
    config = widths()
    params = random_params(config)
    ids, segments, keep = batch(config)
    keep = keep.copy()
    keep[:, -1] = False
    _, cache = bert_forward(params, config, ids, segments, keep)
    d = Output(Encoded((np.random.default_rng(0).standard_normal((2, 5, 13)),), (), None), None)
    grads = bert_backward(d, params, config, cache)
    assert np.abs(grads["bert.embeddings.position_embeddings.weight"][4]).max() > 1e-3
    assert not grads["bert.embeddings.word_embeddings.weight"][config.pad_id].any()
