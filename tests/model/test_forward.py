"""What the model returns, and what it leaves alone."""

import numpy as np
import pytest

from minibert.check import assert_close
from minibert.model import (
    ComposedLinear,
    Encoded,
    Output,
    bert_backward,
    bert_forward,
    encoder_backward,
    encoder_forward,
    loss_forward,
)
from minibert.ops import Drop

from .small import arrays, batch, cotangents, labels_for, random_params, uniform, widths

pytestmark = pytest.mark.quick

WANT = frozenset({"hidden", "scores"})
NONE = Encoded((), (), None)
HEADS = ["classification", "mlm", "next_sentence", "tokens", "span", None]


def run(head, *, config=None, dtype=np.float64, drop=None, **options):
    config = config or widths()
    params = random_params(config, head, dtype=dtype, head_masks=True)
    out, cache = bert_forward(params, config, *batch(config), head=head, want=WANT, drop=drop,
                              **options)
    return config, params, out, cache


def floats_inside(x):
    """Every floating array anywhere in a cache."""
    if isinstance(x, np.ndarray):
        return [x] if np.issubdtype(x.dtype, np.floating) else []
    if isinstance(x, dict):
        x = x.values()
    elif not isinstance(x, (tuple, list)):
        return []
    return [a for part in x for a in floats_inside(part)]


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("dropped", [False, True], ids=["", "dropout"])
def test_dtype_in_is_dtype_out(head, dtype, dropped):
    drop = Drop(0.3, seed=1) if dropped else None
    config, params, out, cache = run(head, dtype=dtype, drop=drop)
    assert {a.dtype for a in arrays(out)} == {np.dtype(dtype)}
    assert {a.dtype for a in floats_inside(cache)} == {np.dtype(dtype)}
    grads = bert_backward(cotangents(out), params, config, cache)
    assert {name for name, g in grads.items() if g.dtype != dtype} == set()
    assert {name: g.shape for name, g in grads.items()} == {
        name: p.shape for name, p in params.items()}


@pytest.mark.parametrize("head", HEADS[:-1])
def test_dtype_of_losses_cotangents(head):
    config, _, out, _ = run(head, dtype=np.float32)
    labels = labels_for(head, config, batch(config)[2])
    loss, dlogits = loss_forward(out.logits, labels, config, head)
    assert (loss.dtype, dlogits.dtype, dlogits.shape) == (np.float32, np.float32, out.logits.shape)


def test_regressions_targets_take_the_logits_dtype():
    config, _, out, _ = run("classification", config=widths(classes=1), dtype=np.float32)
    loss, dlogits = loss_forward(out.logits, [0.5, 2.0], config, "classification")
    assert loss == pytest.approx(((out.logits[:, 0] - [0.5, 2.0]) ** 2).mean(), rel=1e-6)
    assert (dlogits.dtype, dlogits.shape) == (np.float32, (2, 1))


@pytest.mark.parametrize("head", HEADS)
def test_nothing_is_changed_in_place(head):
    config = widths()
    params = random_params(config, head, head_masks=True)
    inputs = batch(config)
    before = [a.copy() for a in (*params.values(), *inputs)]
    out, cache = bert_forward(params, config, *inputs, head=head, want=WANT, drop=Drop(0.3))
    outputs = [a.copy() for a in arrays(out)]
    d = cotangents(out)
    d_before = [a.copy() for a in arrays(d)]
    grads = bert_backward(d, params, config, cache)
    for changed, kept in ((before, (*params.values(), *inputs)), (outputs, arrays(out)),
                          (d_before, arrays(d))):
        assert all(np.array_equal(a, b) for a, b in zip(changed, kept, strict=True))
    others = [*params.values(), *arrays(d), *arrays(out)]
    for name, g in grads.items():
        assert not any(np.shares_memory(g, a) for a in others), f"{name}: not an array of its own"


def test_same_call_same_bits():
    outputs, grads = [], []
    for _ in range(2):
        config, params, out, cache = run("mlm")
        outputs.append(arrays(out))
        grads.append(bert_backward(cotangents(out), params, config, cache))
    assert all(np.array_equal(a, b) for a, b in zip(*outputs, strict=True))
    assert all(np.array_equal(grads[0][k], grads[1][k]) for k in grads[0])


@pytest.mark.parametrize("head", HEADS)
def test_the_cache_is_consumed(head):
    config, params, out, cache = run(head)
    d = cotangents(out)
    bert_backward(d, params, config, cache)
    assert cache == []
    with pytest.raises(RuntimeError, match="consumed by an earlier backward: run forward again"):
        bert_backward(d, params, config, cache)


