"""Tools that tell right from wrong: gradient checks, comparisons, and the loop form of every op.

For users, tests and lessons alike::

    from minibert.check import gradcheck, compare, spec
"""

from minibert.check import printed, spec
from minibert.check.activations import activations
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
from minibert.check.sweep import (
    GradientSweep,
    Sweep,
    gradcheck_sweep,
    gradcheck_sweep_function,
)
from minibert.check.trace import Trace, trace

__all__ = [
    "Comparison",
    "Gradient",
    "GradientCheck",
    "GradientSweep",
    "Sweep",
    "Trace",
    "activations",
    "agrees",
    "assert_close",
    "assert_gradient",
    "compare",
    "gradcheck",
    "gradcheck_function",
    "gradcheck_sweep",
    "gradcheck_sweep_function",
    "largest_norm",
    "printed",
    "relative_error",
    "spec",
    "trace",
]
