"""The optimizers: one update, and ten steps with a schedule, clipping and missing gradients."""

from typing import NamedTuple

import numpy as np

from minibert.check import spec
from minibert.check.cases import schedules
from minibert.check.cases.case import Formula, plain_case
from minibert.check.cases.model import LEVELS
from minibert.check.cases.schedules import STEPS, random_gradients
from minibert.ops.adam import FLUSH_EVERY
from minibert.train import (
    AdamW,
    BertAdam,
    adamw_formula,
    bert_adam_formula,
    clip_factor,
    global_norm,
    is_spared,
    make_schedule,
)
from minibert.train.clipping import norm


class Run(NamedTuple):
    """What a few steps of an optimizer leave.

    Attributes
    ----------
    params : tuple of dict
        After each step.
    m, v : dict
        After the last one.
    rates : ndarray (steps,)
        The schedule's learning rates.
    norms : tuple
        Before clipping: a number for each step, or one for each gradient.
    """

    params: tuple
    m: dict
    v: dict
    rates: np.ndarray
    norms: tuple


# ----------------------------------------------------------------------------------------- library


def adamw(params, steps, *, lr, schedule, total_steps, warmup_steps, max_norm):
    """Steps of AdamW, clipped globally; biases and LayerNorm do not decay."""
    params, optimizer = _copy(params), AdamW(spare=is_spared)
    factor = make_schedule(schedule, total_steps, warmup_steps=warmup_steps)
    rates = [lr * factor(step) for step in range(len(steps))]
    history, norms = [], []
    for rate, grads in zip(rates, steps, strict=True):
        norms.append(global_norm(grads))
        optimizer.update(params, grads, rate, scale=clip_factor(norms[-1], max_norm))
        history.append(_copy(params))
    return _run(history, optimizer.moments.m, optimizer.moments.v, rates, norms)


def many_updates(p, gradients, lr):
    """p, m and v of one parameter after all of AdamW's updates, one a row."""
    params, optimizer = {"p": p.copy()}, AdamW()
    for g in gradients:
        optimizer.update(params, {"p": g}, lr)
    return params["p"], optimizer.moments.m["p"], optimizer.moments.v["p"]


def bert_adam(params, steps, *, lr, total_steps, warmup, max_norm, scale=1.0):
    """Steps of BertAdam: each parameter has its own clipping and its own place in the schedule.

    `scale` is a factor on the gradients, before they are clipped.
    """
    params, optimizer = _copy(params), BertAdam(max_norm=max_norm)
    factor = make_schedule("linear", total_steps, warmup=warmup)
    history, norms = [], []
    for grads in steps:
        norms.append({name: scale * norm(g) for name, g in grads.items()})
        optimizer.update(params, grads, lambda done: lr * factor(done), scale=scale)
        history.append(_copy(params))
    rates = [lr * factor(done) for done in range(len(steps))]
    return _run(history, optimizer.moments.m, optimizer.moments.v, rates, norms)


def _copy(params):
    return {name: p.copy() for name, p in params.items()}


def _run(history, m, v, rates, norms):
    return Run(tuple(history), dict(m), dict(v), np.array(rates), tuple(norms))


# ------------------------------------------------------------------------------------------ inputs


def _update(**options):
    def make(rng, z, dtype):
        p, g, m = rng.standard_normal((3, z.F, z.K))
        return (p, g, m, rng.random((z.F, z.K))), options

    return make


def _many(rng, z, dtype):
    """More updates than the moments go without their numbers near zero being looked for."""
    return (rng.standard_normal(z.K), rng.standard_normal((FLUSH_EVERY + z.K, z.K)), 0.01), {}


def _steps(missing, **options):
    """Parameters and gradients; `missing` are the steps in which a parameter has none."""

    def make(rng, z, dtype):
        params = random_gradients(rng, z)
        steps = [random_gradients(rng, z, 10.0 ** rng.uniform(-3, 1)) for _ in range(STEPS)]
        for step, name in missing:
            del steps[step][name]
        return (params, tuple(steps)), options

    return make


# -------------------------------------------------------------------------------------- loop forms


def _loops_adamw_update(p, g, m, v, t, lr):
    return spec.adamw_update(p, g, m, v, t, lr, (0.9, 0.999), 1e-8, 0.01)


def _loops_bert_adam_update(p, g, m, v, lr):
    c, _ = spec.clip_factor([g], 1.0)
    return spec.bert_adam_update(p, c * g, m, v, lr, (0.9, 0.999), 1e-6, 0.01)


