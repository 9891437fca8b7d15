"""Packed batches compute what padded ones do, without the padding."""

import numpy as np
import pytest

from minibert import kernels as F
from minibert.check import assert_close, largest_norm
from minibert.check.levels import at_level, kernel_levels
from minibert.model import (
    Encoded,
    Output,
    bert_backward,
    bert_forward,
    encoder_backward,
    encoder_forward,
    loss_forward,
)
from minibert.ops import Drop
from minibert.quant import quantize_params

from .small import batch, labels_for, random_params, widths

PADDED = frozenset({"padding"})
NOTHING = frozenset()
QUICK = pytest.mark.quick
LEVELS = [name for name, missing in kernel_levels().items() if not missing]
KEEP = {
    "short at the end": [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 1, 0, 0, 0]],
    "one token each": [[1, 0, 0, 0, 0], [1, 0, 0, 0, 0], [1, 0, 0, 0, 0]],
    "holes": [[1, 0, 1, 0, 1], [1, 1, 0, 1, 0], [1, 0, 0, 0, 1]],
    "one sequence": [[1, 1, 0, 1, 0]],
}
NOT_PACKED = {
    "all kept": [[1, 1, 1, 1, 1], [1, 1, 1, 1, 1]],
    "padded on the left": [[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]],
    "an empty sequence": [[1, 1, 1, 0, 0], [0, 0, 0, 0, 0]],
}


def inputs(keep, config, seed=1):
    """ids, segments and keep; what stands at padded places is not [PAD]."""
    keep = np.array(keep, bool)
    rng = np.random.default_rng(seed)
    ids = rng.integers(1, config.vocab, keep.shape)
    return ids, rng.integers(0, 2, keep.shape), keep


def both_ways(head, keep, dtype=np.float64, **options):
    """(logits, the encoder's output, gradients) of a loss, padded and packed."""
    config = widths(**options)
    params = random_params(config, head, dtype=dtype, head_masks=True)
    ids, segments, keep = inputs(keep, config)
    labels = labels_for(head, config, keep)
    found = []
    for want in (PADDED, NOTHING):
        out, cache = bert_forward(params, config, ids, segments, keep, head=head, want=want)
        dlogits = loss_forward(out.logits, labels, config, head)[1]
        grads = bert_backward(Output(None, dlogits), params, config, cache)
        found.append((out.logits, out.encoded, grads))
    return keep, *found


@pytest.fixture
def packed_calls():
    """Counts the calls of the packed attention."""
    calls = []

    def counted(*args, **kwargs):
        calls.append(args[3])
        return F.OPS["packed_attention_forward"](*args, **kwargs)

    with F.swap(packed_attention=(counted, F.OPS["packed_attention_backward"])):
        yield calls


@pytest.mark.parametrize("keep", KEEP.values(), ids=KEEP.keys())
@pytest.mark.parametrize("head", ["classification", "next_sentence"])
@pytest.mark.parametrize("level", [pytest.param("numpy", marks=QUICK), *LEVELS[1:]])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_packed_batch_is_the_padded_one(level, head, keep, dtype):
    with at_level(level):
        keep, padded, packed = both_ways(head, keep, dtype)
    rtol = {np.float64: 1e-12, np.float32: 1e-4}[dtype]  # zero in truth are the keys' biases
    assert_close(packed[0], padded[0], name="logits", rtol=rtol)
    assert_close(packed[1].pooled, padded[1].pooled, name="pooled", rtol=rtol)
    (x,), (expected,) = packed[1].hidden, padded[1].hidden
    assert x.dtype == dtype
    assert x.shape == expected.shape
    assert_close(x[keep], expected[keep], name="hidden", rtol=rtol)
    assert not x[~keep].any()
    floor = 1e-3 * largest_norm(padded[2])
    assert packed[2].keys() == padded[2].keys()
    for name, g in packed[2].items():
        assert g.dtype == dtype
        assert_close(g, padded[2][name], name=name, rtol=rtol, floor=floor)


@QUICK
@pytest.mark.parametrize("keep", KEEP.values(), ids=KEEP.keys())
def test_it_is_packed_where_that_leaves_something_out(packed_calls, keep):
    keep, _, _ = both_ways("classification", keep)
    assert len(packed_calls) == 2, "once a layer, in one of the two runs"
    assert np.array_equal(np.diff(packed_calls[0]), keep.sum(1))


@QUICK
@pytest.mark.parametrize("keep", NOT_PACKED.values(), ids=NOT_PACKED.keys())
def test_it_is_not_packed_where_that_would_not_do(packed_calls, keep):
    _, padded, packed = both_ways("classification", keep)
    assert not packed_calls
    assert np.array_equal(padded[0], packed[0])


