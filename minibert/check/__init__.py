"""Tools that tell right from wrong: gradient checks, comparisons, and the loop form of every op.

For users, tests and lessons alike::

    from minibert.check import gradcheck, compare, spec
"""

from minibert.check import spec
from minibert.check.compare import (
    Comparison,
    agrees,
    assert_close,
    compare,
    largest_norm,
    relative_error,
)
from minibert.check.gradcheck import (
    Gradient,
    GradientCheck,
    assert_gradient,
    gradcheck,
    gradcheck_function,
)

__all__ = [
    "Comparison",
    "Gradient",
    "GradientCheck",
    "agrees",
    "assert_close",
    "assert_gradient",
    "compare",
    "gradcheck",
    "gradcheck_function",
    "largest_norm",
    "relative_error",
    "spec",
]
