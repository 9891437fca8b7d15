"""Mode "repo": the formulas of the code that TinyBERT's authors released, and near misses."""

import numpy as np
import pytest

from minibert.check import assert_close, assert_gradient, relative_error
from minibert.check import spec as loops
from minibert.check.cases import distill
from minibert.distill import TinyBertSpec, init_projections, tinybert_loss, uniform_map
from minibert.distill.projections import EMBEDDING, FIT_BIAS, FIT_WEIGHT, HIDDEN
from minibert.model import Encoded

CASE = next(c for f in distill.FORMULAS for c in f.cases if str(c) == "tinybert-loss-repo")


def inputs(dtype=np.float64):
    """student, teacher, keep, proj, spec: with padding, and with real scores below -100."""
    (student, teacher, *rest), _ = CASE.inputs(dtype=dtype)
    return distill.encoded(student), distill.encoded(teacher), *rest


def by_arrays(student, teacher, keep, proj, layer_map, *, mask=True, clean="both",
              projection="shared", bias=True, counted="all"):
    """The parts in whole arrays, right by default, with a switch for each mistake."""
    added = np.where(keep, 0.0, -10000.0)[:, None, None, :] if mask else 0.0
    tokens = np.ones_like(keep) if counted == "all" else keep
    pairs = tokens[:, None, :, None] & tokens[:, None, None, :]

    def scores(a, side):
        a = a + added
        return np.where(a <= -100, 0.0, a) if clean in ("both", side) else a

    def project(h, m):
        w = np.roll(proj[FIT_WEIGHT], m, 0) if projection == "per layer" else proj[FIT_WEIGHT]
        return h @ w.T + bias * proj[FIT_BIAS]

    def of_states(m, g):
        return ((project(student.hidden[m], m) - teacher.hidden[g]) ** 2)[tokens].mean()

    def of_scores(m, g):
        here = scores(student.scores[m - 1], "student")
        apart = here - scores(teacher.scores[g - 1], "teacher")
        return (apart**2).mean(where=np.broadcast_to(pairs, apart.shape))

    g = (0, *layer_map)
    return {
        "attention": sum(of_scores(m, g[m]) for m in (1, 2)),
        "hidden": sum(of_states(m, g[m]) for m in (1, 2)),
        "embedding": of_states(0, 0),
    }


MISTAKES = {
    "mask not added": ({"mask": False}, {"attention"}),
    "not cleaned": ({"clean": "neither"}, {"attention"}),
    "teacher not cleaned": ({"clean": "student"}, {"attention"}),
    "student not cleaned": ({"clean": "teacher"}, {"attention"}),
    "a projection for each layer": ({"projection": "per layer"}, {"hidden"}),
    "bias forgotten": ({"bias": False}, {"hidden", "embedding"}),
    "mean over tokens only": ({"counted": "tokens"}, {"attention", "hidden", "embedding"}),
}


@pytest.mark.quick
def test_by_arrays():
    student, teacher, keep, proj, spec = inputs()
    loss, parts, _, _ = tinybert_loss(student, teacher, keep, proj, spec)
    expected = by_arrays(student, teacher, keep, proj, spec.layer_map)
    assert parts == pytest.approx(expected, rel=1e-13)
    assert loss == pytest.approx(loops.tinybert_loss_forward(*inputs()), rel=1e-13)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_differ(mistake):
    """On the inputs of the golden file each of them is far from the truth."""
    student, teacher, keep, proj, spec = inputs()
    switch, touched = MISTAKES[mistake]
    _, parts, _, _ = tinybert_loss(student, teacher, keep, proj, spec)
    found = by_arrays(student, teacher, keep, proj, spec.layer_map, **switch)
    for name in parts:
        assert (abs(found[name] / parts[name] - 1) > 1e-2) == (name in touched)


@pytest.mark.quick
def test_gradients_by_loops():
    _, _, d, d_proj = tinybert_loss(*inputs())
    e_hidden, e_scores, e_proj = loops.tinybert_loss_backward(1.0, *inputs())
    assert d_proj.keys() == e_proj.keys() == {FIT_WEIGHT, FIT_BIAS}
    for got, expected in zip((*d.hidden, *d.scores), (*e_hidden, *e_scores), strict=True):
        assert_close(got, expected, rtol=1e-13)
    for name in d_proj:
        assert_close(d_proj[name], e_proj[name], rtol=1e-13)


def test_gradients():
    """Of every entry, by differences: also of those that were put to 0."""
    args, kwargs = CASE.inputs()
    assert_gradient(*CASE.functions(), args, kwargs, wrt=CASE.wrt, **CASE.gradcheck)


def test_gradient_through_the_cleaning_is_caught():
    """A backward that forgets that cleaned scores are constants."""
    args, kwargs = CASE.inputs()
    forward, backward = CASE.functions()
    student, teacher, keep, _, spec = args

    def forgetful(d, cache):
        d_student, d_proj = backward(d, cache)
        taught = loops.cleaned_scores(teacher[f"scores.{spec.layer_map[0] - 1}"], keep)
        here = loops.cleaned_scores(student["scores.0"], keep)
        return {**d_student, "scores.0": d["loss"] * 2 * (here - taught) / here.size}, d_proj

    with pytest.raises(AssertionError, match="WRONG"):
        assert_gradient(forward, forgetful, args, kwargs, wrt=CASE.wrt, **CASE.gradcheck)