@QUICK
@pytest.mark.parametrize("head", ["mlm", "tokens", "span", None])
def test_what_reads_hidden_states_gets_those_of_the_padding(packed_calls, head):
    config = widths()
    params = random_params(config, head)
    out, _ = bert_forward(params, config, *batch(config), head=head)
    expected, _ = bert_forward(params, config, *batch(config), head=head, want={"hidden"})
    assert not packed_calls
    assert np.array_equal(out.encoded.hidden[-1], expected.encoded.hidden[-1])
    if head is not None:
        assert np.array_equal(out.logits, expected.logits)


@QUICK
@pytest.mark.parametrize("want", [{"hidden"}, {"scores"}, {"padding"}])
def test_whatever_is_wanted_is_of_the_padded_batch(packed_calls, want):
    config = widths()
    encoder_forward(random_params(config), config, *batch(config), want=want)
    assert not packed_calls


@QUICK
def test_explicit_masks_are_those_of_a_padded_batch(packed_calls):
    config = widths(dropout=0.0, classifier_dropout=0.5)
    drop = Drop(0.0, masks={site: np.array(True) for site in range(8)})
    params = random_params(config, "classification")
    bert_forward(params, config, *batch(config), head="classification", drop=drop)
    assert not packed_calls


@QUICK
def test_cotangents_of_hidden_states_are_taken_at_tokens():
    config = widths()
    params, (ids, segments, keep) = random_params(config), batch(config)
    rng = np.random.default_rng(0)
    grads = []
    for want in (PADDED, NOTHING):
        out, cache = encoder_forward(params, config, ids, segments, keep, want=want)
        draw = np.random.default_rng(0).standard_normal(out.hidden[0].shape)
        d = Encoded((draw * keep[..., None],), (), out.pooled)
        grads.append(encoder_backward(d, params, config, cache))
    for name, g in grads[0].items():
        assert_close(grads[1][name], g, name=name, rtol=1e-12, floor=1e-3)
    # Inner ones too; and what stands at padded places is ignored, since nothing was computed there.
    inner = [rng.standard_normal((*keep.shape, config.hidden)) for _ in range(3)]
    found = []
    for cotangents in (inner, [np.where(keep[..., None], dh, 99.0) for dh in inner]):
        _, cache = encoder_forward(params, config, ids, segments, keep)
        d = Encoded(tuple(cotangents), (), None)
        found.append(encoder_backward(d, params, config, cache))
    assert all(np.array_equal(found[0][name], found[1][name]) for name in found[0])


@QUICK
def test_an_int8_model_is_packed_too(packed_calls):
    config = widths()
    params = quantize_params(random_params(config, "classification", dtype=np.float32))
    outs = [
        bert_forward(params, config, *batch(config), head="classification", want=want)[0]
        for want in (PADDED, NOTHING)
    ]
    assert packed_calls
    assert_close(outs[1].logits, outs[0].logits, rtol=1e-5)


@QUICK
def test_dropout_is_the_same_each_time_and_another_at_each_step(packed_calls):
    config = widths()
    params = random_params(config, "classification")

    def run(step):
        drop = Drop(config.dropout, seed=3, step=step)
        out, cache = bert_forward(params, config, *batch(config), head="classification", drop=drop)
        d = Output(None, np.ones_like(out.logits))
        return out.logits, bert_backward(d, params, config, cache)

    (logits, grads), (again, grads_again), (others, _) = run(1), run(1), run(2)
    assert packed_calls
    assert np.array_equal(logits, again)
    assert all(np.array_equal(grads[name], grads_again[name]) for name in grads)
    assert np.abs(logits - others).max() > 0.01


@pytest.mark.parametrize("level", LEVELS)
def test_gradients_with_dropout_are_the_derivative(level):
    """Forward and backward of a packed batch draw the same masks, at every level."""
    config = widths()
    params = random_params(config, "classification")
    drop = Drop(config.dropout, seed=3)
    ids, segments, keep = inputs(KEEP["holes"], config)
    d = np.random.default_rng(2).standard_normal((3, config.classes))

    def run(params):
        return bert_forward(params, config, ids, segments, keep, head="classification", drop=drop)

    with at_level(level):
        _, cache = run(params)
        grads = bert_backward(Output(None, d), params, config, cache)
        for name in params:
            u = np.random.default_rng(4).standard_normal(params[name].shape)
            up, down = (
                (run(params | {name: params[name] + h * u})[0].logits * d).sum()
                for h in (1e-5, -1e-5)
            )
            slope = (grads[name] * u).sum()
            assert_close((up - down) / 2e-5, slope, name=name, rtol=1e-6, floor=1e-3)
