"""The linear layer on int8, and what goes wrong in it.

The numbers are those of `minibert.ops.int8`: (4) the integer sums, (5) the layer.
"""

import numpy as np

from minibert.check.mistakes.notation import total
from minibert.check.mistakes.steps import Step, Steps, mistake


def _codes(rng, z):
    """Large ones: sums of them overflow int16."""
    qx, qw = (
        (rng.choice([-1, 1], shape) * rng.integers(60, 127, shape)).astype(np.int8)
        for shape in ((z.B, z.L, z.D), (z.F, z.D))
    )
    qx[..., ::2] = np.abs(qx[..., ::2])
    qw[::2] = np.abs(qw[::2])
    return {
        "qx": qx,
        "sx": rng.uniform(0.01, 0.03, (z.B, z.L, 1)),
        "zx": rng.integers(-60, 60, (z.B, z.L, 1)),
        "qw": qw,
        "sw": rng.uniform(0.001, 0.003, z.F),
        "b": rng.standard_normal(z.F),
    }


FORMULAS = (
    Steps(
        op="int8_linear",
        formula="int8-linear",
        signature="qx (B,L,D), sx (B,L,1), zx (B,L,1), qw (F,D), sw (F), b (F) -> y (B,L,F)",
        make=_codes,
        steps=(
            Step("acc", "(4)", lambda qx, qw: np.int64(qx) @ np.int64(qw).T),
            Step("row_sum", "(5)", lambda qw: np.int64(qw).sum(1)),
            Step("correction", "(5)", lambda zx, row_sum: zx * row_sum),
            Step("exact", "(5)", lambda acc, correction: acc - correction),
            Step("scale", "(5)", lambda sx, sw: sx * sw),
            Step("y", "(5)", lambda exact, scale, b: scale * exact + b),
        ),
        mistakes=(
            mistake(
                "sum-in-int8",
                "The products are added in int8, which wraps round at 128.",
                "NumPy multiplies int8 matrices in int8; make them int32 before.",
                acc=lambda qx, qw: qx @ qw.T,
            ),
            mistake(
                "zero-forgotten",
                "The zero points are forgotten: nothing is taken off the sums.",
                "x is about s_x (q_x - z), so that z times the row's sum of q_w must leave.",
                correction=lambda: 0,
            ),
            mistake(
                "zero-added",
                "The zero points' part is added instead of subtracted.",
                "(q_x - z) q_w^T is q_x q_w^T less z times the sum of q_w.",
                correction=lambda zx, row_sum: -zx * row_sum,
            ),
            mistake(
                "zero-subtracted-in-int8",
                "The zero points are subtracted from the codes in int8, which wraps round.",
                "q_x - z may need nine bits; make the codes int32 before.",
                exact=lambda qx, zx, qw: (
                    (np.int64(qx) - np.int64(zx)).astype(np.int8).astype(np.int64) @ np.int64(qw).T
                ),
            ),
            mistake(
                "zero-times-inputs",
                "The zero points are taken off once for each input, without the codes of w.",
                "They come in with every input's weight: times the sum of q_w.",
                correction=lambda zx, qw: zx * qw.shape[1],
            ),
            mistake(
                "row-sum-forgotten",
                "The zero point itself is taken off the sums, once.",
                "It comes in with every input's weight: times the sum of q_w.",
                correction=lambda zx: zx,
            ),
            mistake(
                "sum-of-inputs",
                "The zero points are multiplied by the sum of q_x instead of q_w.",
                "What they were multiplied with in (4) are the weights.",
                correction=lambda zx, qx: zx * total(np.int64(qx)),
            ),
            mistake(
                "sum-over-outputs",
                "The sums of q_w run over the outputs (axis 0) instead of the inputs.",
                "Each output has one sum, over the axis that the product sums over.",
                row_sum=lambda qw: np.int64(qw).sum(0),
            ),
            mistake(
                "correction-not-scaled",
                "The zero points' part is taken off after the scaling.",
                "It is a part of the integer sum, and both scales apply to it.",
                y=lambda acc, correction, scale, b: scale * acc - correction + b,
            ),
            mistake(
                "bias-scaled",
                "The bias is multiplied by the scales.",
                "It is a float, and is added after the scaling.",
                y=lambda exact, scale, b: scale * (exact + b),
            ),
            mistake(
                "bias-forgotten",
                "The bias is not added.",
                "y = x W^T + b, on int8 as well.",
                y=lambda exact, scale: scale * exact,
            ),
            mistake(
                "scale-of-x-forgotten",
                "The sums are not multiplied by the scale of x.",
                "Both factors of a product were divided by their scale.",
                scale=lambda sw: sw,
            ),
            mistake(
                "scale-of-w-forgotten",
                "The sums are not multiplied by the scale of w.",
                "Both factors of a product were divided by their scale.",
                scale=lambda sx: sx,
            ),
            mistake(
                "scales-added",
                "The scales are added instead of multiplied.",
                "A product of two codes has the product of their scales.",
                scale=lambda sx, sw: sx + sw,
            ),
            mistake(
                "sum-in-int16",
                "The products are added in int16, which wraps round at 32768.",
                "Three products may be too many for it; int32 holds 131,071.",
                acc=lambda qx, qw: np.int16(qx) @ np.int16(qw).T,
            ),
        ),
    ),
)
