"""Distillation: TinyBERT's losses inside the Transformer, and which layer learns from which."""

from dataclasses import replace

import numpy as np

from minibert.check import spec
from minibert.check.cases.case import Case, Formula, plain_case
from minibert.distill import (
    TinyBertSpec,
    bottom_map,
    init_projections,
    tinybert_loss,
    top_map,
    uniform_map,
)
from minibert.model import Encoded

PARTS = ("attention", "hidden", "embedding")
# Only the loss is learned from: no gradient comes into the parts.
COTANGENT = {"cotangent": {"loss": 1.3, "parts": None}}
EDGE = {"exact": False, "why_inexact": "the loss jumps where a score is -100"}

# ------------------------------------------------------------------------------------------ inputs


def _side(rng, z, D, layers):
    """States and scores by name: a flat dict, so that every array has a gradient by name."""
    hidden = {f"hidden.{i}": rng.standard_normal((z.B, z.L, D)) for i in range(layers + 1)}
    scores = {
        f"scores.{i}": 2 * rng.standard_normal((z.B, z.H, z.L, z.L)) for i in range(layers)
    }
    return hidden | scores


def _losses(options, low_scores=False, edge=False):
    """Two layers that learn from four, with padding; `low_scores` are real ones below -100.

    `edge`: a real score of exactly -100, a padded one of 950, and equal widths.
    """

    def make(rng, z, dtype):
        D_s, D_t = (z.F, z.F) if edge else (z.F, z.D)
        student, teacher = _side(rng, z, D_s, 2), _side(rng, z, D_t, 4)
        keep = np.arange(z.L) < np.linspace(z.L, 2, z.B).astype(int)[:, None]
        proj = init_projections(D_s, D_t, mode=options.mode)
        proj = {name: rng.standard_normal(w.shape) / np.sqrt(z.F) for name, w in proj.items()}
        if low_scores:
            for i in range(2):
                student[f"scores.{i}"][:, 1, :2, 0] = -130.0, -250.0
            for i in range(4):
                teacher[f"scores.{i}"][:, 1, 1:3, 0] = -250.0, -101.0
        if edge:
            student["scores.0"][:, 1, 1, 0] = -100.0
            student["scores.1"][-1, 2, 1, -1] = 950.0
        return (student, teacher, keep, proj, options), {}

    return make


def encoded(side):
    """`Encoded` of a flat dict of states and scores: "hidden.0", ..., "scores.0", ..."""
    hidden, scores = (
        tuple(array for name, array in side.items() if name.startswith(kind))
        for kind in ("hidden", "scores")
    )
    return Encoded(hidden, scores, None)


def _named(dhidden, dscores):
    """Gradients of states and scores under the names of `_side`."""
    return {
        f"{kind}.{i}": g
        for kind, gradients in (("hidden", dhidden), ("scores", dscores))
        for i, g in enumerate(gradients)
        if g is not None
    }


# ------------------------------------------------------------------------- the library's functions


def _pair():
    """`tinybert_loss`, which returns loss and gradients at once, as a forward and a backward."""

    def forward(student, teacher, keep, proj, options):
        loss, parts, *gradients = tinybert_loss(
            encoded(student), encoded(teacher), keep, proj, options
        )
        return {"loss": student["hidden.0"].dtype.type(loss), "parts": parts}, gradients

    def backward(d, gradients):
        dloss = d["loss"]
        d_student, d_proj = gradients
        d_side = _named(d_student.hidden, d_student.scores)
        return tuple({name: dloss * g for name, g in grads.items()} for grads in (d_side, d_proj))

    return forward, backward


# -------------------------------------------------------------------------------------- loop forms


def _loops_loss(student, teacher, keep, proj, options):
    sides = encoded(student), encoded(teacher), keep, proj
    none = dict.fromkeys(PARTS, False)
    parts = {
        part: spec.tinybert_loss_forward(*sides, replace(options, **none | {part: True}))
        for part in PARTS
        if getattr(options, part)
    }
    return {"loss": spec.tinybert_loss_forward(*sides, options), "parts": parts}


