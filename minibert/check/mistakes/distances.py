"""Distances between two sets of features.

The numbers are those of `minibert.ops.distance`, (1) and (1') of the mean squared error, (2) and
(2') of the cosine distance.
"""

import numpy as np

from minibert.check.cases.inputs import hidden
from minibert.check.mistakes.notation import mean, total
from minibert.check.mistakes.steps import Step, Steps, mistake


def _inputs(rng, z):
    return {"a": hidden(rng, z.B, z.L, z.D), "b": 0.5 * hidden(rng, z.B, z.L, z.D)}


def _inputs_long(rng, z):
    """Rows so long that a guard against division by zero does not show."""
    return {name: 4 * hidden(rng, z.B, z.L, z.D) for name in "ab"}


def _length(x, axis=-1):
    return np.sqrt(total(x * x, axis))


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
                "square-of-row-means",
                "Each row's differences are averaged first, and the means are squared.",
                "Differences of opposite sign cancel in a mean: square first.",
                loss=lambda difference: (difference.mean(-1) ** 2).mean(),
                da=lambda difference, n, dloss: 2 * mean(difference) * dloss / n + 0 * difference,
            ),
            mistake(
                "lengths",
                "The lengths of the rows' differences are averaged: the root of each row's sum.",
                "The squares are averaged as they are, over all B L D entries.",
                loss=lambda difference: _length(difference).mean(),
                da=lambda difference, n, dloss: (
                    difference / _length(difference) * difference.shape[-1] * dloss / n
                ),
                n=lambda a: a.size,
            ),
            mistake(
                "difference-of-squares",
                "The squares are subtracted from one another: a^2 - b^2.",
                "The difference is squared, (a - b)^2: subtract first.",
                loss=lambda a, b, n: (a**2 - b**2).sum() / n,
                da=lambda a, n, dloss: 2 * a * dloss / n,
                db=lambda b, n, dloss: -2 * b * dloss / n,
            ),
            mistake(
                "gradient-sides-alike",
                "db has the sign of da.",
                "The difference is a - b: what raises it on one side, lowers it on the other.",
                db=lambda da: da,
            ),
            mistake(
                "gradient-target-constant",
                "db is zero, as if b were a constant.",
                "Both sides are inputs here; what is not trained is for the caller to leave out.",
                db=lambda b: np.zeros_like(b),
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
                "norms-of-everything",
                "Each row's product is divided by the norms of the whole arrays.",
                "A row has its own length: np.linalg.norm with axis=-1 and keepdims=True.",
                norm_a=lambda a: np.sqrt((a * a).sum()),
                norm_b=lambda b: np.sqrt((b * b).sum()),
                n=lambda a: a.size // a.shape[-1],
                da=lambda dcos, unit_a, unit_b, cos, norm_a: (
                    dcos * (unit_b - cos.sum() * unit_a) / norm_a
                ),
                db=lambda dcos, unit_a, unit_b, cos, norm_b: (
                    dcos * (unit_a - cos.sum() * unit_b) / norm_b
                ),
            ),
            mistake(
                "norms-of-sequences",
                "Each row's product is divided by the norms of whole sequences.",
                "A row has its own length: the norm runs over the last axis alone.",
                norm_a=lambda a: _length(a, (-2, -1)),
                norm_b=lambda b: _length(b, (-2, -1)),
                n=lambda a: a.size // a.shape[-1],
                da=lambda dcos, unit_a, unit_b, cos, norm_a: (
                    dcos * (unit_b - total(cos, -2) * unit_a) / norm_a
                ),
                db=lambda dcos, unit_a, unit_b, cos, norm_b: (
                    dcos * (unit_a - total(cos, -2) * unit_b) / norm_b
                ),
            ),
            mistake(
                "only-a-normalized",
                "The products are divided by |a| alone, not by |b|.",
                "Both lengths have to go, or the longer b, the smaller the loss.",
                norm_b=lambda: 1.0,
                db=lambda dcos, unit_a: dcos * unit_a,
            ),
            mistake(
                "only-b-normalized",
                "The products are divided by |b| alone, not by |a|.",
                "Both lengths have to go, or the longer a, the smaller the loss.",
                norm_a=lambda: 1.0,
                da=lambda dcos, unit_b: dcos * unit_b,
            ),
            mistake(
                "features-averaged",
                "A row's products are averaged over the features instead of added.",
                "A cosine is a.b over the lengths, and a.b is a sum.",
                loss=lambda cos, n, a: (1 - cos / a.shape[-1]).sum() / n,
                dcos=lambda dloss, n, a: -dloss / n / a.shape[-1],
            ),
            mistake(
                "size",
                "The cosine's size is taken: opposite directions count as alike.",
                "The sign is what tells them apart: 1 - cos is 2 where they are opposite.",
                loss=lambda cos, n: (1 - np.abs(cos)).sum() / n,
                dcos=lambda dloss, n, cos: -np.sign(cos) * dloss / n,
            ),
            mistake(
                "mean-over-sequences",
                "The sum is divided by B, the number of sequences, only.",
                "The loss is a mean over the B L rows.",
                n=lambda a: len(a),
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
                "gradient-row-not-normalized",
                "What is subtracted is cos a instead of cos a / |a|.",
                "The component along the row itself is cos times its direction, of length 1.",
                da=lambda dcos, a, unit_b, cos, norm_a: dcos * (unit_b - cos * a) / norm_a,
                db=lambda dcos, b, unit_a, cos, norm_b: dcos * (unit_a - cos * b) / norm_b,
            ),
            mistake(
                "gradient-lengths-exchanged",
                "da is divided by |b|, and db by |a|.",
                "Where a is long, a turns less: its own length divides.",
                da=lambda dcos, unit_a, unit_b, cos, norm_b: (
                    dcos * (unit_b - cos * unit_a) / norm_b
                ),
                db=lambda dcos, unit_a, unit_b, cos, norm_a: (
                    dcos * (unit_a - cos * unit_b) / norm_a
                ),
            ),
            mistake(
                "gradient-target-constant",
                "db is zero, as if b were a constant.",
                "Both sides are inputs here; what is not trained is for the caller to leave out.",
                db=lambda b: np.zeros_like(b),
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
)
