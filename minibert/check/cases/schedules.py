"""Learning-rate schedules, and the clipping of gradients."""

import numpy as np

from minibert.check import spec
from minibert.check.cases.case import Formula, plain_case
from minibert.train import (
    bert_linear,
    clip_each,
    clip_factor,
    clip_global,
    constant,
    cosine,
    linear,
    make_schedule,
)

STEPS = 10
LOOPS = {
    "linear": spec.linear_schedule,
    "cosine": spec.cosine_schedule,
    "bert-linear": spec.bert_schedule,
}


def schedule_values(name, total_steps, warmup, n):
    """The factors of steps 0 to n - 1; `warmup` is a number of steps, or a share below 1."""
    if name == "bert-linear":
        return np.array([bert_linear(step, total_steps, warmup) for step in range(n)])
    kind = "warmup" if warmup < 1 else "warmup_steps"
    factor = make_schedule(name, total_steps, **{kind: warmup})
    return np.array([factor(step) for step in range(n)])


def random_gradients(rng, z, size=1.0):
    """Gradients of a layer's kinds of parameters; the bias of LayerNorm has a short one."""
    shapes = {
        "dense.weight": (z.F, z.K),
        "dense.bias": (z.F,),
        "LayerNorm.weight": (z.K,),
        "LayerNorm.bias": (z.K,),
    }
    grads = {name: size * rng.standard_normal(shape) for name, shape in shapes.items()}
    grads["LayerNorm.bias"] /= 10
    return grads


def _clipping(rng, z, dtype):
    return (random_gradients(rng, z, 0.7), 1.0), {}


def _loops_values(name, total_steps, warmup, n):
    if name == "constant":
        return np.array([spec.constant_schedule(t, warmup) for t in range(n)])
    if warmup < 1 and name == "linear":
        name = "bert-linear"  # a share means the same in both
    return np.array([LOOPS[name](t, total_steps, warmup) for t in range(n)])


def _schedule_case(name, warmup, n, *, mode=""):
    def make(rng, z, dtype):
        return (name, STEPS, warmup, n), {}

    return plain_case("schedule", mode or name, make, _loops_values, schedule_values)


FORMULAS = (
    Formula(
        id="schedule",
        title="Learning-rate schedules with warm-up",
        source="Loshchilov & Hutter 2017, equation 5 (cosine);"
        " Devlin et al. 2018, appendix A.2 (linear)",
        tex=(
            r"f(t) = \frac{t}{\mathrm{warmup}} \quad (t < \mathrm{warmup}), \quad"
            r" 1 \quad (\mathrm{constant})",
            r"f(t) = \max\left(0, \frac{\mathrm{total} - t}{\mathrm{total} - \mathrm{warmup}}"
            r"\right) \quad (\mathrm{linear})",
            r"f(t) = \frac{1}{2} \left(1 + \cos \pi \frac{t - \mathrm{warmup}}"
            r"{\mathrm{total} - \mathrm{warmup}}\right) \quad (\mathrm{cosine})",
            r"f(t) = \frac{x}{r} \quad (x < r), \quad \max\left(0, \frac{1 - x}{1 - r}\right)"
            r" \quad \mathrm{where} \quad x = \frac{t}{\mathrm{total}}, \quad"
            r" r = \frac{\mathrm{warmup}}{\mathrm{total}} \quad (\mathrm{BertAdam})",
        ),
        code=(constant, linear, cosine, bert_linear),
        loops=(spec.constant_schedule, *LOOPS.values()),
        cases=(
            _schedule_case("constant", 3, STEPS + 3),
            _schedule_case("linear", 3, STEPS + 3),
            _schedule_case("cosine", 3, STEPS + 1),  # after the last step transformers' rises again
            _schedule_case("cosine", 3, STEPS + 4, mode="cosine-past-the-end"),
            _schedule_case("linear", 0.25, STEPS + 3, mode="linear-share"),  # of 2.5 steps
            _schedule_case("bert-linear", 0.25, STEPS + 3),
        ),
    ),
    Formula(
        id="clipping",
        title="Clipping of gradients, globally or each alone",
        source="Pascanu et al. 2013, Algorithm 1",
        tex=(r"g = g\, \min\left(1, \frac{c}{\Vert g \Vert + 10^{-6}}\right)",),
        code=(clip_factor, clip_global, clip_each),
        loops=(spec.clip_factor, spec.clip_global, spec.clip_each),
        cases=(
            plain_case("clipping-global", "", _clipping, spec.clip_global, clip_global),
            plain_case("clipping-each", "", _clipping, spec.clip_each, clip_each),
        ),
    ),
)
