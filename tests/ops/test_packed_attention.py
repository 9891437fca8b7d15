"""Packed attention beyond the table: what it has in common with attention of padded sequences."""

import numpy as np
import pytest

from minibert.check import assert_close
from minibert.ops import Attended, Drop, attention_backward, attention_forward, padding_bias

pytestmark = pytest.mark.quick
OPS = ("packed_attention",)
H, K = 3, 7
KEEP = np.arange(5) < np.array([[3], [5], [1]])
OFFSETS = np.array([0, 3, 8, 9])


def _padded(seed=0):
    return np.random.default_rng(seed).standard_normal((4, 3, H, 5, K))


def _packed(x):
    """(B,H,L,K) -> (H,P,K)."""
    return x.swapaxes(1, 2)[KEEP].swapaxes(0, 1)


def test_it_is_attention_with_a_padding_bias(impl):
    *qkv, dcontext = _padded()
    dcontext = dcontext * KEEP[:, None, :, None]
    mask = np.array([0.5, 1.5, 0.0])
    out, cache = attention_forward(*qkv, padding_bias(KEEP, np.float64), head_mask=mask)
    expected = attention_backward(Attended(dcontext, None), cache)
    forward, backward = impl("packed_attention")
    context, cache = forward(*map(_packed, qkv), OFFSETS, head_mask=mask)
    assert_close(context, _packed(out.context), rtol=1e-12)
    *grads, dmask = backward(_packed(dcontext), cache)
    for name, g, e in zip("qkv", grads, expected, strict=False):
        assert_close(g, _packed(e), name=f"d{name}", rtol=1e-12)
    assert_close(dmask, expected[3], rtol=1e-12)


def test_sequences_of_one_length_are_a_batch_with_dropout_too(impl):
    q, k, v, dcontext = (x.reshape(3 * 5, H, K).swapaxes(0, 1) for x in _padded())
    drop = Drop(0.4, seed=1, site=2, first=11)
    forward, backward = impl("packed_attention")
    context, cache = forward(q, k, v, np.arange(0, 16, 5), drop=drop)
    batch = [x.reshape(H, 3, 5, K).swapaxes(0, 1) for x in (q, k, v, dcontext)]
    out, batch_cache = attention_forward(*batch[:3], drop=drop)
    assert_close(context, out.context.swapaxes(0, 1).reshape(H, 15, K), rtol=1e-12)
    expected = attention_backward(Attended(batch[3], None), batch_cache)
    for name, g, e in zip("qkv", backward(dcontext, cache), expected, strict=False):
        assert_close(g, e.swapaxes(0, 1).reshape(H, 15, K), name=f"d{name}", rtol=1e-12)


def test_no_sequence_sees_another(impl):
    q, k, v, _ = map(_packed, _padded())
    before, _ = impl("packed_attention")[0](q, k, v, OFFSETS)
    k[:, 3:8], v[:, 3:8] = 1e3, -1e3
    after, _ = impl("packed_attention")[0](q, k, v, OFFSETS)
    others = [0, 1, 2, 8]
    assert np.array_equal(before[:, others], after[:, others])
    assert_close(after[:, 8], v[:, 8], rtol=1e-15, name="a token alone")


def test_dropout_takes_one_row_of_masks(impl):
    q, k, v, _ = map(_packed, _padded())
    drop = Drop(0.5, seed=3, site=1)
    kept = np.random.default_rng(1).random(H * (9 + 25 + 1)) > 0.5
    got, _ = impl("packed_attention")[0](q, k, v, OFFSETS, drop=drop._replace(masks={1: kept}))
    for b, first in enumerate((0, 27, 102)):
        rows = slice(*OFFSETS[b : b + 2])
        l = rows.stop - rows.start
        mask = kept[first : first + H * l * l].reshape(1, H, l, l)
        alone = (x[None, :, rows] for x in (q, k, v))
        expected, _ = attention_forward(*alone, drop=drop._replace(masks={1: mask}))
        assert_close(got[:, rows], expected.context[0], rtol=1e-12)


@pytest.mark.parametrize(
    "offsets",
    [[0, 3, 3, 9], [0, 5, 3, 9], [0, 3, 8], [1, 3, 9], [0, 3, 10], [0], [[0, 9]], [0.0, 3.0, 9.0]],
    ids=str,
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_offsets_that_cut_nothing_are_refused(impl, offsets, dtype):
    q = np.zeros((H, 9, K), dtype)
    with pytest.raises(ValueError, match=r"offsets is .* rise from 0 to the 9 rows"):
        impl("packed_attention")[0](q, q, q, np.array(offsets))
