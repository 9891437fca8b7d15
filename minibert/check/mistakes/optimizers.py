"""AdamW and BertAdam, and what goes wrong in an update.

The numbers are those of `minibert.train.optimizers`: (1) and (2) the moments, (3) and (4) AdamW,
(5) and (6) BertAdam.
"""

import numpy as np

from minibert.check.mistakes.notation import length
from minibert.check.mistakes.steps import Call, Step, Steps, mistake


def _state(rng, shape, size, eps, *, first=False):
    """A parameter before an update; in every third row eps is as large as the root of v."""
    p, g, m = rng.standard_normal((3, *shape))
    v = rng.uniform(0.2, 1, shape)
    g, m, v = size * g, size * m, size**2 * v
    for moment in (g, m, v):
        moment[::3] *= (eps / size) ** (2 if moment is v else 1)
    return {"p": p, "g": g, "m": 0 * m if first else m, "v": 0 * v if first else v}


def _adamw_calls(rng):
    return [
        Call("t = 1", _state(rng, (11, 7), 1, 1e-8, first=True) | {"t": 1, "lr": 0.1}),
        Call("t = 3", _state(rng, (4, 4), 1, 1e-8) | {"t": 3, "lr": 0.05}),
        Call("t = 20", _state(rng, (13, 5), 0.1, 1e-8) | {"t": 20, "lr": 0.2}),
    ]


def _bert_adam_calls(rng):
    """Norms of about 2, 10 and 0.1: two are clipped, and the last may not grow."""
    return [
        Call("the first", _state(rng, (11, 7), 0.3, 1e-6, first=True) | {"lr": 0.1}),
        Call("a long gradient", _state(rng, (4, 4), 3, 1e-6) | {"lr": 0.05}),
        Call("a short gradient", _state(rng, (13, 5), 0.02, 1e-6) | {"lr": 0.2}),
    ]


MOMENTS = (
    Step("beta1", "(1)", lambda: 0.9),
    Step("beta2", "(2)", lambda: 0.999),
    Step("new_m", "(1)", lambda m, used, beta1: beta1 * m + (1 - beta1) * used),
    Step("square", "(2)", lambda used: used * used),
    Step("new_v", "(2)", lambda v, square, beta2: beta2 * v + (1 - beta2) * square),
)

MOMENT_MISTAKES = (
    mistake(
        "betas-exchanged",
        "beta1 and beta2 are exchanged: .999 for m, and .9 for v.",
        "The direction m follows the last ten gradients or so, the size v the last thousand.",
        beta1=lambda: 0.999,
        beta2=lambda: 0.9,
    ),
    mistake(
        "not-squared",
        "The second moment averages the gradient instead of its square.",
        "v measures size, whatever the sign; without the square its root may not exist.",
        square=lambda used: used,
    ),
    mistake(
        "moment-not-averaged",
        "The gradient is added to m as it is, without the factor 1 - beta1.",
        "Both factors of (1) add up to 1; otherwise m becomes ten times as large as a gradient.",
        new_m=lambda m, used, beta1: beta1 * m + used,
    ),
    mistake(
        "square-not-averaged",
        "The square is added to v as it is, without the factor 1 - beta2.",
        "Both factors of (2) add up to 1; otherwise v becomes a thousand times a square.",
        new_v=lambda v, square, beta2: beta2 * v + square,
    ),
    mistake(
        "square-with-beta1",
        "The new square has the factor 1 - beta1 instead of 1 - beta2.",
        "Both factors of (2) add up to 1: .999 and .001.",
        beta2=lambda: 0.999,  # with another it would be "one-beta"
        new_v=lambda v, square, beta1, beta2: beta2 * v + (1 - beta1) * square,
    ),
    mistake(
        "factors-exchanged",
        "The factors of the old and the new are exchanged: (1 - beta) m + beta g.",
        "beta is what stays of the old: most of it.",
        new_m=lambda m, used, beta1: (1 - beta1) * m + beta1 * used,
        new_v=lambda v, square, beta2: (1 - beta2) * v + beta2 * square,
    ),
    mistake(
        "one-beta",
        "Both moments have the beta of the first, .9.",
        "v follows the last thousand squares: beta2 is .999.",
        beta2=lambda: 0.9,
    ),
)

