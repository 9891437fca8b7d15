"""The contrastive loss InfoNCE: each query has to find its own key among all of the batch.

The numbers are those of `minibert.ops.info_nce`: (1) similarities, (2) the loss, and (2'), (1') on
the way back.
"""

import numpy as np

from minibert.check.mistakes.notation import T, log_softmax, softmax, softmax_gradient, total
from minibert.check.mistakes.steps import Step, Steps, mistake


def _inputs_matching(rng, z):
    q, k = (0.4 * rng.standard_normal((z.B, z.D)) for _ in "qk")
    return {"q": q, "k": k, "tau": 0.5}


def _length(x):
    return np.sqrt(total(x * x))


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
                "match-in-column-0",
                "The label of every row is 0: the first key is taken for the match of all.",
                "Row i of q belongs to row i of k: the labels are 0, 1, 2, ..., B - 1.",
                loss=lambda logp, n: -logp[:, 0].sum() / n,
                d=lambda p: p - (np.arange(len(p)) == 0),
            ),
            mistake(
                "divided-by-pairs",
                "The sum over the matches is divided by the B x B pairs.",
                "There is one match a row: divide by the B rows.",
                n=lambda q: len(q) ** 2,
            ),
            mistake(
                "logarithm-of-mean",
                "The logarithm is taken of the matches' mean probability.",
                "The loss is the mean of the logarithms: first -log p of each row, then the mean.",
                loss=lambda p, n: -np.log(np.trace(p) / n),
                d=lambda p, n: softmax_gradient(-np.eye(len(p)), p) * n / np.trace(p),
            ),
            mistake(
                "no-logarithm",
                "There is no logarithm: the loss is the mean of -p of the matches.",
                "A match held for impossible must cost without end, as -log p does.",
                loss=lambda p, n: -np.trace(p) / n,
                d=lambda p: softmax_gradient(-np.eye(len(p)), p),
            ),
            mistake(
                "no-softmax",
                "There is no softmax: the match's similarity itself is taken for log p.",
                "Without log sum exp nothing pushes the other pairs apart.",
                logp=lambda s: s,
                d=lambda s: -np.eye(len(s)),
            ),
            mistake(
                "softmax-over-everything",
                "The softmax has one sum for all B x B pairs.",
                "Each query's probabilities sum to 1: axis=-1, with keepdims=True.",
                logp=lambda s: log_softmax(s.ravel()).reshape(s.shape),
                d=lambda p: len(p) * p - np.eye(len(p)),
            ),
            mistake(
                "temperature-outside",
                "The logarithms are divided by tau instead of the similarities.",
                "tau belongs inside of the softmax: outside it is a factor of the loss.",
                s=lambda q, k: q @ T(k),
                loss=lambda logp, n, tau: -np.trace(logp) / n / tau,
                dq=lambda ds, k, tau: ds @ k / tau,
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
                "gradient-operands-exchanged",
                "dq is made of q, and dk of k.",
                "The derivative of q.k by one of them is the other.",
                dq=lambda ds, q, tau: ds @ q / tau,
                dk=lambda ds, k, tau: T(ds) @ k / tau,
            ),
            mistake(
                "gradient-keys-constant",
                "dk is zero, as if the keys were constants.",
                "Both sides are inputs here; what is not trained is for the caller to leave out.",
                dk=lambda k: np.zeros_like(k),
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
