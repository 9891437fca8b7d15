"""int8: the right formulas are the library's, which computes in float32."""

import numpy as np
import pytest

from minibert.check.compare import assert_close
from minibert.check.mistakes import int8_linear, quantizers
from minibert.check.structure import cast
from minibert.ops import (
    QRows,
    QTensor,
    int8_linear_forward,
    quantize_affine,
    quantize_symmetric,
)

FORMULAS = quantizers.FORMULAS + int8_linear.FORMULAS


def _symmetric(w):
    packed = quantize_symmetric(w)
    return packed.q, packed.scale


def _linear(qx, sx, zx, qw, sw, b):
    return int8_linear_forward(QRows(qx, sx, zx), QTensor(qw, sw), b)[:1]


LIBRARY = {
    "quantize_symmetric": _symmetric,
    "quantize_affine": quantize_affine,
    "int8_linear": _linear,
}


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("steps", FORMULAS, ids=lambda steps: steps.op)
def test_right_formulas_are_the_librarys(steps, seed):
    for case, inputs in steps.draw(seed):
        expected = LIBRARY[steps.op](**cast(inputs, np.float32))
        for dtype in (np.float64, np.float32):
            got = steps.run(cast(inputs, dtype))
            for (name, _), array, right in zip(steps.outputs, got, expected, strict=True):
                rtol = 0 if name in ("q", "zero") else 1e-6
                assert_close(array, right, name=f"{case}, {name}", rtol=rtol)
