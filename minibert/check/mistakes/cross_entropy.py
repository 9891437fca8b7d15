"""Cross-entropy with hard labels, with labels that are ignored, and with label smoothing.

The numbers are those of `minibert.ops.cross_entropy`: (1) the loss, (1') its gradient. The three
differ in the target t and in the number n of rows that count. What they share stands in
`cross_entropy_shared`.
"""

import numpy as np

from minibert.check.mistakes.cross_entropy_shared import (
    AT_LABELS_ALONE,
    FORWARD,
    GRADIENT,
    LOGARITHM_OF_MEAN,
    LOSS,
    MEAN_OVER_CLASSES,
    OVER_ROWS,
)
from minibert.check.mistakes.notation import (
    log_softmax,
    onehot,
    sigmoid,
    softmax,
    softmax_gradient,
    total,
)
from minibert.check.mistakes.steps import Step, Steps, mistake

IGNORED = -100


def _logits(rng, *shape):
    """Above 0, so that even a logarithm of them is finite, and no probability is tiny."""
    return rng.uniform(0.5, 3.5, shape)


def _inputs(rng, z):
    labels = np.array([z.C - 1, 0, 1, 1])[: z.B]  # the first, the last, one twice
    return {"logits": _logits(rng, z.B, z.C), "labels": labels}


def _inputs_ignored(rng, z):
    C = z.C + 100  # -100 is an index, too, where there are so many classes
    labels = rng.integers(1, C, (z.B, z.L))
    labels[0, :2] = labels[-1, -1] = IGNORED
    labels[-1, 0], labels[0, -1] = 0, C - 1
    return {"logits": _logits(rng, z.B, z.L, C), "labels": labels}


def _all_but(row, t):
    """Targets without those of one row, which then counts for nothing."""
    return t * (np.arange(len(t)) != row % len(t))[:, None]


def _inputs_smoothed(rng, z):
    return _inputs(rng, z) | {"smoothing": 0.2}


