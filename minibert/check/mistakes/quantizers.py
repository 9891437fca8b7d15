"""Quantization to int8, and what goes wrong in it.

The numbers are those of `minibert.ops.int8`: (1) weights, (2) and (3) activations. A code is an
integer in int8, a ratio is what will be rounded to one.
"""

import numpy as np

from minibert.check.mistakes.steps import Call, Step, Steps, mistake

TINY = 1.2e-38


def _apart(rng, low, high, shape):
    """Numbers of which none is nearly a half, so that rounding errors decide nothing."""
    return rng.integers(low, high, shape) + rng.uniform(-0.4, 0.4, shape)


def _halves(rng, low, high, shape):
    """k + 1/2: rounding to even, away from zero, and up are three different things."""
    return rng.integers(low, high, shape) + 0.5


def _ratios_of_weights(rng, shape):
    """Between -127 and 127, which every row has, or its negative."""
    ratio = _apart(rng, -125, 126, shape)
    ratio[:, 1] = rng.choice([-127, 127], shape[0])
    ratio[:2, 1] = -127, 127
    return ratio


def _symmetric_calls(rng):
    sizes = rng.uniform(0.01, 2, 13)[:, None]
    ties = _halves(rng, -120, 120, (5, 7))
    ties[:, 0] = 127
    zeros = _ratios_of_weights(rng, (4, 5))
    zeros[2] = 0
    return [
        Call("primes", {"w": sizes[:11] * _ratios_of_weights(rng, (11, 7))}),
        Call("square", {"w": sizes[:4] * _ratios_of_weights(rng, (4, 4))}),
        Call("ties", {"w": ties / 4}),
        Call("a row of zeros", {"w": sizes[:4] * zeros}),
        Call("zeros", {"w": np.zeros((3, 2))}),
    ]


def _ratios_of_tokens(rng, shape):
    """Between -k and 255 - k in each row: some above, some below zero."""
    ratio = _apart(rng, 1, 255, shape)
    ratio[..., 0], ratio[..., -1] = 0, 255
    return ratio - _apart(rng, 90, 165, (*shape[:-1], 1)).round() - 0.3


def _one_sided(rng, shape):
    """Rows that are all above zero, or all below, or all zero."""
    ratio = _apart(rng, 40, 250, shape)
    ratio[..., 1] = 255
    ratio[0] *= -1
    ratio[-1, -1] = 0
    return ratio


def _affine_calls(rng):
    sizes = rng.uniform(0.01, 0.1, (3, 7, 1))
    ties = _halves(rng, -100, 150, (2, 3, 9))
    ties[..., 0], ties[..., 1] = -101, 154  # the zero point is -27, odd
    ties[0, 0, 0], ties[0, 0, 1] = -1.5, 253.5  # the zero point is a tie itself: code 128, clipped
    ties[0, 0, 2:] = np.abs(ties[0, 0, 2:])
    return [
        Call("primes", {"x": sizes[:2, :5] * _ratios_of_tokens(rng, (2, 5, 11))}),
        Call("square", {"x": sizes[:1, :4] * _ratios_of_tokens(rng, (4, 4, 4))}),
        Call("one-sided", {"x": sizes[:, :2] * _one_sided(rng, (3, 2, 5))}),
        Call("ties", {"x": ties / 8}),
        Call("zeros", {"x": np.zeros((1, 2, 3))}),
    ]


def _away(ratio):
    return np.sign(ratio) * np.floor(np.abs(ratio) + 0.5)


def _filled(like, number):
    return np.full_like(like, number)


ROUNDING = (
    mistake(
        "truncated",
        "Codes are cut off towards zero: there is no rounding before the int8.",
        "astype drops what is behind the point; take np.rint first.",
        rounded=lambda ratio: np.trunc(ratio),
    ),
    mistake(
        "floored",
        "Codes are rounded down instead of to the nearest integer.",
        "np.floor shifts everything by half a step; take np.rint.",
        rounded=lambda ratio: np.floor(ratio),
    ),
    mistake(
        "halves-away-from-zero",
        "Halves are rounded away from zero: 2.5 becomes 3, and -2.5 becomes -3.",
        "np.rint rounds them to the even neighbour, so that they do not all go outwards.",
        rounded=lambda ratio: _away(ratio),
    ),
    mistake(
        "halves-up",
        "Halves are rounded up, floor(x + 1/2): 2.5 becomes 3, and -2.5 becomes -2.",
        "np.rint rounds them to the even neighbour, so that they do not all go one way.",
        rounded=lambda ratio: np.floor(ratio + 0.5),
    ),
)

