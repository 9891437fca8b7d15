"""Masks and thresholds of weights, and what goes wrong in them.

The numbers are those of `minibert.prune.magnitude` and of `minibert.prune.soft_threshold`.
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
)