# Where two mistakes together would be a third, one of them lists a step that it leaves right.
FORMULAS = (
    Steps(
        op="cross_entropy",
        formula="cross-entropy",
        signature="logits (B,C), labels (B) -> loss ()",
        gradient="dlogits",
        make=_inputs,
        steps=(
            Step("t", "(1)", lambda logits, labels: onehot(labels, logits.shape[-1])),
            Step("n", "(1)", lambda labels: len(labels)),
            *LOSS,
        ),
        mistakes=(
            MEAN_OVER_CLASSES,
            *FORWARD[:3],
            mistake(
                "every-label",
                "logp[:, labels] takes every row's value at every row's label.",
                "Pair them: logp[np.arange(B), labels], one entry a row.",
                t=lambda logits, labels: (
                    np.zeros_like(logits) + onehot(labels, logits.shape[-1]).mean(0)
                ),
            ),
            OVER_ROWS,
            LOGARITHM_OF_MEAN,
            mistake(
                "logarithm-of-logits",
                "The logarithm is taken of the logits, without a softmax.",
                "Logits are no probabilities, and may be negative, where log gives NaN.",
                logp=lambda logits: np.log(logits),
                dlogits=lambda t, logits, n, dloss: -t / logits * dloss / n,
            ),
            *FORWARD[3:],
            mistake(
                "divided-by-classes",
                "The sum is divided by C, the number of classes, instead of B.",
                "shape[0] is the number of rows, shape[-1] that of the classes.",
                n=lambda logits: logits.shape[-1],
            ),
            mistake(
                "counted-from-one",
                "The labels are taken for numbers from 1 to C: 1 is subtracted of each.",
                "They count from 0, and are indices as they stand.",
                t=lambda logits, labels: onehot((labels - 1) % logits.shape[-1], logits.shape[-1]),
            ),
            mistake(
                "last-row-left-out",
                "The last row is left out: range(B - 1) in a loop.",
                "range(B) ends at B - 1 by itself.",
                t=lambda logits, labels: _all_but(-1, onehot(labels, logits.shape[-1])),
            ),
            mistake(
                "first-row-left-out",
                "The first row is left out: range(1, B) in a loop.",
                "Rows are counted from 0.",
                t=lambda logits, labels: _all_but(0, onehot(labels, logits.shape[-1])),
            ),
            mistake(
                "binary",
                "Each class is asked for yes or no: a sigmoid's loss, and the mean of all B C.",
                "Exactly one class is right: one softmax over the classes makes them share.",
                n=lambda logits: logits.size,
                p=lambda logits: sigmoid(logits),
                loss=lambda t, logits, n: (np.logaddexp(0, logits) - t * logits).sum() / n,
                dlogits=lambda t, p, n, dloss: (p - t) * dloss / n,
            ),
            mistake(
                "yes-or-no-for-each-class",
                "The other classes add -log(1 - p), p of the softmax, as in a loss for yes or no.",
                "Softmax makes the classes share: the label's -log p says it all.",
                loss=lambda t, p, n: -(t * np.log(p) + (1 - t) * np.log1p(-p)).sum() / n,
                dlogits=lambda t, p, n, dloss: (
                    softmax_gradient((1 - t) / (1 - p) - t / p, p) * dloss / n
                ),
            ),
            mistake(
                "gradient-every-label",
                "grad[:, labels] -= 1 subtracts 1 in every row, at all classes that are labels.",
                "Pair them: grad[np.arange(B), labels] -= 1, one entry a row.",
                dlogits=lambda t, p, n, dloss: (p - t.max(0)) * dloss / n,
            ),
            AT_LABELS_ALONE,
            mistake(
                "gradient-labels-added",
                "The target is added to p instead of subtracted from it.",
                "The gradient is p - t; its entries in a row sum to 0.",
                dlogits=lambda t, p, n, dloss: (total(t) * p + t) * dloss / n,
            ),
            mistake(
                "gradient-softmax-again",
                "p - t is sent through the softmax's derivative once more.",
                "p - t is the gradient of the logits already: the softmax's derivative is in it.",
                dlogits=lambda t, p, n, dloss: softmax_gradient((total(t) * p - t) * dloss / n, p),
            ),
            mistake(
                "gradient-of-probabilities",
                "The gradient is that of the probabilities, -t / p, not of the logits.",
                "Send it through the softmax's derivative; what comes out is p - t.",
                dlogits=lambda t, p, n, dloss: -t / p * dloss / n,
            ),
            *GRADIENT,
        ),
    ),
    Steps(
        op="masked_cross_entropy",
        formula="cross-entropy",
        signature="logits (B,L,C), labels (B,L) -> loss ()",
        gradient="dlogits",
        make=_inputs_ignored,
        steps=(
            Step("counted", "(1)", lambda labels: labels != IGNORED),
            Step("t", "(1)", lambda logits, labels: onehot(labels, logits.shape[-1])),
            Step("n", "(1)", lambda counted: counted.sum()),
            *LOSS,
        ),
        mistakes=(
            mistake(
                "ignored-in-the-mean",
                "The sum is divided by all B L tokens, the ignored ones among them.",
                "Divide by the number of labels that are not -100.",
                n=lambda labels: labels.size,
            ),
            mistake(
                "ignored-from-the-end",
                "The label -100 is used as an index, and counts classes from the end.",
                "NumPy takes negative indices without a word: leave these tokens out first.",
                t=lambda logits, labels: onehot(labels % logits.shape[-1], logits.shape[-1]),
                n=lambda labels: labels.size,
            ),
            mistake(
                "ignored-as-class-0",
                "The ignored tokens count as if their label were 0.",
                "A 0 in their place is good for indexing only: their loss must be masked, too.",
                t=lambda logits, labels: onehot(np.maximum(labels, 0), logits.shape[-1]),
                n=lambda labels: labels.size,
            ),
            mistake(
                "ignored-in-the-sum",
                "Ignored tokens are added as if their label were 0, but not counted in the mean.",
                "The mask belongs in the sum as well: multiply each token's loss by it.",
                t=lambda logits, labels: onehot(np.maximum(labels, 0), logits.shape[-1]),
            ),
            mistake(
                "ignored-from-the-end-in-the-sum",
                "Ignored tokens are added with -100 as an index, but not counted in the mean.",
                "The mask belongs in the sum as well: multiply each token's loss by it.",
                t=lambda logits, labels: onehot(labels % logits.shape[-1], logits.shape[-1]),
            ),
            mistake(
                "class-0-ignored",
                "Tokens whose label is 0 are ignored as well.",
                "0 is a class like any other; only -100 means that there is no label.",
                counted=lambda labels: labels > 0,
                t=lambda logits, labels, counted: (
                    onehot(labels, logits.shape[-1]) * counted[..., None]
                ),
            ),
            mistake(
                "mean-of-means",
                "Each sequence has a mean of its own, and the loss is the mean of these.",
                "Every labelled token weighs the same: one sum, one division.",
                n=lambda counted: len(counted) * counted.sum(-1)[:, None, None],
            ),
            mistake(
                "divided-by-sequences",
                "The sum is divided by B, the number of sequences, instead of the tokens.",
                "A row is a token here: divide by the number of labels that count.",
                n=lambda labels: len(labels),
            ),
            mistake(
                "mean-over-everything",
                "The sum is divided by B L C, the number of logits, instead of the tokens.",
                "The classes of a token add up to one loss: divide by the labels that count.",
                n=lambda logits: logits.size,
            ),
            mistake(
                "softmax-over-tokens",
                "The softmax runs over the tokens (axis 1), not over the classes.",
                "Tokens do not compete with one another; classes do: axis -1.",
                logp=lambda logits: log_softmax(logits, 1),
                dlogits=lambda t, p, n, dloss: (total(t / n, 1) * p - t / n) * dloss,
            ),
            LOGARITHM_OF_MEAN,
            *FORWARD,
            mistake(
                "gradient-of-ignored-tokens",
                "Ignored tokens get a gradient, their p / n, instead of zero.",
                "What is not in the loss has no gradient: set those rows to 0.",
                dlogits=lambda t, p, n, dloss: (p - t) * dloss / n,
            ),
            AT_LABELS_ALONE,
            *GRADIENT,
        ),
    ),
    Steps(
        op="smoothed_cross_entropy",
        formula="cross-entropy",
        signature="logits (B,C), labels (B), smoothing -> loss ()",
        gradient="dlogits",
        make=_inputs_smoothed,
        steps=(
            Step("hot", "(1)", lambda logits, labels: onehot(labels, logits.shape[-1])),
            Step("share", "(1)", lambda hot, smoothing: smoothing / hot.shape[-1] + 0 * hot),
            Step("t", "(1)", lambda hot, share, smoothing: (1 - smoothing) * hot + share),
            Step("n", "(1)", lambda labels: len(labels)),
            *LOSS,
        ),
        mistakes=(
            mistake(
                "shared-among-others",
                "The share e goes to the C - 1 other classes, e / (C - 1) each.",
                "It is spread over all C classes, the label's own among them.",
                share=lambda hot, smoothing: smoothing / (hot.shape[-1] - 1) * (1 - hot),
            ),
            mistake(
                "label-without-its-share",
                "The label has 1 - e and lacks its own e / C: the target sums to less than 1.",
                "The label gets 1 - e + e / C, which makes the sum 1.",
                share=lambda hot, smoothing: smoothing / hot.shape[-1] * (1 - hot),
            ),
            mistake(
                "label-not-lowered",
                "The label keeps its 1, and e / C is added everywhere.",
                "What is given to all is taken from the label: (1 - e) onehot + e / C.",
                t=lambda hot, share: hot + share,
            ),
            mistake(
                "share-not-divided",
                "Each class gets e, or the sum of log p over them, instead of e / C.",
                "The share e is divided among the C classes: their mean, not their sum.",
                share=lambda hot, smoothing: smoothing + 0 * hot,
            ),
            mistake(
                "share-forgotten",
                "The label has 1 - e, and the share of the C classes is left out.",
                "What is taken from the label is given to all classes: add e / C everywhere.",
                share=lambda hot: 0 * hot,
                t=lambda hot, share, smoothing: (1 - smoothing) * hot + share,
                dlogits=lambda t, p, n, dloss: (total(t) * p - t) * dloss / n,
            ),
            mistake(
                "exchanged",
                "e and 1 - e are exchanged: the label gets the small share.",
                "The smoothing e is what the label gives away.",
                share=lambda hot, smoothing: (1 - smoothing) / hot.shape[-1] + 0 * hot,
                t=lambda hot, share, smoothing: smoothing * hot + share,
            ),
            mistake(
                "no-smoothing",
                "The target is the one-hot label, without smoothing.",
                "The target is (1 - e) onehot + e / C, in the loss and in its gradient.",
                t=lambda hot: hot,
            ),
            mistake(
                "predictions-smoothed",
                "Not the labels are smoothed but the predictions, or the logarithm is of sum(t p).",
                "The target is what changes; the prediction stays log_softmax.",
                share=lambda hot, smoothing: smoothing / hot.shape[-1] + 0 * hot,
                t=lambda hot: hot,
                logp=lambda logits, share, smoothing: np.log(
                    (1 - smoothing) * softmax(logits) + share
                ),
                dlogits=lambda t, p, n, dloss, logits, smoothing: (
                    softmax_gradient((smoothing - 1) * t / p, softmax(logits)) * dloss / n
                ),
            ),
            MEAN_OVER_CLASSES,
            *FORWARD,
            OVER_ROWS,
            mistake(
                "gradient-label-not-lowered",
                "The gradient's target is onehot + e / C, without the factor 1 - e.",
                "What is given to all is taken from the label, in the gradient as in the loss.",
                dlogits=lambda p, hot, share, n, dloss: (p - hot - share) * dloss / n,
            ),
            mistake(
                "gradient-share-forgotten",
                "The gradient's target is (1 - e) onehot, without e / C.",
                "The share is in the target of every class: subtract it everywhere.",
                dlogits=lambda p, hot, smoothing, n, dloss: (p - (1 - smoothing) * hot) * dloss / n,
            ),
            mistake(
                "gradient-label-without-its-share",
                "The gradient subtracts 1 - e at the label, which lacks its own e / C.",
                "The label's target is 1 - e + e / C.",
                dlogits=lambda p, hot, share, smoothing, n, dloss: (
                    (p - (1 - smoothing) * hot - share * (1 - hot)) * dloss / n
                ),
            ),
            *GRADIENT,
        ),
    ),
)