def test_the_encoders_cache_is_consumed():
    config, params = widths(), random_params(widths())
    out, cache = encoder_forward(params, config, *batch(config))
    d = Encoded((), (), np.ones_like(out.pooled))
    encoder_backward(d, params, config, cache)
    with pytest.raises(RuntimeError, match="run forward again"):
        encoder_backward(d, params, config, cache)


@pytest.mark.parametrize("want", [{"padding"}, {"hidden"}, {"scores"}, {"hidden", "scores"}])
def test_want(want):
    """What is asked for decides what is returned, and no number."""
    config, params = widths(), random_params(widths())
    full = encoder_forward(params, config, *batch(config), want=WANT)[0]
    out, cache = encoder_forward(params, config, *batch(config), want=frozenset(want))
    hidden = full.hidden if "hidden" in want else full.hidden[-1:]
    scores = full.scores if "scores" in want else ()
    assert (len(out.hidden), len(out.scores)) == (len(hidden), len(scores))
    expected = arrays(Output(Encoded(hidden, scores, full.pooled), None))
    for a, b in zip(arrays(Output(out, None)), expected, strict=True):
        assert_close(a, b, rtol=1e-13)
    d = cotangents(Output(out, None)).encoded
    grads = encoder_backward(d, params, config, cache)
    # The same cotangents given in full lead to the same gradients.
    if "hidden" not in want:
        d = d._replace(hidden=(None, None, *d.hidden))
    _, cache = encoder_forward(params, config, *batch(config), want=WANT)
    reference = encoder_backward(d, params, config, cache)
    for name in reference:
        assert_close(grads[name], reference[name], name=name, rtol=1e-12, floor=1e-3)


def test_shapes():
    _, _, out, _ = run("classification")
    assert [h.shape for h in out.encoded.hidden] == [(2, 5, 13)] * 3
    assert [s.shape for s in out.encoded.scores] == [(2, 3, 5, 5), (2, 2, 5, 5)]
    assert (out.encoded.pooled.shape, out.logits.shape) == ((2, 13), (2, 3))


def test_mlm_at_is_a_choice_among_all_places():
    at = np.zeros((2, 5), bool)
    at[0, 1] = at[0, 4] = at[1, 0] = True
    everywhere, some = run("mlm")[2].logits, run("mlm", at=at)[2].logits
    assert (everywhere.shape, some.shape) == ((2, 5, 23), (3, 23))
    assert_close(some, everywhere[at], rtol=1e-13)


def test_mlm_at_nowhere():
    """A batch in which nothing is masked trains nothing, and does not fail."""
    config, params, out, cache = run("mlm", at=np.zeros((2, 5), bool))
    loss, dlogits = loss_forward(out.logits, np.zeros(0, int), config, "mlm")
    grads = bert_backward(Output(None, dlogits), params, config, cache)
    assert loss == 0.0
    assert not any(g.any() for g in grads.values())


def test_mlm_at_gives_the_gradients_of_those_places():
    at = np.zeros((2, 5), bool)
    at[0, 1] = at[1, 2] = True
    config, params, out, cache = run("mlm", at=at)
    logits = np.random.default_rng(1).standard_normal(out.logits.shape)
    some = bert_backward(Output(None, logits), params, config, cache)
    config, params, out, cache = run("mlm")
    scattered = np.zeros(out.logits.shape)
    scattered[at] = logits
    everywhere = bert_backward(Output(None, scattered), params, config, cache)
    for name in everywhere:
        assert_close(some[name], everywhere[name], name=name, rtol=1e-11, floor=1e-3)


@pytest.mark.parametrize("head", HEADS)
def test_cotangents_add_up(head):
    """All cotangents at once give the sum of each one alone; what is None counts as zero."""
    config, params, out, cache = run(head)
    d = cotangents(out)
    together = bert_backward(d, params, config, cache)
    total = {name: 0.0 for name in together}
    hidden, scores = d.encoded.hidden, d.encoded.scores
    none = (None,) * len(hidden)
    alone = [Output(NONE._replace(hidden=(*none[:i], h, *none[i + 1:])), None)
             for i, h in enumerate(hidden)]
    alone += [Output(NONE._replace(scores=(*none[:i], s, *none[i + 2:])), None)
              for i, s in enumerate(scores)]
    alone += [Output(NONE._replace(pooled=d.encoded.pooled), None), Output(None, d.logits)]
    for one in alone:
        _, _, _, cache = run(head)
        for name, g in bert_backward(one, params, config, cache).items():
            total[name] = total[name] + g
    for name, g in together.items():
        assert_close(total[name], g, name=name, rtol=1e-11)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("d", [Output(None, None), Output(NONE, None),
                               Output(Encoded((None,) * 3, (None,) * 2, None), None)])
