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
from minibert.model import Output, bert_backward, bert_forward

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