FORMULAS = (
    Steps(
        op="adamw",
        formula="adamw",
        signature="p (F,K), g (F,K), m (F,K), v (F,K), t, lr"
        " -> new_p (F,K), new_m (F,K), new_v (F,K)",
        calls=_adamw_calls,
        steps=(
            Step("used", "(1)", lambda g: g),
            *MOMENTS,
            Step("decay", "(3)", lambda: 0.01),
            Step("decayed", "(3)", lambda p, lr, decay: p * (1 - lr * decay)),
            Step("m_hat", "(4)", lambda new_m, t, beta1: new_m / (1 - beta1**t)),
            Step("v_hat", "(4)", lambda new_v, t, beta2: new_v / (1 - beta2**t)),
            Step("eps", "(4)", lambda: 1e-8),
            Step("divisor", "(4)", lambda v_hat, eps: np.sqrt(v_hat) + eps),
            Step("update", "(4)", lambda lr, m_hat, divisor: lr * m_hat / divisor),
            Step("new_p", "(4)", lambda decayed, update: decayed - update),
        ),
        mistakes=(
            mistake(
                "decay-in-gradient",
                "The decay is added to the gradient, so that it goes through the moments.",
                "That is Adam with L2; AdamW takes lr decay p off the parameter itself.",
                used=lambda g, p, decay: g + decay * p,
                decayed=lambda p: p,
            ),
            mistake(
                "not-corrected",
                "There is no bias correction: m and v are used as they are.",
                "Both start at zero; divide them by 1 - beta1^t and 1 - beta2^t.",
                m_hat=lambda new_m: new_m,
                v_hat=lambda new_v: new_v,
            ),
            mistake(
                "counted-from-zero",
                "The bias correction takes t - 1 for t.",
                "t counts this update, too; with t = 0 it divides by 1 - beta^0, which is 0.",
                m_hat=lambda new_m, t, beta1: new_m / (1 - beta1 ** (t - 1)),
                v_hat=lambda new_v, t, beta2: new_v / (1 - beta2 ** (t - 1)),
            ),
            mistake(
                "correction-without-power",
                "The bias correction divides by 1 - beta instead of 1 - beta^t.",
                "Of the zero at the start beta^t is left after t updates.",
                m_hat=lambda new_m, beta1: new_m / (1 - beta1),
                v_hat=lambda new_v, beta2: new_v / (1 - beta2),
            ),
            mistake(
                "counted-twice",
                "The bias correction takes t + 1 for t.",
                "t counts this update already: it is 1 at the first.",
                m_hat=lambda new_m, t, beta1: new_m / (1 - beta1 ** (t + 1)),
                v_hat=lambda new_v, t, beta2: new_v / (1 - beta2 ** (t + 1)),
            ),
            mistake(
                "second-not-corrected",
                "Only m is corrected for its bias; v is used as it is.",
                "Both start at zero: v is divided by 1 - beta2^t.",
                v_hat=lambda new_v: new_v,
            ),
            mistake(
                "old-moments",
                "The step is made with the moments from before this update.",
                "First (1) and (2), then the step with the new m and v.",
                m_hat=lambda m, t, beta1: m / (1 - beta1**t),
                v_hat=lambda v, t, beta2: v / (1 - beta2**t),
            ),
            mistake(
                "no-momentum",
                "The step is made of the gradient itself instead of m.",
                "That is RMSprop; Adam's step follows m, the mean of the last gradients.",
                m_hat=lambda g: g,
            ),
            mistake(
                "bert-adam-eps",
                "eps is 1e-6 instead of 1e-8.",
                "1e-6 is BertAdam's; AdamW has 1e-8.",
                eps=lambda: 1e-6,
            ),
            mistake(
                "eps-inside",
                "eps is added under the root instead of outside it.",
                "Under the root, 1e-8 counts as 1e-4, and small gradients make no step.",
                divisor=lambda v_hat, eps: np.sqrt(v_hat + eps),
            ),
            mistake(
                "decay-forgotten",
                "There is no weight decay.",
                "Multiply the parameter by 1 - lr decay before the step (3).",
                decay=lambda: 0.0,
            ),
            mistake(
                "decay-without-rate",
                "The decay is not multiplied by the learning rate.",
                "As in PyTorch the parameter shrinks by lr decay, so that schedules reach it.",
                decayed=lambda p, decay: p * (1 - decay),
            ),
            mistake(
                "decay-after-step",
                "The decay comes after the step, and shrinks the new parameter.",
                "It is of the parameter before the step: (3), then (4).",
                new_p=lambda p, lr, decay, update: (p - update) * (1 - lr * decay),
            ),
            mistake(
                "corrected-moments-kept",
                "The corrected m and v are returned, and go into the next update.",
                "The correction is for this step alone; keep m and v as (1) and (2) have them.",
                new_m=lambda m, used, t, beta1: (beta1 * m + (1 - beta1) * used) / (1 - beta1**t),
                new_v=lambda v, square, t, beta2: (
                    (beta2 * v + (1 - beta2) * square) / (1 - beta2**t)
                ),
                m_hat=lambda new_m: new_m,
                v_hat=lambda new_v: new_v,
            ),
            mistake(
                "no-root",
                "The step is divided by v instead of its root.",
                "The root has the unit of a gradient, and the step is then of the size lr.",
                divisor=lambda v_hat, eps: v_hat + eps,
            ),
            *MOMENT_MISTAKES,
            mistake(
                "corrected-by-beta1",
                "Both moments are corrected with beta1.",
                "Each moment has its own beta: v is divided by 1 - beta2^t.",
                v_hat=lambda new_v, t, beta1: new_v / (1 - beta1**t),
            ),
            mistake(
                "eps-before-correction",
                "eps is added to the root of the uncorrected v, and the correction comes after.",
                'That is the "epsilon hat" of Adam\'s paper: the first steps have a larger eps.',
                divisor=lambda new_v, t, beta2, eps: (np.sqrt(new_v) + eps) / np.sqrt(1 - beta2**t),
            ),
            mistake(
                "uphill",
                "The step is added to the parameter instead of subtracted.",
                "The gradient points to where the loss grows.",
                new_p=lambda decayed, update: decayed + update,
            ),
        ),
    ),
    Steps(
        op="bert_adam",
        formula="bert-adam",
        signature="p (F,K), g (F,K), m (F,K), v (F,K), lr -> new_p (F,K), new_m (F,K), new_v (F,K)",
        calls=_bert_adam_calls,
        steps=(
            Step("norm", "(5)", lambda g: length(g)),
            Step("c", "(5)", lambda norm: min(1.0, 1 / (norm + 1e-6))),
            Step("used", "(5)", lambda g, c: c * g),
            *MOMENTS,
            Step("decay", "(6)", lambda: 0.01),
            Step("eps", "(6)", lambda: 1e-6),
            Step("divisor", "(6)", lambda new_v, eps: np.sqrt(new_v) + eps),
            Step("ratio", "(6)", lambda new_m, divisor: new_m / divisor),
            Step("update", "(6)", lambda ratio, decay, p: ratio + decay * p),
            Step("new_p", "(6)", lambda p, lr, update: p - lr * update),
        ),
        mistakes=(
            mistake(
                "corrected",
                "The moments are corrected for their bias, divided by 1 - beta.",
                "BertAdam leaves the correction out, which is why it has no t.",
                ratio=lambda new_m, new_v, beta1, beta2, eps: (
                    new_m / (1 - beta1) / (np.sqrt(new_v / (1 - beta2)) + eps)
                ),
            ),
            mistake(
                "not-clipped",
                "The gradient is not clipped.",
                "BertAdam shortens each parameter's gradient to the norm 1 before (1).",
                used=lambda g: g,
            ),
            mistake(
                "decay-in-gradient",
                "The decay is added to the gradient, so that it goes through the moments.",
                "The decay stands beside m / (sqrt(v) + eps) in (6), and is not divided by it.",
                used=lambda g, c, p, decay: c * g + decay * p,
                update=lambda ratio: ratio,
            ),
            mistake(
                "adamw-eps",
                "eps is 1e-8 instead of 1e-6.",
                "1e-8 is AdamW's; BertAdam has 1e-6.",
                eps=lambda: 1e-8,
            ),
            mistake(
                "old-moments",
                "The step is made with the moments from before this update.",
                "First (1) and (2), then the step with the new m and v.",
                divisor=lambda v, eps: np.sqrt(v) + eps,
                ratio=lambda m, divisor: m / divisor,
            ),
            mistake(
                "decay-after-step",
                "The decay comes after the step, and shrinks the new parameter.",
                "It is of the parameter before the step: lr times the whole bracket of (6).",
                new_p=lambda p, lr, ratio, decay: (p - lr * ratio) * (1 - lr * decay),
            ),
            mistake(
                "norm-of-each-row",
                "Each row of the gradient is clipped by its own norm.",
                "One norm is for the whole parameter, and one factor.",
                norm=lambda g: np.sqrt((g * g).sum(1, keepdims=True)),
                c=lambda norm: np.minimum(1.0, 1 / (norm + 1e-6)),
            ),
            mistake(
                "norm-squared",
                "The norm lacks its root: it is the sum of the squares.",
                "The Euclidean norm is the root of that sum.",
                norm=lambda g: (g * g).sum(),
            ),
            mistake(
                "not-capped",
                "Short gradients are made longer: the factor is not held at 1.",
                "Clipping only shortens: min(1, 1 / (norm + 1e-6)).",
                c=lambda norm: 1 / (norm + 1e-6),
            ),
            mistake(
                "clipped-by-value",
                "Each entry is clipped to [-1, 1] instead of the whole to the norm 1.",
                "One factor for all entries keeps the gradient's direction.",
                used=lambda g: np.clip(g, -1, 1),
            ),
            mistake(
                "decay-forgotten",
                "There is no weight decay.",
                "Add decay p to the update (6).",
                decay=lambda: 0.0,
            ),
            mistake(
                "decay-without-rate",
                "The decay is not multiplied by the learning rate.",
                "The rate multiplies the whole bracket of (6).",
                new_p=lambda p, lr, ratio, decay: p - lr * ratio - decay * p,
            ),
            mistake(
                "eps-inside",
                "eps is added under the root instead of outside it.",
                "Under the root, 1e-6 counts as 1e-3, and small gradients make no step.",
                divisor=lambda new_v, eps: np.sqrt(new_v + eps),
            ),
            mistake(
                "no-root",
                "The step is divided by v instead of its root.",
                "The root has the unit of a gradient, as m has.",
                divisor=lambda new_v, eps: new_v + eps,
            ),
            *MOMENT_MISTAKES,
            mistake(
                "uphill",
                "The step is added to the parameter instead of subtracted.",
                "The gradient points to where the loss grows.",
                new_p=lambda p, lr, ratio, decay: p + lr * (ratio - decay * p),
            ),
            mistake(
                "norm-as-it-is",
                "The 1e-6 is missing beside the norm.",
                "It keeps (5) from dividing by zero where a gradient is all zeros.",
                c=lambda norm: min(1.0, 1 / norm),
            ),
        ),
    ),
)