NO_GUARD = mistake(
    "no-guard",
    "The scale of a row of zeros is 0, and is divided by.",
    "0 / 0 is no number; the scale is at least 1.2e-38.",
    scale=lambda step: step,
)
ONE_FOR_ZEROS = mistake(
    "one-for-zeros",
    "A row of zeros gets the scale 1.",
    "That is harmless, but here the guard is 1.2e-38, the smallest that is a number.",
    scale=lambda step: np.where(step == 0, 1.0, step),
)

FORMULAS = (
    Steps(
        op="quantize_symmetric",
        formula="quantize-symmetric",
        signature="w (F,D) -> q (F,D), scale (F)",
        calls=_symmetric_calls,
        steps=(
            Step("top", "(1)", lambda w: np.abs(w).max(1)),
            Step("step", "(1)", lambda top: top / 127),
            Step("scale", "(1)", lambda step: np.maximum(step, TINY)),
            Step("ratio", "(1)", lambda w, scale: w / scale[:, None]),
            Step("rounded", "(1)", lambda ratio: np.rint(ratio)),
            Step("clipped", "(1)", lambda rounded: np.clip(rounded, -127, 127)),
            Step("q", "(1)", lambda clipped: clipped.astype(np.int8)),
        ),
        mistakes=(
            mistake(
                "per-tensor",
                "There is one scale for the whole matrix.",
                "Each row has its own, or a row of small weights keeps few codes: max over axis 1.",
                top=lambda w: _filled(w[:, 0], np.abs(w).max()),
            ),
            mistake(
                "by-128",
                "The scale is max|w| / 128 instead of max|w| / 127.",
                "128 has no code; with 127 on both sides zero stays in the middle.",
                step=lambda top: top / 128,
            ),
            mistake(
                "scale-inverted",
                "The scale is 127 / max|w|, and the weights are multiplied by it.",
                "The scale is the size of one code, w is about q times scale: max|w| / 127.",
                scale=lambda step: 1 / np.maximum(step, TINY),
                ratio=lambda w, scale: w * scale[:, None],
            ),
            mistake(
                "by-255",
                "The scale is 2 max|w| / 255, as if all 256 codes were used.",
                "Codes from -127 to 127 have 254 steps: max|w| / 127.",
                step=lambda top: 2 * top / 255,
            ),
            *ROUNDING,
            mistake(
                "largest-not-size",
                "The scale is of the largest weight instead of the largest size.",
                "A row's longest weight may be negative: np.abs(w).max.",
                top=lambda w: w.max(1),
            ),
            NO_GUARD,
            mistake(
                "printed",
                "Codes are not rounded, and end at 7: the article's formula S5, as printed.",
                "8 bits reach 2^7 - 1 = 127, not 8 - 1; and int8 holds integers.",
                clipped=lambda w, scale: np.sign(w) * np.minimum(np.abs(w) / scale[:, None], 7),
                q=lambda clipped: clipped,
            ),
            mistake(
                "clipped-at-bits",
                "Codes end at 7, the number of bits less 1.",
                "8 bits reach 2^7 - 1 = 127.",
                clipped=lambda rounded: np.clip(rounded, -7, 7),
            ),
            mistake(
                "range-of-255",
                "The scale is (max - min) / 255 of a row, although zero stays at 0.",
                "Half of the codes are for each side, and the longer side decides: max|w| / 127.",
                step=lambda w: (w.max(1) - w.min(1)) / 255,
            ),
            mistake(
                "per-column",
                "The scales are those of the columns: the maximum runs over axis 0.",
                "A scale per output can be taken out of the sum over inputs: max over axis 1.",
                top=lambda w: np.abs(w).max(0),
                ratio=lambda w, scale: w / scale,
            ),
            mistake(
                "unsigned",
                "Codes are shifted by 128, to uint8.",
                "They are signed, so that zero is the code 0.",
                q=lambda clipped: (clipped + 128).astype(np.uint8),
            ),
            ONE_FOR_ZEROS,
        ),
    ),
    Steps(
        op="quantize_affine",
        formula="quantize-affine",
        signature="x (B,L,D) -> q (B,L,D), scale (B,L,1), zero (B,L,1)",
        calls=_affine_calls,
        steps=(
            Step("lo", "(2)", lambda x: np.minimum(x.min(-1, keepdims=True), 0)),
            Step("hi", "(2)", lambda x: np.maximum(x.max(-1, keepdims=True), 0)),
            Step("step", "(2)", lambda lo, hi: (hi - lo) / 255),
            Step("scale", "(2)", lambda step: np.maximum(step, TINY)),
            Step("origin", "(2)", lambda lo, scale: -128 - lo / scale),
            Step("zero", "(2)", lambda origin: np.rint(origin)),
            Step("ratio", "(3)", lambda x, scale: x / scale),
            Step("rounded", "(3)", lambda ratio: np.rint(ratio)),
            Step("shifted", "(3)", lambda rounded, zero: rounded + zero),
            Step("clipped", "(3)", lambda shifted: np.clip(shifted, -128, 127)),
            Step("q", "(3)", lambda clipped: clipped.astype(np.int8)),
        ),
        mistakes=(
            mistake(
                "range-without-zero",
                "The range is from the lowest to the highest entry, even where 0 is outside.",
                "Zero must have a code of its own: lo is at most 0, hi at least 0.",
                lo=lambda x: x.min(-1, keepdims=True),
                hi=lambda x: x.max(-1, keepdims=True),
            ),
            mistake(
                "per-tensor",
                "There is one scale and one zero point for all tokens.",
                "Each row has its own: minimum and maximum over the last axis.",
                lo=lambda x: _filled(x[..., :1], min(x.min(), 0)),
                hi=lambda x: _filled(x[..., :1], max(x.max(), 0)),
            ),
            mistake(
                "zero-not-rounded",
                "The zero point is not rounded.",
                "It is a code, an integer, so that 0 is represented exactly.",
                zero=lambda origin: origin,
            ),
            mistake(
                "zero-truncated",
                "The zero point is cut off towards zero instead of rounded.",
                "int() drops what is behind the point; take np.rint first.",
                zero=lambda origin: np.trunc(origin),
            ),
            mistake(
                "zero-added-before-rounding",
                "The zero point is added before the rounding.",
                "Round x / scale first: by an odd zero point, halves go the other way.",
                shifted=lambda ratio, zero: np.rint(ratio + zero),
            ),
            mistake(
                "rounded-from-lo",
                "Codes are rint((x - lo) / scale) - 128: rounded as counted from lo.",
                "Round x / scale, and add the rounded zero point.",
                ratio=lambda x, lo, scale: (x - lo) / scale,
                shifted=lambda rounded: rounded - 128,
            ),
            mistake(
                "zero-subtracted",
                "The zero point is subtracted from the codes.",
                "q = rint(x / scale) + zero; subtracting is the way back.",
                shifted=lambda rounded, zero: rounded - zero,
            ),
            mistake(
                "symmetric",
                "The scale is max|x| / 127, and the zero point 0.",
                "That is for weights; here the whole range from lo to hi has its 255 steps.",
                step=lambda lo, hi: np.maximum(-lo, hi) / 127,
                origin=lambda lo: 0 * lo,
            ),
            mistake(
                "by-256",
                "The scale is (hi - lo) / 256.",
                "Between 256 codes there are 255 steps.",
                step=lambda lo, hi: (hi - lo) / 256,
            ),
            mistake(
                "unsigned",
                "Codes go from 0 to 255, with the zero point of uint8.",
                "int8 begins at -128: the lowest entry has that code.",
                origin=lambda lo, scale: -lo / scale,
                clipped=lambda shifted: np.clip(shifted, 0, 255),
                q=lambda clipped: clipped.astype(np.uint8),
            ),
            mistake(
                "zero-point-of-uint8",
                "The zero point is that of codes from 0 to 255: the -128 is missing.",
                "Codes of int8 begin at -128: half of these are cut off at 127.",
                origin=lambda lo, scale: -lo / scale,
            ),
            *ROUNDING,
            mistake(
                "not-clipped",
                "Codes are not clipped: 128 becomes -128 in int8.",
                "Two roundings may add up to one code too many.",
                clipped=lambda shifted: shifted,
                q=lambda clipped: clipped.astype(np.int64).astype(np.int8),
            ),
            mistake(
                "zero-sign",
                "The zero point is rint(-128 + lo / scale).",
                "lo itself has the code -128: lo / scale + zero = -128.",
                origin=lambda lo, scale: -128 + lo / scale,
            ),
            NO_GUARD,
            ONE_FOR_ZEROS,
        ),
    ),
)