def test_no_cotangent_is_no_gradient(head, d):
    config, params, _, cache = run(head)
    grads = bert_backward(d, params, config, cache)
    assert not any(g.any() for g in grads.values())
    last = ("bert.pooler", "classifier", "cls", "qa_outputs")
    heads = [name for name in grads if name.startswith(last)]
    assert heads == [], "a head that was not reached has no gradient, not one of zeros"


def test_one_hidden_cotangent_is_the_last_layers():
    config, params, out, cache = run(None)
    last = cotangents(out).encoded.hidden[-1]
    short = encoder_backward(NONE._replace(hidden=(last,)), params, config, cache[:-1])
    _, _, _, cache = run(None)
    full = encoder_backward(NONE._replace(hidden=(None, None, last)), params, config, cache[:-1])
    assert all(np.array_equal(short[name], full[name]) for name in full)


@pytest.mark.parametrize("head", HEADS[:-1])
@pytest.mark.parametrize("dropped", [False, True], ids=["", "dropout"])
def test_composed_linear_is_float_linear(head, dropped):
    """The seam's default composition is what the fused kernels compute, to the last bit."""
    drop = Drop(0.3, seed=2) if dropped else None
    composed = ComposedLinear()
    config, params, out, cache = run(head, drop=drop)
    _, _, other, other_cache = run(head, drop=drop, linear=composed)
    assert all(np.array_equal(a, b) for a, b in zip(arrays(out), arrays(other), strict=True))
    d = cotangents(out)
    grads = bert_backward(d, params, config, cache)
    others = bert_backward(d, params, config, other_cache, linear=composed)
    assert grads.keys() == others.keys()
    assert [name for name in grads if not np.array_equal(grads[name], others[name])] == []


@pytest.mark.parametrize("head", ["classification", "next_sentence", "tokens", "span"])
def test_a_linear_of_ones_own_sees_every_layer_by_name(head):
    seen = []

    class Watched(ComposedLinear):
        def forward(self, name, x, w, b):
            seen.append((name, x.shape[-1], w.shape))
            return super().forward(name, x, w, b)

        def backward(self, name, dy, cache):
            seen.append(name)
            return super().backward(name, dy, cache)

    watched = Watched()
    config, params, out, cache = run(head, linear=watched)
    linears = {name.removesuffix(".weight") for name, p in params.items()
               if p.ndim == 2 and "embeddings" not in name}
    assert [name for name, _, _ in seen] == sorted({n for n, _, _ in seen}, key=[
        n for n, _, _ in seen].index), "a layer was computed twice"
    assert {name for name, _, _ in seen} == linears
    assert all(shape == params[f"{name}.weight"].shape for name, _, shape in seen)
    seen.clear()
    bert_backward(cotangents(out), params, config, cache, linear=watched)
    assert set(seen) == linears


def test_pooler_conventions_differ():
    logits = [run("classification", config=widths(pooler=pooler))[2].logits
              for pooler in ("hf", "tinybert")]
    assert np.abs(logits[0] - logits[1]).max() > 0.01


def test_segments_matter_and_default_to_zero():
    config, params = uniform(), random_params(uniform())
    ids, segments, _ = batch(config)

    def pooled(segments):
        return encoder_forward(params, config, ids, segments)[0].pooled

    assert np.array_equal(pooled(None), pooled(np.zeros_like(ids)))
    assert np.abs(pooled(segments) - pooled(None)).max() > 0.01


def test_rows_do_not_see_each_other():
    config, params = widths(), random_params(widths())
    ids, segments, keep = batch(config)
    both = encoder_forward(params, config, ids, segments, keep, want=WANT)[0]
    for row in range(2):
        one = slice(row, row + 1)
        alone = encoder_forward(params, config, ids[one], segments[one], keep[one], want=WANT)[0]
        for a, b in zip(arrays(Output(alone, None)), arrays(Output(both, None)), strict=True):
            assert_close(a, b[one], rtol=1e-12)
