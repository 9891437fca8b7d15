"""Pruning: masks, thresholds and importance, and what goes wrong in them.

The numbers are those of `minibert.prune`: (1) of `magnitude` and of `soft_threshold`, (1) heads and
(2) neurons of `structured`.
"""

import numpy as np

from minibert.check.mistakes.steps import OTHER, PRIMES, SQUARE, Call, Step, Steps, mistake

SHARES = {
    "a third": (PRIMES, 1 / 3),
    "half": (SQUARE, 1 / 2),
    "two thirds": (OTHER, 2 / 3),
    "nothing": (PRIMES, 0.0),
}
AMOUNTS = {"a little": (PRIMES, 0.3), "half": (SQUARE, 0.5), "more than 1": (OTHER, 1.2)}


def _mask_calls(rng):
    """Of every share the count is nearly whole: rounding it to the nearest or down is the same."""
    found = []
    for case, (z, share) in SHARES.items():
        w = rng.standard_normal((z.F, z.K))
        found.append(Call(case, {"w": w, "share": (int(share * w.size) + 0.2) / w.size}))
    return found


def _threshold_calls(rng):
    return [
        Call(case, {"w": rng.standard_normal((z.F, z.K)), "amount": amount})
        for case, (z, amount) in AMOUNTS.items()
    ]


def _heads(rng, z):
    return {"dmask": rng.standard_normal((z.B, z.H))}


def _neurons(rng, z):
    shapes = {"w1": (z.F, z.D), "b1": (z.F,), "w2": (z.D, z.F)}
    weights = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    return weights | {f"d{name}": rng.standard_normal(shape) for name, shape in shapes.items()}


def _smallest(sizes, count):
    """The size that the `count` smallest of the last axis do not exceed."""
    if count == 0:
        return -np.inf
    return np.sort(sizes)[..., count - 1 : count]


