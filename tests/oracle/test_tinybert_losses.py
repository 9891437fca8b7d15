"""TinyBERT's losses, and their gradients through the student, against PyTorch's autograd."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from model.small import batch, random_params, uniform

from minibert import kernels as F
from minibert.check import assert_close
from minibert.distill import TinyBertSpec, init_projections, tinybert_loss, uniform_map
from minibert.distill.projections import EMBEDDING, HIDDEN
from minibert.model import Encoded, Output, bert_backward, bert_forward

torch = pytest.importorskip("torch")

from . import transcription as T  # noqa: E402
from .autograd import LEVELS, RTOL, assert_same_gradients, leaves  # noqa: E402

pytestmark = pytest.mark.oracle

WANT = frozenset({"hidden", "scores"})


@pytest.fixture(params=LEVELS)
def _level(request):
    with F.use(request.param):
        yield


def student_and_teacher(dtype=np.float64):
    """A teacher of four layers and a narrower student of two; equally many heads."""
    teacher = uniform(n_layers=4)
    student = uniform(hidden=6, ffn=7)
    return (student, random_params(student, "classification", seed=1, dtype=dtype)), (
        teacher, random_params(teacher, "classification", seed=2, dtype=dtype))


PARTS = [parts for n in (1, 2, 3)
         for parts in itertools.combinations(("attention", "hidden", "embedding"), n)]


@pytest.mark.parametrize("parts", PARTS, ids="+".join)
@pytest.mark.parametrize("pad", ["all", "exact"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.usefixtures("_level")
def test_tinybert_loss(parts, pad, dtype):
    """Loss, parts, the cotangents of the student's states and scores, and the projections'."""
    (config_s, params_s), (config_t, params_t) = student_and_teacher(dtype)
    ids, segments, keep = batch(config_s)
    student = bert_forward(params_s, config_s, ids, segments, keep, want=WANT)[0].encoded
    teacher = bert_forward(params_t, config_t, ids, segments, keep, want=WANT)[0].encoded
    proj = init_projections(config_s.hidden, config_t.hidden, seed=4, dtype=dtype)
    layer_map = uniform_map(2, 4)
    spec = TinyBertSpec(layer_map, pad=pad, **{k: k in parts for k in
                                               ("attention", "hidden", "embedding")})
    loss, got_parts, d_student, d_proj = tinybert_loss(student, teacher, keep, proj, spec)

    states, scores = (list(leaves(dict(enumerate(arrays))).values())
                      for arrays in (student.hidden, student.scores))
    w = leaves(proj)
    all_parts = T.tinybert_parts(
        (states, scores), ([torch.tensor(a) for a in teacher.hidden],
                           [torch.tensor(a) for a in teacher.scores]),
        layer_map, w[HIDDEN], w[EMBEDDING], torch.tensor(keep) if pad == "exact" else None,
    )
    expected = sum(all_parts[k] for k in parts)
    rtol = RTOL[dtype]
    assert_close(loss, expected.item(), name="loss", rtol=rtol)
    assert got_parts.keys() == set(parts)
    for k in parts:
        assert_close(got_parts[k], all_parts[k].item(), name=k, rtol=rtol)
    inputs = [*states, *scores, w[HIDDEN], w[EMBEDDING]]
    reference = torch.autograd.grad(expected, inputs, allow_unused=True)
    got = [*d_student.hidden, *d_student.scores, d_proj.get(HIDDEN), d_proj.get(EMBEDDING)]
    for g, e in zip(got, reference, strict=True):
        assert (g is None) == (e is None)
        if g is not None:
            assert_close(g, e.numpy(), rtol=rtol)
            assert g.dtype == dtype


@pytest.mark.parametrize("pad", ["all", "exact"])
@pytest.mark.usefixtures("_level")
def test_tinybert_gradients_through_the_student(pad):
    """All four losses at once, through the student to every parameter and projection."""
    (config_s, params_s), (config_t, params_t) = student_and_teacher()
    config_s = replace(config_s, pooler="tinybert")
    inputs = batch(config_s)
    keep, tau = inputs[2], 1.7
    proj = init_projections(config_s.hidden, config_t.hidden, seed=4, dtype=np.float64)
    spec = TinyBertSpec(uniform_map(2, 4), pad=pad)
    teacher, _ = bert_forward(params_t, config_t, *inputs, head="classification", want=WANT)
    student, cache = bert_forward(params_s, config_s, *inputs, head="classification", want=WANT)
    inner, _, d_encoded, d_proj = tinybert_loss(student.encoded, teacher.encoded, keep, proj, spec)
    outer, c_outer = F.soft_cross_entropy_forward(student.logits, teacher.logits, tau=tau)
    dlogits = F.soft_cross_entropy_backward(1.0, c_outer)
    grads = bert_backward(Output(d_encoded, dlogits), params_s, config_s, cache) | d_proj

    p, w = leaves(params_s), leaves(proj)
    tensors = [torch.tensor(a) for a in inputs]
    with torch.no_grad():
        p_t = leaves(params_t)
        *states_t, pooled_t = T.encode(p_t, config_t, *tensors)
        logits_t = T.classify(p_t, config_t, pooled_t)
    *states_s, pooled_s = T.encode(p, config_s, *tensors)
    parts = T.tinybert_parts(states_s, states_t, spec.layer_map, w[HIDDEN], w[EMBEDDING],
                             tensors[2] if pad == "exact" else None)
    loss = sum(parts.values()) + T.prediction(T.classify(p, config_s, pooled_s), logits_t, tau)
    assert_close(inner + outer, loss.item(), name="loss", rtol=1e-12)
    everything = p | w
    found = torch.autograd.grad(loss, list(everything.values()))
    expected = {k: g.numpy() for k, g in zip(everything, found, strict=True)}
    assert_same_gradients(grads, expected, 1e-10)


def random_sides(D_s, D_t, dtype, M=2, N=4, B=3, H=5, L=7, seed=11):
    """Random states and scores of both sides, with scores at and around the released code's -100.

    Padding too: whole rows of keys, and a padded score so high that the mask does not reach -100.
    """
    rng = np.random.default_rng(seed)

    def side(D, layers):
        hidden = [rng.standard_normal((B, L, D)) for _ in range(layers + 1)]
        scores = [60 * rng.standard_normal((B, H, L, L)) for _ in range(layers)]
        for a in scores:
            a[:, :, 1, :2] = rng.choice([-100.0, -100.5, -99.5, -2e4], (B, H, 2))
            a[:, 0, 2, -1] = 1e4
        return Encoded(*(tuple(x.astype(dtype) for x in part) for part in (hidden, scores)), None)

    keep = np.arange(L) < np.array([7, 4, 2])[:, None]
    return side(D_s, M), side(D_t, N), keep


@pytest.mark.parametrize(("D_s", "D_t"), [(6, 11), (11, 11)], ids=["narrower", "equal"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.usefixtures("_level")
def test_released_code(D_s, D_t, dtype):
    """Mode "repo": loss, parts and every gradient, with padding and with scores below -100."""
    student, teacher, keep = random_sides(D_s, D_t, dtype)
    assert not keep.all()
    real = keep[:, None, None, :] & np.ones_like(student.scores[0], bool)
    assert all((a[real] <= -100).any() for a in (*student.scores, *teacher.scores))
    proj = init_projections(D_s, D_t, seed=4, dtype=dtype, mode="repo")
    names = "distill.fit_dense.weight", "distill.fit_dense.bias"
    proj = {name: proj[name] + np.linspace(-1, 1, D_t, dtype=dtype).reshape(
        (D_t,) + (1,) * (proj[name].ndim - 1)) for name in names}
    spec = TinyBertSpec(uniform_map(2, 4, mode="repo"), mode="repo")
    loss, parts, d_student, d_proj = tinybert_loss(student, teacher, keep, proj, spec)

    states, scores = ([torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in arrays]
                      for arrays in (student.hidden, student.scores))
    w, b = leaves(proj).values()
    taught = [[torch.tensor(a, dtype=torch.float64) for a in arrays] for arrays in teacher[:2]]
    expected = T.released_parts((states, scores), taught, torch.tensor(keep), w, b)
    total = sum(expected.values())
    inputs = {"hidden": states, "scores": scores, "proj": [w, b]}
    got = {"hidden": d_student.hidden, "scores": d_student.scores,
           "proj": [d_proj[name] for name in names]}
    rtol = {np.float64: 1e-12, np.float32: 1e-5}[dtype]
    assert_close(loss, total.item(), name="loss", rtol=rtol)
    assert parts.keys() == expected.keys()
    for name in parts:
        assert_close(parts[name], expected[name].item(), name=name, rtol=rtol)
    for name, tensors in inputs.items():
        reference = torch.autograd.grad(total, tensors, retain_graph=True)
        for n, (g, e) in enumerate(zip(got[name], reference, strict=True)):
            assert_close(g, e.numpy(), name=f"{name} {n}", rtol=rtol)
            assert g.dtype == dtype


@pytest.mark.usefixtures("_level")
def test_released_code_through_the_student():
    """Mode "repo", through the student to every parameter, in a padded batch."""
    (config_s, params_s), (config_t, params_t) = student_and_teacher()
    inputs = batch(config_s)
    proj = init_projections(config_s.hidden, config_t.hidden, 4, np.float64, mode="repo")
    spec = TinyBertSpec(uniform_map(2, 4, mode="repo"), mode="repo")
    teacher = bert_forward(params_t, config_t, *inputs, want=WANT)[0].encoded
    student, cache = bert_forward(params_s, config_s, *inputs, want=WANT)
    loss, _, d, d_proj = tinybert_loss(student.encoded, teacher, inputs[2], proj, spec)
    grads = bert_backward(Output(d, None), params_s, config_s, cache) | d_proj

    p, w = leaves(params_s), leaves(proj)
    tensors = [torch.tensor(a) for a in inputs]
    with torch.no_grad():
        *taught, _ = T.encode(leaves(params_t), config_t, *tensors)
    *states, _ = T.encode(p, config_s, *tensors)
    total = sum(T.released_parts(states, taught, tensors[2], *w.values()).values())
    assert_close(loss, total.item(), name="loss", rtol=1e-12)
    found = torch.autograd.grad(total, list((p | w).values()), allow_unused=True)
    expected = {k: None if g is None else g.numpy() for k, g in zip(p | w, found, strict=True)}
    got = {k: g for k, g in grads.items() if expected[k] is not None or g.any()}
    assert_same_gradients(got, expected, 1e-10)


@pytest.mark.parametrize("tau", [1.0, 2.5])
def test_released_prediction_loss(tau):
    """A mean over rows and classes: C times smaller than the paper's."""
    rng = np.random.default_rng(6)
    student, teacher = rng.standard_normal((2, 3, 5)) * 3
    z = torch.tensor(student, requires_grad=True)
    p_t = torch.softmax(torch.tensor(teacher) / tau, -1)
    expected = (-p_t * torch.log_softmax(z / tau, -1)).mean()
    expected.backward()
    loss, cache = F.soft_cross_entropy_forward(student, teacher, tau=tau, mean="all")
    assert_close(loss, expected.item(), rtol=1e-12)
    assert_close(F.soft_cross_entropy_backward(1.0, cache), z.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize("tau", [1.0, 2.5])
def test_prediction_loss(tau):
    rng = np.random.default_rng(6)
    student, teacher = rng.standard_normal((2, 3, 5)) * 3
    z = torch.tensor(student, requires_grad=True)
    expected = T.prediction(z, torch.tensor(teacher), tau)
    expected.backward()
    loss, cache = F.soft_cross_entropy_forward(student, teacher, tau=tau)
    assert_close(loss, expected.item(), rtol=1e-12)
    assert_close(F.soft_cross_entropy_backward(1.0, cache), z.grad.numpy(), rtol=1e-10)
