"""Distances between two sets of features, and the contrastive loss.

The numbers are those of `minibert.ops.distance`, (1) and (1') of the mean squared error, (2) and
(2') of the cosine distance, and of `minibert.ops.info_nce`: (1) similarities, (2) the loss.
"""

import numpy as np

from minibert.check.cases.inputs import hidden
from minibert.check.mistakes.notation import T, log_softmax, softmax, total
from minibert.check.mistakes.steps import Step, Steps, mistake


def _inputs(rng, z):
    return {"a": hidden(rng, z.B, z.L, z.D), "b": 0.5 * hidden(rng, z.B, z.L, z.D)}


def _inputs_long(rng, z):
    """Rows so long that a guard against division by zero does not show."""
    return {name: 4 * hidden(rng, z.B, z.L, z.D) for name in "ab"}


def _inputs_matching(rng, z):
    q, k = (0.4 * rng.standard_normal((z.B, z.D)) for _ in "qk")
    return {"q": q, "k": k, "tau": 0.5}


def _length(x, axis=-1):
    return np.sqrt(total(x * x, axis))


def _unit(x):
    return x / _length(x)


def _unit_gradient(du, x):
    """The gradient of `_unit`: what changes its length alone, changes nothing."""
    return (du - _unit(x) * total(_unit(x) * du)) / _length(x)


def _without_self(s):
    """Each similarity less log sum exp of the others in its row."""
    return s - np.log(total(np.exp(s) * (1 - np.eye(len(s)))))


