"""TinyBERT's inner losses: by hand, by plain loops, by differences, and what padding does."""

from dataclasses import replace

import numpy as np
import pytest

from minibert.check import assert_close, assert_gradient
from minibert.check import spec as loops
from minibert.distill import TinyBertSpec, tinybert_loss
from minibert.distill.projections import EMBEDDING, HIDDEN
from minibert.model import Encoded

B, L, H, D_S, D_T = 2, 5, 3, 7, 11
MAP = (2, 5)
LENGTHS = (5, 3)
PARTS = ("attention", "hidden", "embedding")
PADS = pytest.mark.parametrize("pad", ["all", "exact"])


def encoded(rng, D, N, heads=H, length=L):
    hidden = tuple(rng.standard_normal((B, length, D)) for _ in range(N + 1))
    scores = tuple(rng.standard_normal((B, heads, length, length)) for _ in range(N))
    return Encoded(hidden, scores, None)


def case(seed=0, length=L):
    """Student of two layers, teacher of five, keep, projections."""
    rng = np.random.default_rng(seed)
    student, teacher = encoded(rng, D_S, 2, length=length), encoded(rng, D_T, 5, length=length)
    keep = np.arange(length) < np.array(LENGTHS)[:, None]
    proj = {name: rng.standard_normal((D_T, D_S)) for name in (HIDDEN, EMBEDDING)}
    return student, teacher, keep, proj


def by_loops(inputs, spec):
    """The three losses, each alone, entry by entry."""
    alone = [replace(spec, **{name: name == part for name in PARTS}) for part in PARTS]
    return [loops.tinybert_loss_forward(*inputs, one) for one in alone]


@pytest.mark.quick
@PADS
def test_loops(pad):
    inputs = case()
    spec = TinyBertSpec(MAP, pad=pad)
    expected = by_loops(inputs, spec)
    loss, parts, d, d_proj = tinybert_loss(*inputs, spec)
    assert list(parts) == list(PARTS)
    assert list(parts.values()) == pytest.approx(expected, rel=1e-13)
    assert loss == pytest.approx(sum(expected), rel=1e-13)
    e_hidden, e_scores, e_proj = loops.tinybert_loss_backward(1.0, *inputs, spec)
    assert d_proj.keys() == e_proj.keys()
    for got, wanted in zip(
        (*d.hidden, *d.scores, *(d_proj[name] for name in e_proj)),
        (*e_hidden, *e_scores, *e_proj.values()),
        strict=True,
    ):
        assert_close(got, wanted, rtol=1e-13)


def number(x, dims):
    return np.full((1,) * dims, float(x))


@pytest.mark.quick
@PADS
def test_by_hand(pad):
    """One layer, one head, one token, one dimension."""
    student = Encoded((number(1, 3), number(2, 3)), (number(0.5, 4),), None)
    teacher = Encoded((number(1, 3), number(5, 3)), (number(2, 4),), None)
    proj = {HIDDEN: number(3, 2), EMBEDDING: number(-2, 2)}
    loss, parts, d, d_proj = tinybert_loss(
        student, teacher, np.array([[True]]), proj, TinyBertSpec((1,), pad=pad)
    )
    # (0.5 - 2)^2, (2 * 3 - 5)^2, (1 * -2 - 1)^2
    assert parts == {"attention": 2.25, "hidden": 1.0, "embedding": 9.0}
    assert loss == 12.25
    assert d.scores[0].item() == 2 * (0.5 - 2)
    assert d.hidden[1].item() == 2 * (6 - 5) * 3
    assert d.hidden[0].item() == 2 * (-2 - 1) * -2
    assert d_proj[HIDDEN].item() == 2 * (6 - 5) * 2
    assert d_proj[EMBEDDING].item() == 2 * (-2 - 1) * 1
    assert d.pooled is None


def test_equal_models_cost_nothing():
    rng = np.random.default_rng(4)
    teacher = encoded(rng, D_T, 2)
    proj = dict.fromkeys((HIDDEN, EMBEDDING), np.eye(D_T))
    loss, parts, d, _ = tinybert_loss(teacher, teacher, None, proj, TinyBertSpec((1, 2)))
    assert loss == 0.0
    assert set(parts.values()) == {0.0}
    assert not any(x.any() for x in (*d.hidden, *d.scores))


@PADS
@pytest.mark.parametrize("off", [(), *((part,) for part in PARTS), PARTS[:2]], ids=str)
def test_gradients(off, pad):
    """Of scores, hidden states and projections; what is switched off has none."""
    student, teacher, keep, proj = case()
    spec = TinyBertSpec(MAP, pad=pad, **dict.fromkeys(off, False))

    def forward(hidden, scores, proj):
        inner = Encoded(tuple(hidden.values()), tuple(scores.values()), None)
        loss, parts, d, d_proj = tinybert_loss(inner, teacher, keep, proj, spec)
        assert parts.keys() == set(PARTS) - set(off)
        return loss, (d, d_proj)

    def backward(dloss, cache):
        d, d_proj = cache
        named = [
            {i: g * dloss for i, g in enumerate(entries) if g is not None}
            for entries in (d.hidden, d.scores)
        ]
        return *named, {name: g * dloss for name, g in d_proj.items()}

    inputs = dict(enumerate(student.hidden)), dict(enumerate(student.scores)), proj
    assert_gradient(forward, backward, inputs, wrt=(0, 1, 2))


@pytest.mark.parametrize("off", PARTS)
def test_switched_off_is_absent(off):
    inputs = case()
    _, parts, d, d_proj = tinybert_loss(*inputs, TinyBertSpec(MAP, **{off: False}))
    _, everything, _, _ = tinybert_loss(*inputs, TinyBertSpec(MAP))
    assert parts == {name: everything[name] for name in PARTS if name != off}
    absent = {
        "attention": d.scores,
        "hidden": (*d.hidden[1:], d_proj.get(HIDDEN)),
        "embedding": (d.hidden[0], d_proj.get(EMBEDDING)),
    }
    for name, entries in absent.items():
        assert all((entry is None) == (name == off) for entry in entries)