# Where two mistakes together would be a third, one of them lists a step that it leaves right.
FORMULAS = (
    Steps(
        op="magnitude_mask",
        formula="magnitude-mask",
        signature="w (F,D), share -> mask (F,D)",
        calls=_mask_calls,
        steps=(
            Step("size", "(1)", lambda w: np.abs(w)),
            Step("count", "(1)", lambda w, share: int(share * w.size)),
            Step("threshold", "(1)", lambda size, count: _smallest(size.ravel(), count)),
            Step("mask", "(1)", lambda size, threshold: size > threshold),
        ),
        mistakes=(
            mistake(
                "share-kept",
                "The share is what stays instead of what is removed.",
                "A share of 0.9 removes nine weights of ten.",
                count=lambda w, share: w.size - int(share * w.size),
                mask=lambda size, threshold: size > threshold,
            ),
            mistake(
                "mask-inverted",
                "The mask is True where a weight is removed.",
                "It is multiplied with the weights: True, or 1, is what stays.",
                mask=lambda size, threshold: size <= threshold,
            ),
            mistake(
                "signed",
                "Weights are compared with their signs: negative ones go first.",
                "What counts is the size: np.abs.",
                size=lambda w: w,
            ),
            mistake(
                "one-too-few",
                "The weight at the threshold stays: one too few is removed.",
                "The weight of rank floor(share * size) is the last to go: > instead of >=.",
                mask=lambda size, threshold: size >= threshold,
            ),
            mistake(
                "one-too-many",
                "The threshold is the next larger size: one too many is removed.",
                "Counted from 0, the weight of rank n has the index n - 1.",
                threshold=lambda size, count: _smallest(size.ravel(), count + 1),
                mask=lambda size, threshold: size > threshold,
            ),
            mistake(
                "largest-removed",
                "The largest weights are removed instead of the smallest.",
                "The sizes are sorted from the smallest on; those go first.",
                size=lambda w: -np.abs(w),
                count=lambda w, share: int(share * w.size),
                mask=lambda size, threshold: size > threshold,
            ),
            mistake(
                "share-as-percent",
                "The share is taken for a percentage: np.percentile(size, share).",
                "A percentage goes to 100: np.percentile takes 100 * share.",
                threshold=lambda size, share: np.percentile(size, share),
            ),
            mistake(
                "share-as-threshold",
                "The share itself is the threshold.",
                "A share counts weights: sort their sizes to find the threshold.",
                threshold=lambda share: share,
            ),
            mistake(
                "share-of-largest",
                "The threshold is the share of the largest size.",
                "A share counts weights: sort their sizes to find the threshold.",
                threshold=lambda size, share: share * size.max(),
            ),
            mistake(
                "per-row",
                "Each row loses its share, by a threshold of its own.",
                "One threshold is for the whole matrix; rows may lose more or less.",
                count=lambda w, share: int(share * w.shape[1]),
                threshold=lambda size, count: _smallest(size, count),
            ),
            mistake(
                "per-column",
                "Each column loses its share, by a threshold of its own.",
                "One threshold is for the whole matrix; columns may lose more or less.",
                count=lambda w, share: int(share * w.shape[0]),
                threshold=lambda size, count: np.transpose(_smallest(size.T, count)),
            ),
            mistake(
                "mean-threshold",
                "The threshold is the mean size, whatever the share.",
                "Sort the sizes: the threshold is the one of rank floor(share * size).",
                threshold=lambda size: size.mean(),
            ),
            mistake(
                "nothing-becomes-everything",
                "When nothing is to be removed, the index is -1, and everything is.",
                "With a count of 0 the last of the sorted sizes is taken: treat it on its own.",
                threshold=lambda size, count: np.sort(size.ravel())[count - 1],
            ),
            mistake(
                "weights-returned",
                "The masked weights are returned instead of the mask.",
                "The mask is needed on its own: in training, gradients go through it as well.",
                mask=lambda w, size, threshold: w * (size > threshold),
            ),
        ),
    ),
    Steps(
        op="soft_threshold",
        formula="soft-threshold",
        signature="w (F,D), amount -> w' (F,D)",
        calls=_threshold_calls,
        steps=(
            Step("size", "(1)", lambda w: np.abs(w)),
            Step("shrunk", "(1)", lambda size, amount: size - amount),
            Step("held", "(1)", lambda shrunk: np.maximum(shrunk, 0)),
            Step("w'", "(1)", lambda w, held: np.sign(w) * held),
        ),
        mistakes=(
            mistake(
                "not-held",
                "Sizes below the amount become negative, and their weights change sign.",
                "What is smaller than the amount becomes 0: max(|w| - amount, 0).",
                held=lambda shrunk: shrunk,
            ),
            mistake(
                "hard",
                "Weights above the threshold stay as they are: a hard threshold.",
                "A soft one moves all of them by the amount.",
                held=lambda size, amount: size * (size > amount),
            ),
            mistake(
                "sign-forgotten",
                "The sign is forgotten: everything is positive.",
                "Multiply by sign(w).",
                **{"w'": lambda held: held},
            ),
            mistake(
                "subtracted-on-both-sides",
                "The amount is subtracted below zero, too: negative weights grow.",
                "Both sides move towards zero: there the amount is added.",
                **{"w'": lambda w, size, amount: (w - amount) * (size > amount)},
            ),
            mistake(
                "grown",
                "The amount is added to the sizes.",
                "Sizes shrink: |w| - amount.",
                shrunk=lambda size, amount: size + amount,
            ),
            mistake(
                "clipped",
                "Weights are clipped to the amount: larger sizes become the amount.",
                "What is left is the size above the amount, not the part below it.",
                held=lambda size, amount: np.minimum(size, amount),
            ),
            mistake(
                "printed",
                "w - amount |w|, the article's formula S3 as printed: negative weights grow.",
                "Both sides move towards zero: sign(w) max(|w| - amount, 0).",
                **{"w'": lambda w, size, amount: w - amount * size},
            ),
            mistake(
                "by-a-factor",
                "Weights are multiplied by 1 - amount.",
                "The amount is subtracted from every size; a factor makes none of them zero.",
                **{"w'": lambda w, amount: w * (1 - amount)},
            ),
            mistake(
                "positive-only",
                "max(w - amount, 0): all negative weights become 0.",
                "Both sides of zero are treated alike: take the size, and give back the sign.",
                size=lambda w: w,
                **{"w'": lambda held: held},
            ),
        ),
    ),
    Steps(
        op="head_importance",
        formula="importance",
        signature="dmask (n,H) -> importance (H)",
        make=_heads,
        steps=(
            Step("size", "(1)", lambda dmask: np.abs(dmask)),
            Step("importance", "(1)", lambda size: size.sum(0)),
        ),
        mistakes=(
            mistake(
                "size-of-sum",
                "The batches are added with their signs, and the size is taken of the sum.",
                "A head that matters with either sign cancels out: sizes first, then the sum.",
                size=lambda dmask: dmask,
                importance=lambda size: np.abs(size.sum(0)),
            ),
            mistake(
                "signed",
                "The gradients are added with their signs.",
                "Either sign is a change of the loss: take the size of every batch.",
                size=lambda dmask: dmask,
            ),
            mistake(
                "mean",
                "It is the mean over batches instead of the sum.",
                "Here batches add up; the order of heads is the same, the numbers are not.",
                importance=lambda size: size.mean(0),
            ),
            mistake(
                "squared",
                "The squares are added instead of the sizes.",
                "Squares let one batch decide; the first-order change is the size.",
                size=lambda dmask: dmask * dmask,
            ),
            mistake(
                "size-of-mean",
                "The size is taken of the mean over the batches.",
                "A head that matters with either sign cancels out: sizes first, then the sum.",
                importance=lambda dmask: np.abs(dmask.mean(0)),
            ),
            mistake(
                "length",
                "It is the root of the sum of squares, the norm over the batches.",
                "The sizes are added as they are.",
                importance=lambda dmask: np.sqrt((dmask * dmask).sum(0)),
            ),
            mistake(
                "over-heads",
                "The sum runs over the heads (axis 1) instead of the batches.",
                "There is one number for each head: sum over axis 0.",
                importance=lambda size: size.sum(1),
            ),
            mistake(
                "normalized",
                "The heads' importance is divided by its norm over the layer.",
                "Layers are then no longer comparable; that is another, later step.",
                importance=lambda size: size.sum(0) / np.linalg.norm(size.sum(0)),
            ),
            mistake(
                "shares",
                "The heads' importance is divided by its sum over the layer.",
                "Layers are then no longer comparable; that is another, later step.",
                importance=lambda size: size.sum(0) / size.sum(),
            ),
            mistake(
                "largest",
                "It is the largest batch instead of the sum.",
                "All batches count.",
                importance=lambda size: size.max(0),
            ),
        ),
    ),
    Steps(
        op="neuron_importance",
        formula="importance",
        signature="w1 (F,D), b1 (F), w2 (D,F), dw1 (F,D), db1 (F), dw2 (D,F) -> importance (F)",
        make=_neurons,
        steps=(
            Step("w1_part", "(2)", lambda w1, dw1: (w1 * dw1).sum(1)),
            Step("b1_part", "(2)", lambda b1, db1: b1 * db1),
            Step("into", "(2)", lambda w1_part, b1_part: np.abs(w1_part + b1_part)),
            Step("w2_part", "(2)", lambda w2, dw2: (w2 * dw2).sum(0)),
            Step("out", "(2)", lambda w2_part: np.abs(w2_part)),
            Step("importance", "(2)", lambda into, out: into + out),
        ),
        mistakes=(
            mistake(
                "size-of-every-product",
                "The size is taken of every product instead of their sums.",
                "Weights of one neuron vanish together, and their changes may cancel.",
                w1_part=lambda w1, dw1: np.abs(w1 * dw1).sum(1),
                b1_part=lambda b1, db1: np.abs(b1 * db1),
                w2_part=lambda w2, dw2: np.abs(w2 * dw2).sum(0),
            ),
            mistake(
                "size-of-every-product-in",
                "In the first part, of w1 and b1, the size is taken of every product.",
                "Row and bias are one sum: first the sum of all products, then its size.",
                w1_part=lambda w1, dw1: np.abs(w1 * dw1).sum(1),
                b1_part=lambda b1, db1: np.abs(b1 * db1),
            ),
            mistake(
                "size-of-every-product-of-w1",
                "Of w1 the size is taken of every product; b1 is added with its sign.",
                "Row and bias are one sum: first the sum of all products, then its size.",
                w1_part=lambda w1, dw1: np.abs(w1 * dw1).sum(1),
                into=lambda w1_part, b1_part: np.abs(w1_part + b1_part),
            ),
            mistake(
                "size-of-every-product-out",
                "In the second part, of w2, the size is taken of every product.",
                "The column is one sum: first the sum of its products, then its size.",
                w2_part=lambda w2, dw2: np.abs(w2 * dw2).sum(0),
            ),
            mistake(
                "bias-forgotten",
                "The bias b1 is forgotten.",
                "A neuron is its row of w1 and its bias: both vanish with it.",
                b1_part=lambda: 0.0,
            ),
            mistake(
                "size-of-everything",
                "The size is taken once, of all three parts together.",
                "What goes into the neuron and what leaves it are two sums, each with its size.",
                importance=lambda w1_part, b1_part, w2_part: np.abs(w1_part + b1_part + w2_part),
            ),
            mistake(
                "bias-apart",
                "The size of the bias's part is taken on its own.",
                "Row and bias are one sum: what goes into the neuron.",
                into=lambda w1_part, b1_part: np.abs(w1_part) + np.abs(b1_part),
            ),
            mistake(
                "signed",
                "The parts are added with their signs: there is no size.",
                "Either sign is a change of the loss.",
                into=lambda w1_part, b1_part: w1_part + b1_part,
                out=lambda w2_part: w2_part,
            ),
            mistake(
                "first-part-signed",
                "The first part, of w1 and b1, is added with its sign.",
                "Either sign is a change of the loss: each part has its size.",
                into=lambda w1_part, b1_part: w1_part + b1_part,
            ),
            mistake(
                "second-part-signed",
                "The second part, of w2, is added with its sign.",
                "Either sign is a change of the loss: each part has its size.",
                out=lambda w2_part: w2_part,
            ),
            mistake(
                "squared",
                "The squares of the two sums are added instead of their sizes.",
                "The first-order change of the loss is the size.",
                into=lambda w1_part, b1_part: (w1_part + b1_part) ** 2,
                out=lambda w2_part: w2_part**2,
            ),
            mistake(
                "averaged",
                "The products of w1 and w2 are averaged over the D features, not added.",
                "All weights of a neuron vanish together: their changes add up.",
                w1_part=lambda w1, dw1: (w1 * dw1).mean(1),
                w2_part=lambda w2, dw2: (w2 * dw2).mean(0),
            ),
            mistake(
                "first-matrix-forgotten",
                "Only w2 counts.",
                "Row f of w1 and its bias belong to the neuron as well.",
                into=lambda: 0.0,
            ),
            mistake(
                "second-matrix-forgotten",
                "Only w1 and b1 count.",
                "Column f of w2 belongs to the neuron as well.",
                out=lambda: 0.0,
            ),
            mistake(
                "second-matrix-over-neurons",
                "The sum of w2's part runs over the neurons (axis 1).",
                "w2 is (D,F): neuron f has column f, which is summed over axis 0.",
                w2_part=lambda w2, dw2: (w2 * dw2).sum(1),
            ),
            mistake(
                "gradients-only",
                "The sizes of the gradients are added, without the weights.",
                "What vanishes is the weight: its product with the gradient is the change.",
                w1_part=lambda dw1: np.abs(dw1).sum(1),
                b1_part=lambda db1: np.abs(db1),
                w2_part=lambda dw2: np.abs(dw2).sum(0),
            ),
            mistake(
                "weights-only",
                "The sizes of the weights are added, without the gradients.",
                "A large weight may not matter to the loss; its product with the gradient tells.",
                w1_part=lambda w1: np.abs(w1).sum(1),
                b1_part=lambda b1: np.abs(b1),
                w2_part=lambda w2: np.abs(w2).sum(0),
            ),
        ),
    ),
)
