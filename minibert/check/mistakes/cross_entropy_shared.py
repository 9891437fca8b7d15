"""What the cross-entropies with hard labels have in common: the loss of a target t, and mistakes.

The numbers are those of `minibert.ops.cross_entropy`: (1) the loss, (1') its gradient.
"""

import math

import numpy as np

from minibert.check.mistakes.notation import log_softmax, onehot, softmax, softmax_gradient, total
from minibert.check.mistakes.steps import Step, mistake


def _at_highest(logits):
    """1 at each row's highest logit: the gradient of its maximum."""
    return onehot(logits.argmax(-1), logits.shape[-1])


LOSS = (
    Step("logp", "(1)", lambda logits: log_softmax(logits)),
    Step("loss", "(1)", lambda t, logp, n: -(t * logp / n).sum()),
    Step("p", "(1')", lambda logp: np.exp(logp)),
    # Where t sums to 1 this is p - t, and where t is 0 everywhere, it is 0.
    Step("dlogits", "(1')", lambda t, p, n, dloss: (total(t) * p - t) * dloss / n),
)

FORWARD = (
    mistake(
        "summed",
        "The rows are added up, and not divided by their number.",
        "The loss is a mean: only then a learning rate goes with every batch size.",
        n=lambda: 1,
    ),
    mistake(
        "softmax-twice",
        "The softmax is taken twice: the loss gets probabilities where it wants logits.",
        "log_softmax has the softmax in it: hand it the logits as they are.",
        logp=lambda logits: log_softmax(softmax(logits)),
        dlogits=lambda t, p, n, dloss, logits: softmax_gradient(
            (total(t) * p - t) * dloss / n, softmax(logits)
        ),
    ),
    mistake(
        "no-softmax",
        "There is no softmax: the label's logit itself is taken for log p.",
        "Raising every logit would lower such a loss without end: subtract log sum exp.",
        logp=lambda logits: logits,
        dlogits=lambda t, n, dloss: -t * dloss / n,
    ),
    mistake(
        "softmax-over-everything",
        "The softmax's sum runs over rows and classes together: one for the whole array.",
        "Each row's probabilities sum to 1: axis=-1, with keepdims=True.",
        logp=lambda logits: log_softmax(logits.ravel()).reshape(logits.shape),
        dlogits=lambda t, p, n, dloss: ((t / n).sum() * p - t / n) * dloss,
    ),
    mistake(
        "maximum-not-added-back",
        "log sum exp is of logits less their maximum, which is not added back.",
        "What is taken off within the sum belongs before it again: m + log sum exp(x - m).",
        logp=lambda logits: log_softmax(logits) + logits.max(-1, keepdims=True),
        dlogits=lambda t, n, dloss, logits: (
            (total(t) * (softmax(logits) - _at_highest(logits)) - t) * dloss / n
        ),
    ),
    mistake(
        "maximum-in-one-place",
        "The maximum is taken off the logit, but not of those within log sum exp.",
        "Shift the logits once, and use the shifted ones in both places.",
        logp=lambda logits: log_softmax(logits) - logits.max(-1, keepdims=True),
        dlogits=lambda t, n, dloss, logits: (
            (total(t) * (softmax(logits) + _at_highest(logits)) - t) * dloss / n
        ),
    ),
    mistake(
        "no-logarithm",
        "There is no logarithm: the loss is the mean of -p at the label.",
        "A label held for impossible must cost without end, as -log p does.",
        loss=lambda t, p, n: -(t * p / n).sum(),
        dlogits=lambda t, p, n, dloss: softmax_gradient(-t, p) * dloss / n,
    ),
    mistake(
        "sign-missing",
        "The minus before log p is missing, or the gradient is t - p instead of p - t.",
        "log p is at most 0 and has to grow; what is minimized is its negative.",
        loss=lambda t, logp, n: (t * logp / n).sum(),
        dlogits=lambda t, p, n, dloss: (t - total(t) * p) * dloss / n,
    ),
    mistake(
        "binary-logarithm",
        "The logarithm is to base 2.",
        "The loss is in nats; np.log, whose derivative is 1/x without a factor.",
        loss=lambda t, logp, n: -(t * logp / n).sum() / math.log(2),
        dlogits=lambda t, p, n, dloss: (total(t) * p - t) * dloss / n / math.log(2),
    ),
)

OVER_ROWS = mistake(
    "softmax-over-rows",
    "The softmax runs over the rows of the batch (axis 0), not over the classes.",
    "Examples do not compete with one another; classes do: axis -1.",
    logp=lambda logits: log_softmax(logits, 0),
    dlogits=lambda t, p, n, dloss: (total(t, 0) * p - t) * dloss / n,
)

MEAN_OVER_CLASSES = mistake(
    "mean-over-classes",
    "The mean is over rows and classes, B C numbers, instead of the B rows.",
    "The classes of a row add up to one loss: divide by the number of rows.",
    n=lambda logits: logits.size,
)

LOGARITHM_OF_MEAN = mistake(
    "logarithm-of-mean",
    "The logarithm is taken of the mean of p at the labels: -log mean p.",
    "The loss is the mean of the logarithms: first -log p of each row, then the mean.",
    loss=lambda t, p, n: -np.log((t * p / n).sum()),
    dlogits=lambda t, p, n, dloss: softmax_gradient(-t / n, p) * dloss / (t * p / n).sum(),
)

AT_LABELS_ALONE = mistake(
    "gradient-at-labels-alone",
    "Only the label's entry has a gradient, p - 1; the other classes have 0.",
    "A class that is not the label has the gradient p: its logit is to fall.",
    dlogits=lambda t, p, n, dloss: t * (p - t) * dloss / n,
)

GRADIENT = (
    mistake(
        "gradient-labels-not-subtracted",
        "The target is not subtracted: the gradient is p / n.",
        "At the label it has to be negative, so that a step makes that logit larger.",
        dlogits=lambda t, p, n, dloss: total(t) * p * dloss / n,
    ),
    mistake(
        "gradient-of-logits",
        "The gradient is made of the logits instead of their softmax: x - t.",
        "It is p - t: send the logits through the softmax first.",
        p=lambda logits: logits,
        dlogits=lambda t, p, n, dloss: (total(t) * p - t) * dloss / n,
    ),
    mistake(
        "gradient-of-logarithms",
        "The gradient is made of log p instead of p.",
        "It is p - t: take exp of what log_softmax gave.",
        p=lambda logp: logp,
        dlogits=lambda t, p, n, dloss: (total(t) * p - t) * dloss / n,
    ),
    mistake(
        "gradient-upstream-forgotten",
        "The gradient is not multiplied by dloss.",
        "The loss may be one part of a sum with weights; its gradient carries the weight.",
        dlogits=lambda t, p, n: (total(t) * p - t) / n,
    ),
)
