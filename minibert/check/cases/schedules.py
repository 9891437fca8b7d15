"""Learning-rate schedules, and the clipping of gradients."""

import numpy as np

from minibert.check import spec
from minibert.check.cases.case import Case, Formula, lone
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
SPEC = {
    "linear": spec.linear_schedule,
    "cosine": spec.cosine_schedule,
    "bert-linear": spec.bert_schedule,
}


def schedule_values(name, total_steps, warmup, n):
    """The factors of steps 0 to n - 1; `warmup` is a number of steps, BertAdam's a share."""
    if name == "bert-linear":
        return np.array([bert_linear(step, total_steps, warmup) for step in range(n)])
    factor = make_schedule(name, total_steps, warmup_steps=warmup)
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


def _spec_values(name, total_steps, warmup, n):
    if name == "constant":
        return np.array([spec.constant_schedule(t, warmup) for t in range(n)])
    return np.array([SPEC[name](t, total_steps, warmup) for t in range(n)])


def _schedule_case(name, warmup, n):
    def make(rng, z, dtype):
        return (name, STEPS, warmup, n), {}

    return Case("schedule", name, make, (), _spec_values, pair=lone(lambda: schedule_values))


def _clipping_case(how, loops, function):
    return Case(f"clipping-{how}", "", _clipping, (), loops, pair=lone(lambda: function))


FORMULAS = (
    Formula(
        "schedule",
        "Learning-rate schedules with warm-up",
        "Loshchilov & Hutter 2017, equation 5 (cosine); Devlin et al. 2018, appendix A.2 (linear)",
        (
            r"f(t) = \frac{t}{W} \quad (t < W), \quad 1 \quad (\mathrm{constant})",
            r"f(t) = \max\left(0, \frac{T - t}{T - W}\right) \quad (\mathrm{linear})",
            r"f(t) = \frac{1}{2} \left(1 + \cos \pi \frac{t - W}{T - W}\right) "
            r"\quad (\mathrm{cosine})",
        ),
        (constant, linear, cosine, bert_linear),
        (spec.constant_schedule, *SPEC.values()),
        (
            _schedule_case("constant", 3, STEPS + 3),
            _schedule_case("linear", 3, STEPS + 3),
            _schedule_case("cosine", 3, STEPS + 1),  # after T transformers' rises again
            _schedule_case("bert-linear", 0.25, STEPS + 3),
        ),
    ),
    Formula(
        "clipping",
        "Clipping of gradients, globally or each alone",
        "Pascanu et al. 2013, Algorithm 1",
        (r"g = g\, \min\left(1, \frac{c}{\Vert g \Vert + 10^{-6}}\right)",),
        (clip_factor, clip_global, clip_each),
        (spec.clip_factor, spec.clip_global, spec.clip_each),
        (
            _clipping_case("global", spec.clip_global, clip_global),
            _clipping_case("each", spec.clip_each, clip_each),
        ),
    ),
)