def _loops_adamw(params, steps, *, lr, schedule, total_steps, warmup_steps, max_norm):
    factor = schedules.LOOPS[schedule]
    rates = [lr * factor(t, total_steps, warmup_steps) for t in range(len(steps))]
    history, m, v, norms = spec.adamw_run(params, steps, rates, max_norm, _spared(params))
    return _run(history, m, v, rates, norms)


def _loops_many(p, gradients, lr):
    m, v = np.zeros_like(p), np.zeros_like(p)
    for t, g in enumerate(gradients, 1):
        p, m, v = _loops_adamw_update(p, g, m, v, t, lr)
    return p, m, v


def _loops_bert_adam(params, steps, *, lr, total_steps, warmup, max_norm, scale=1.0):
    steps = [{name: scale * g for name, g in grads.items()} for grads in steps]
    rates = [lr * spec.bert_schedule(t, total_steps, warmup) for t in range(len(steps))]
    history, m, v, norms = spec.bert_adam_run(params, steps, rates, max_norm, _spared(params))
    return _run(history, m, v, rates, norms)


def _spared(params):
    return {name for name in params if name.endswith("bias") or "LayerNorm" in name}


# ------------------------------------------------------------------------------------------- table

_OPTIONS = {"lr": 3e-3, "total_steps": STEPS + 2, "max_norm": 1.0}


def _adamw_case(mode, schedule, missing):
    make = _steps(missing, schedule=schedule, warmup_steps=3, **_OPTIONS)
    return plain_case("adamw", mode, make, _loops_adamw, adamw, levels=LEVELS)


def _bert_adam_case(missing, mode="", **more):
    make = _steps(missing, warmup=0.2, **_OPTIONS, **more)  # of 2.4 steps
    return plain_case("bert-adam", mode, make, _loops_bert_adam, bert_adam, levels=LEVELS)


FORMULAS = (
    Formula(
        id="adamw",
        title="AdamW, with warm-up and global clipping",
        source="Loshchilov & Hutter 2019, Algorithm 2; Kingma & Ba 2015, Algorithm 1",
        tex=(
            r"m_t = \beta_1 m_{t-1} + (1 - \beta_1)\, g_t",
            r"v_t = \beta_2 v_{t-1} + (1 - \beta_2)\, g_t^2",
            r"p_t = (1 - \eta_t \lambda)\, p_{t-1} - \eta_t \frac{m_t / (1 - \beta_1^t)}"
            r"{\sqrt{v_t / (1 - \beta_2^t)} + \epsilon}",
        ),
        code=(adamw_formula, AdamW.update),
        loops=(spec.adamw_update, spec.adamw_run),
        cases=(
            plain_case(
                "adamw-update", "", _update(t=3, lr=0.1), _loops_adamw_update, adamw_formula
            ),
            _adamw_case("linear", "linear", [(3, "dense.weight"), (8, "LayerNorm.bias")]),
            _adamw_case("cosine", "cosine", [(0, "dense.bias")]),
            plain_case("adamw-many", "", _many, _loops_many, many_updates, levels=LEVELS),
        ),
    ),
    Formula(
        id="bert-adam",
        title="BertAdam: no bias correction, each parameter clipped alone",
        source="the optimizers released with BERT and with TinyBERT",
        tex=(
            r"g_t = g_t\, \min\left(1, \frac{c}{\Vert g_t \Vert + 10^{-6}}\right)",
            r"m_t = \beta_1 m_{t-1} + (1 - \beta_1)\, g_t",
            r"v_t = \beta_2 v_{t-1} + (1 - \beta_2)\, g_t^2",
            r"p_t = p_{t-1} - \eta_t \left(\frac{m_t}{\sqrt{v_t} + \epsilon} "
            r"+ \lambda p_{t-1}\right)",
        ),
        code=(bert_adam_formula, BertAdam.update),
        loops=(spec.bert_adam_update, spec.bert_adam_run),
        cases=(
            plain_case(
                "bert-adam-update", "", _update(lr=0.1), _loops_bert_adam_update, bert_adam_formula
            ),
            _bert_adam_case([(0, "dense.bias"), (6, "dense.weight")]),
            _bert_adam_case([(2, "dense.bias")], mode="scaled", scale=0.3),
        ),
    ),
    *schedules.FORMULAS,
)