def test_nothing_switched_on():
    none = dict.fromkeys(PARTS, False)
    loss, parts, d, d_proj = tinybert_loss(*case(), TinyBertSpec(MAP, **none))
    assert (loss, parts, d_proj) == (0, {}, {})
    assert all(entry is None for entry in (*d.hidden, *d.scores))


def padded(x, more, rng, axes):
    """x with rubbish after the end of these axes."""
    shape = tuple(n + more * (axis in axes) for axis, n in enumerate(x.shape))
    wide = rng.standard_normal(shape) * 1e3
    wide[tuple(slice(n) for n in x.shape)] = x
    return wide


def longer(e, more, rng):
    hidden = tuple(padded(x, more, rng, (1,)) for x in e.hidden)
    return Encoded(hidden, tuple(padded(x, more, rng, (2, 3)) for x in e.scores), None)


@pytest.mark.quick
def test_exact_ignores_padding():
    """Neither more padding nor what stands there changes a loss or a gradient."""
    student, teacher, keep, proj = case()
    spec = TinyBertSpec(MAP, pad="exact")
    loss, parts, d, d_proj = tinybert_loss(student, teacher, keep, proj, spec)
    more = np.pad(keep, ((0, 0), (0, 4)))
    rng = np.random.default_rng(8)
    wide = longer(student, 4, rng), longer(teacher, 4, rng)
    loss_2, parts_2, d_2, d_proj_2 = tinybert_loss(*wide, more, proj, spec)
    assert loss_2 == pytest.approx(loss, rel=1e-12)
    assert parts_2 == pytest.approx(parts, rel=1e-12)
    for name in proj:
        assert_close(d_proj_2[name], d_proj[name], rtol=1e-12)
    for a, b in zip(d_2.hidden, d.hidden, strict=True):
        assert_close(a[:, :L], b, rtol=1e-12)
        assert not a[~more].any()
    pairs = more[:, None, :, None] & more[:, None, None, :]
    for a, b in zip(d_2.scores, d.scores, strict=True):
        assert_close(a[:, :, :L, :L], b, rtol=1e-12)
        assert not a[~np.broadcast_to(pairs, a.shape)].any()


@pytest.mark.quick
def test_all_is_the_plain_mean():
    """`keep` does not matter, and padded places do."""
    student, teacher, keep, proj = case()
    spec = TinyBertSpec(MAP)
    loss, _, d, _ = tinybert_loss(student, teacher, keep, proj, spec)
    assert loss == tinybert_loss(student, teacher, None, proj, spec)[0]
    assert all(x[~keep].any() for x in d.hidden)
    exact = TinyBertSpec(MAP, pad="exact")
    assert loss != tinybert_loss(student, teacher, keep, proj, exact)[0]
    everything = np.ones_like(keep)
    assert loss == pytest.approx(tinybert_loss(student, teacher, everything, proj, exact)[0])


def test_inputs_stay_and_types_are_kept():
    student, teacher, keep, proj = case()

    def small(e):
        return Encoded(*(tuple(x.astype(np.float32) for x in part) for part in e[:2]), None)

    proj = {name: w.astype(np.float32) for name, w in proj.items()}
    inputs = small(student), small(teacher), keep, proj
    arrays = [*inputs[0].hidden, *inputs[0].scores, *inputs[1].hidden, *inputs[3].values()]
    before = [a.copy() for a in arrays]
    loss, _, d, d_proj = tinybert_loss(*inputs, TinyBertSpec(MAP, pad="exact"))
    assert isinstance(loss, float)
    assert all(g.dtype == np.float32 for g in (*d.hidden, *d.scores, *d_proj.values()))
    assert all(np.array_equal(a, b) for a, b in zip(arrays, before, strict=True))


def test_unequal_heads():
    student, _, keep, proj = case()
    teacher = encoded(np.random.default_rng(1), D_T, 5, heads=4)
    with pytest.raises(ValueError, match="equally many heads"):
        tinybert_loss(student, teacher, keep, proj, TinyBertSpec(MAP))
    spec = TinyBertSpec(MAP, attention=False)
    assert tinybert_loss(student, teacher, keep, proj, spec)[1].keys() == {"hidden", "embedding"}


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("missing", ["hidden", "scores"])
def test_forgotten_states(missing, side):
    """What a forward gives that was not told what to keep."""
    inputs = list(case())
    e = inputs[side]
    inputs[side] = e._replace(**{missing: e.hidden[-1:] if missing == "hidden" else ()})
    with pytest.raises(ValueError, match=r'want=\{"hidden", "scores"\}'):
        tinybert_loss(*inputs, TinyBertSpec(MAP))


def test_scores_are_not_needed_without_attention():
    student, teacher, keep, proj = case()
    spec = TinyBertSpec(MAP, attention=False)
    bare = student._replace(scores=()), teacher._replace(scores=())
    assert tinybert_loss(*bare, keep, proj, spec)[0] > 0


@pytest.mark.parametrize("layer_map", [(), (1,), (1, 2, 3), (0, 1), (1, 6)], ids=str)
def test_a_map_that_does_not_fit(layer_map):
    with pytest.raises(ValueError, match=r"layer_map is .* teacher layer \(1 to 5\)"):
        tinybert_loss(*case(), TinyBertSpec(layer_map))


def test_unknown_pad():
    with pytest.raises(ValueError, match="pad is 'none'"):
        TinyBertSpec(MAP, pad="none")