@pytest.mark.quick
def test_by_hand():
    """One layer, one head, two tokens of which the second is padding, one dimension."""
    student = Encoded(
        (np.array([[[1.0], [4.0]]]), np.array([[[2.0], [0.0]]])),
        (np.array([[[[0.5, 7.0], [3.0, 9.0]]]]),), None,
    )
    teacher = Encoded(
        (np.array([[[3.0], [0.0]]]), np.array([[[5.0], [1.0]]])),
        (np.array([[[[2.0, 8.0], [-100.0, 6.0]]]]),), None,
    )
    proj = {FIT_WEIGHT: np.array([[3.0]]), FIT_BIAS: np.array([-1.0])}
    spec = TinyBertSpec((1,), mode="repo")
    _, parts, d, d_proj = tinybert_loss(student, teacher, np.array([[True, False]]), proj, spec)
    # scores: the second key is 0 on both sides; -100 is taken for padding; the mean is over four
    assert parts["attention"] == (1.5**2 + 3.0**2) / 4
    np.testing.assert_array_equal(d.scores[0], [[[[2 * -1.5 / 4, 0], [2 * 3 / 4, 0]]]])
    # states: 3 * 2 - 1 - 5 = 0, 3 * 0 - 1 - 1 = -2; below them 3 * 1 - 1 - 3 = -1, 3 * 4 - 1 = 11
    assert parts["hidden"] == (0 + 4) / 2
    assert parts["embedding"] == (1 + 121) / 2
    assert d_proj[FIT_BIAS].item() == 0 - 2 - 1 + 11
    assert d_proj[FIT_WEIGHT].item() == 2 * 0 + 0 * -2 + 1 * -1 + 4 * 11
    np.testing.assert_array_equal(d.hidden[1], [[[0], [-6]]])


def test_equal_widths_are_projected_too():
    rng = np.random.default_rng(3)
    h = tuple(rng.standard_normal((2, 3, 4)) for _ in range(2))
    side = Encoded(h, (), None)
    proj = {FIT_WEIGHT: 2 * np.eye(4), FIT_BIAS: np.zeros(4)}
    spec = TinyBertSpec((1,), attention=False, mode="repo")
    _, parts, _, _ = tinybert_loss(side, side, None, proj, spec)
    assert parts == pytest.approx({"hidden": (h[1] ** 2).mean(), "embedding": (h[0] ** 2).mean()})


def test_without_keep_nothing_is_padded():
    student, teacher, keep, proj, spec = inputs()
    bare = tinybert_loss(student, teacher, None, proj, spec)
    whole = tinybert_loss(student, teacher, np.ones_like(keep), proj, spec)
    assert bare[0] == whole[0]
    assert bare[0] != tinybert_loss(student, teacher, keep, proj, spec)[0]


def test_types_are_kept_and_inputs_stay():
    student, teacher, keep, proj, spec = inputs(np.float32)
    before = [a.copy() for a in (*student.scores, *teacher.scores)]
    _, _, d, d_proj = tinybert_loss(student, teacher, keep, proj, spec)
    assert all(g.dtype == np.float32 for g in (*d.hidden, *d.scores, *d_proj.values()))
    after = (*student.scores, *teacher.scores)
    assert all(np.array_equal(a, b) for a, b in zip(after, before, strict=True))


def test_paper_and_released_code_differ():
    student, teacher, keep, proj, spec = inputs()
    as_paper = {HIDDEN: proj[FIT_WEIGHT], EMBEDDING: proj[FIT_WEIGHT]}
    _, paper, d, _ = tinybert_loss(student, teacher, keep, as_paper, TinyBertSpec(spec.layer_map))
    _, repo, e, _ = tinybert_loss(student, teacher, keep, proj, spec)
    assert all(abs(repo[name] / paper[name] - 1) > 1e-2 for name in paper)
    assert relative_error(e.scores[0], d.scores[0]) > 0.1


def test_exact_padding_is_refused():
    with pytest.raises(ValueError, match='pad="exact" does not go with mode="repo"'):
        TinyBertSpec((1,), pad="exact", mode="repo")


@pytest.mark.parametrize("make", [
    lambda: TinyBertSpec((1,), mode="code"),
    lambda: init_projections(2, 3, mode="code"),
    lambda: uniform_map(2, 4, mode="code"),
])
def test_unknown_mode(make):
    with pytest.raises(ValueError, match="mode is 'code'; it is \"paper\" or \"repo\""):
        make()


@pytest.mark.parametrize("mode", ["paper", "repo"])
def test_projections_of_the_other_mode(mode):
    student, teacher, keep, *_ = inputs()
    other = {"paper": "repo", "repo": "paper"}[mode]
    proj = init_projections(11, 21, mode=other)
    with pytest.raises(ValueError, match=rf'lacks .* init_projections\(\.\.\., mode="{mode}"\)'):
        tinybert_loss(student, teacher, keep, proj, TinyBertSpec((2, 4), mode=mode))