FORMULAS = (
    Steps(
        op="mse",
        formula="mse",
        signature="a (B,L,D), b (B,L,D) -> loss ()",
        gradient="da, db",
        make=_inputs,
        steps=(
            Step("difference", "(1)", lambda a, b: a - b),
            Step("n", "(1)", lambda a: a.size),
            Step("loss", "(1)", lambda difference, n: (difference**2).sum() / n),
            Step("da", "(1')", lambda difference, n, dloss: 2 * difference * dloss / n),
            Step("db", "(1')", lambda da: -da),
        ),
        mistakes=(
            mistake(
                "summed",
                "The squares are added up, and not divided by their number.",
                "The M of MSE is a mean, over all B L D entries.",
                n=lambda: 1,
            ),
            mistake(
                "halved",
                "The loss has a factor 1/2, or its gradient lacks the 2.",
                "The mean has no 1/2, so that the derivative of the square keeps its 2.",
                loss=lambda difference, n: (difference**2).sum() / n / 2,
                da=lambda difference, n, dloss: difference * dloss / n,
            ),
            mistake(
                "features-summed",
                "The squares are summed over the features, and averaged over the rows only.",
                "The mean is over all entries: divide by B L D, not by B L.",
                n=lambda a: a.size // a.shape[-1],
            ),
            mistake(
                "mean-over-sequences",
                "The sum is divided by B, the number of sequences, only.",
                "The mean is over all entries: divide by B L D, a.size.",
                n=lambda a: len(a),
            ),
            mistake(
                "root",
                "The loss is the square root of the mean: RMSE.",
                "The mean squared error is left squared.",
                loss=lambda difference, n: np.sqrt((difference**2).sum() / n),
                da=lambda difference, n, loss, dloss: difference * dloss / (n * loss),
            ),
            mistake(
                "absolute",
                "The differences' sizes are averaged, not their squares.",
                "That is the mean absolute error, whose gradient knows the sign alone.",
                loss=lambda difference, n: np.abs(difference).sum() / n,
                da=lambda difference, n, dloss: np.sign(difference) * dloss / n,
            ),
            mistake(
                "square-of-mean",
                "The mean is squared, instead of the mean taken of the squares.",
                "Differences of opposite sign cancel in a mean: square first.",
                loss=lambda difference: difference.mean() ** 2,
                da=lambda difference, n, dloss: 2 * difference.mean() * dloss / n + 0 * difference,
            ),
            mistake(
                "gradient-sides-alike",
                "db has the sign of da.",
                "The difference is a - b: what raises it on one side, lowers it on the other.",
                db=lambda da: da,
            ),
            mistake(
                "gradient-sign",
                "Both gradients have the wrong sign: da is made of b - a.",
                "The derivative of (a - b)^2 by a is 2 (a - b), that by b its negative.",
                da=lambda difference, n, dloss: -2 * difference * dloss / n,
            ),
            mistake(
                "gradient-upstream-forgotten",
                "The gradient is not multiplied by dloss.",
                "The loss may be one part of a sum with weights; its gradient carries the weight.",
                da=lambda difference, n: 2 * difference / n,
            ),
        ),
    ),
    Steps(
        op="cosine",
        formula="cosine",
        signature="a (B,L,D), b (B,L,D) -> loss ()",
        gradient="da, db",
        make=_inputs_long,
        steps=(
            Step("norm_a", "(2)", lambda a: _length(a)),
            Step("norm_b", "(2)", lambda b: _length(b)),
            Step("unit_a", "(2)", lambda a, norm_a: a / norm_a),
            Step("unit_b", "(2)", lambda b, norm_b: b / norm_b),
            Step("cos", "(2)", lambda unit_a, unit_b: total(unit_a * unit_b)),
            Step("n", "(2)", lambda a: a.size // a.shape[-1]),
            Step("loss", "(2)", lambda cos, n: (1 - cos).sum() / n),
            Step("dcos", "(2')", lambda dloss, n: -dloss / n),
            Step(
                "da",
                "(2')",
                lambda dcos, unit_a, unit_b, cos, norm_a: dcos * (unit_b - cos * unit_a) / norm_a,
            ),
            Step(
                "db",
                "(2')",
                lambda dcos, unit_a, unit_b, cos, norm_b: dcos * (unit_a - cos * unit_b) / norm_b,
            ),
        ),
        mistakes=(
            mistake(
                "similarity",
                "The loss is the mean cosine, or the gradient has the sign of such a loss.",
                "A loss falls as the two grow alike: 1 - cos.",
                loss=lambda cos, n: cos.sum() / n,
                dcos=lambda dloss, n: dloss / n,
            ),
            mistake(
                "one-missing",
                "The loss is -cos, without the 1.",
                "The gradient is the same, but a distance is 0 where the directions agree.",
                loss=lambda cos, n: -cos.sum() / n,
            ),
            mistake(
                "not-normalized",
                "The products are not divided by the lengths: 1 - a.b.",
                "A cosine knows directions only; without the lengths it has no bound.",
                norm_a=lambda: 1.0,
                norm_b=lambda: 1.0,
                da=lambda dcos, b: dcos * b,
                db=lambda dcos, a: dcos * a,
            ),
            mistake(
                "lengths-squared",
                "The rows are divided by their squared lengths: the root is missing.",
                "The length is the square root of the sum of squares.",
                norm_a=lambda a: total(a * a),
                norm_b=lambda b: total(b * b),
                da=lambda dcos, a, unit_b, cos, norm_a: dcos * (unit_b - 2 * cos * a) / norm_a,
                db=lambda dcos, b, unit_a, cos, norm_b: dcos * (unit_a - 2 * cos * b) / norm_b,
            ),
            mistake(
                "one-vector",
                "All rows together are taken for one long vector, with one cosine.",
                "Each row has a cosine of its own; the loss is their mean.",
                norm_a=lambda a: np.sqrt((a * a).sum()),
                norm_b=lambda b: np.sqrt((b * b).sum()),
                cos=lambda unit_a, unit_b: (unit_a * unit_b).sum(),
                n=lambda: 1,
            ),
            mistake(
                "over-tokens",
                "The cosines are of columns: the products are summed over the tokens (axis -2).",
                "The vectors to compare are the tokens' features: sum over the last axis.",
                norm_a=lambda a: _length(a, -2),
                norm_b=lambda b: _length(b, -2),
                cos=lambda unit_a, unit_b: total(unit_a * unit_b, -2),
                n=lambda a: a.size // a.shape[-2],
            ),
            mistake(
                "summed",
                "The rows are added up, and not divided by their number.",
                "The loss is a mean over the B L rows.",
                n=lambda: 1,
            ),
            mistake(
                "doubled",
                "The squared distance of the two directions is taken, which is 2 (1 - cos).",
                "That is PKD's loss; half of it is the cosine distance.",
                loss=lambda unit_a, unit_b, n: ((unit_a - unit_b) ** 2).sum() / n,
                dcos=lambda dloss, n: -2 * dloss / n,
            ),
            mistake(
                "gradient-lengths-constant",
                "The lengths are taken for constants: the term cos a / |a| is missing.",
                "The lengths depend on a and b: what points along a row itself, drops out.",
                da=lambda dcos, unit_b, norm_a: dcos * unit_b / norm_a,
                db=lambda dcos, unit_a, norm_b: dcos * unit_a / norm_b,
            ),
            mistake(
                "gradient-not-divided-by-length",
                "da is not divided by |a|, and db not by |b|.",
                "A longer row turns less: its direction's derivative has 1 / |a|.",
                da=lambda dcos, unit_a, unit_b, cos: dcos * (unit_b - cos * unit_a),
                db=lambda dcos, unit_a, unit_b, cos: dcos * (unit_a - cos * unit_b),
            ),
            mistake(
                "gradient-cosine-missing",
                "The whole own direction is subtracted: b/|b| - a/|a|, without the factor cos.",
                "Only the component along the row itself drops out, cos times its direction.",
                da=lambda dcos, unit_a, unit_b, norm_a: dcos * (unit_b - unit_a) / norm_a,
                db=lambda dcos, unit_a, unit_b, norm_b: dcos * (unit_a - unit_b) / norm_b,
            ),
            mistake(
                "gradient-sides-opposite",
                "db is -da, as of a difference.",
                "A cosine is no difference: exchange a and b in the formula of da.",
                db=lambda da: -da,
            ),
            mistake(
                "gradient-upstream-forgotten",
                "The gradient is not multiplied by dloss.",
                "The loss may be one part of a sum with weights; its gradient carries the weight.",
                dcos=lambda n: -1 / n,
            ),
        ),
    ),
    Steps(
        op="info_nce",
        formula="info-nce",
        signature="q (B,D), k (B,D), tau -> loss ()",
        gradient="dq, dk",
        make=_inputs_matching,
        steps=(
            Step("s", "(1)", lambda q, k, tau: q @ T(k) / tau),
            Step("logp", "(2)", lambda s: log_softmax(s)),
            Step("n", "(2)", lambda q: len(q)),
            Step("loss", "(2)", lambda logp, n: -np.trace(logp) / n),
            Step("p", "(2')", lambda logp: np.exp(logp)),
            Step("d", "(2')", lambda p: p - np.eye(len(p))),
            Step("ds", "(2')", lambda d, n, dloss: d * dloss / n),
            Step("dq", "(1')", lambda ds, k, tau: ds @ k / tau),
            Step("dk", "(1')", lambda ds, q, tau: T(ds) @ q / tau),
        ),
        mistakes=(
            mistake(
                "no-temperature",
                "The similarities are not divided by tau.",
                "tau sets how sharply the right row has to stand out: s = q k^T / tau.",
                s=lambda q, k: q @ T(k),
                dq=lambda ds, k: ds @ k,
                dk=lambda ds, q: T(ds) @ q,
            ),
            mistake(
                "summed",
                "The rows are added up, not averaged, as in the article's formula S2.",
                "The loss is a mean over the B rows of q.",
                n=lambda: 1,
            ),
            mistake(
                "rows-normalized",
                "The rows are brought to length 1 first: similarities are cosines.",
                "Common in practice, but the formula compares q and k as they come.",
                s=lambda q, k, tau: _unit(q) @ T(_unit(k)) / tau,
                dq=lambda ds, q, k, tau: _unit_gradient(ds @ _unit(k) / tau, q),
                dk=lambda ds, q, k, tau: _unit_gradient(T(ds) @ _unit(q) / tau, k),
            ),
            mistake(
                "softmax-over-queries",
                "The softmax runs over the queries (axis 0): each key looks for its query.",
                "Each query looks for its key: sum over j in s_ij, the last axis.",
                logp=lambda s: log_softmax(s, 0),
            ),
            mistake(
                "both-ways",
                "The losses of queries and of keys are averaged, as in CLIP.",
                "Only the queries look for their keys here.",
                logp=lambda s: (log_softmax(s) + log_softmax(s, 0)) / 2,
                p=lambda s: (softmax(s) + softmax(s, 0)) / 2,
            ),
            mistake(
                "match-left-out-of-the-sum",
                "The matching pair is missing in the sum under the fraction.",
                "The sum runs over all j, the matching one too: only then it is a softmax.",
                logp=lambda s: _without_self(s),
                d=lambda p: p * (1 - np.eye(len(p))) - np.eye(len(p)),
            ),
            mistake(
                "every-pair",
                "The mean of -log p is over all B x B pairs, not over the matching ones.",
                "Only the diagonal counts: row i of q belongs to row i of k.",
                loss=lambda logp: -logp.mean(),
                d=lambda p: p - 1 / len(p),
            ),
            mistake(
                "temperature-multiplied",
                "The similarities are multiplied by tau instead of divided by it.",
                "A small tau makes the softmax sharper, not flatter.",
                s=lambda q, k, tau: q @ T(k) * tau,
                dq=lambda ds, k, tau: ds @ k * tau,
                dk=lambda ds, q, tau: T(ds) @ q * tau,
            ),
            mistake(
                "sign-missing",
                "The minus before the logarithm is missing, or the gradient is I - p.",
                "log p is at most 0 and has to grow; what is minimized is its negative.",
                loss=lambda logp, n: np.trace(logp) / n,
                d=lambda p: np.eye(len(p)) - p,
            ),
            mistake(
                "gradient-match-not-subtracted",
                "The 1 of the matching pair is not subtracted: ds = p / n.",
                "The right pair is to grow more alike: subtract 1 on the diagonal.",
                d=lambda p: p,
            ),
            mistake(
                "gradient-temperature-forgotten",
                "dq and dk are not divided by tau.",
                "A factor of the forward is a factor of the backward.",
                dq=lambda ds, k: ds @ k,
                dk=lambda ds, q: T(ds) @ q,
            ),
            mistake(
                "gradient-dk-not-transposed",
                "dk is ds q instead of ds^T q.",
                "Key j meets all queries: column j of ds, which is row j of its transpose.",
                dk=lambda ds, q, tau: ds @ q / tau,
            ),
            mistake(
                "gradient-upstream-forgotten",
                "The gradient is not multiplied by dloss.",
                "The loss may be one part of a sum with weights; its gradient carries the weight.",
                ds=lambda d, n: d / n,
            ),
        ),
    ),
)