def _loops_loss_backward(d, student, teacher, keep, proj, options):
    dhidden, dscores, d_proj = spec.tinybert_loss_backward(
        d["loss"], encoded(student), encoded(teacher), keep, proj, options
    )
    return _named(dhidden, dscores), d_proj


# ------------------------------------------------------------------------------------------- table


def _loss_case(mode, options, **inputs):
    exact = EDGE if inputs.get("edge") else {}
    return Case(
        "tinybert-loss", mode, _losses(options, **inputs), (0, 3),
        _loops_loss, _loops_loss_backward, pair=_pair, levels=("numba",),
        gradcheck=COTANGENT, **exact,
    )


def _map_case(kind, n_student, loops, function, n_teacher=12):
    def make(rng, z, dtype):
        return (n_student, n_teacher), {}

    mode = f"{kind}-{n_teacher}-to-{n_student}"
    return plain_case(f"{kind}-map", mode, make, loops, function, called="layer-map")


FORMULAS = (
    Formula(
        id="tinybert-loss",
        title="TinyBERT's losses inside the Transformer",
        source="Jiao et al. 2020, equations 7 to 9; mode repo: the code its authors released",
        tex=(
            r"\mathcal{L}_{\mathrm{attn}} = \sum_{m=1}^{M} \mathrm{mean}"
            r"\left( A_s^m - A_t^{g(m)} \right)^2",
            r"\mathcal{L}_{\mathrm{hidn}} = \sum_{m=1}^{M} \mathrm{mean}"
            r"\left( H_s^m W_h^\top - H_t^{g(m)} \right)^2",
            r"\mathcal{L}_{\mathrm{embd}} = \mathrm{mean}"
            r"\left( H_s^0 W_e^\top - H_t^0 \right)^2",
            r"\mathrm{repo:} \quad A \leftarrow A - 10^4\,[\mathrm{key\ padded}], \quad "
            r"A \leftarrow A\,[A > -100], \quad W_h = W_e = W, \quad P = H W^\top + b",
        ),
        code=(tinybert_loss,),
        loops=(
            spec.tinybert_loss_forward,
            spec.tinybert_loss_backward,
            spec.attention_loss_forward,
            spec.attention_loss_backward,
            spec.cleaned_scores,
            spec.cleaned_scores_backward,
            spec.hidden_loss_forward,
            spec.hidden_loss_backward,
        ),
        cases=(
            _loss_case("paper-all", TinyBertSpec((2, 4))),
            _loss_case("paper-exact", TinyBertSpec((2, 4), pad="exact")),
            _loss_case(
                "paper-hidden-only", TinyBertSpec((2, 4), attention=False, embedding=False)
            ),
            _loss_case(
                "paper-attention-only", TinyBertSpec((2, 4), hidden=False, embedding=False)
            ),
            _loss_case("repo", TinyBertSpec((2, 4), mode="repo"), low_scores=True),
            _loss_case("repo-edge", TinyBertSpec((2, 4), mode="repo"), edge=True),
        ),
    ),
    Formula(
        id="layer-map",
        title="Which teacher layer a student layer learns from",
        source="Jiao et al. 2020, section 4",
        tex=(
            r"g(0) = 0, \quad \mathrm{uniform:}\ g(m) = \left\lfloor m N / M \right\rfloor",
            r"\mathrm{top:}\ g(m) = m + N - M, \quad \mathrm{bottom:}\ g(m) = m",
        ),
        code=(uniform_map, top_map, bottom_map),
        loops=(spec.uniform_map, spec.top_map, spec.bottom_map),
        cases=(
            _map_case("uniform", 4, spec.uniform_map, uniform_map),
            _map_case("uniform", 6, spec.uniform_map, uniform_map),
            _map_case("uniform", 5, spec.uniform_map, uniform_map),
            _map_case("top", 4, spec.top_map, top_map),
            _map_case("bottom", 4, spec.bottom_map, bottom_map),
        ),
    ),
)
