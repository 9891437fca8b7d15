"""Tools that tell right from wrong, for users, tests and lessons alike.

    gradcheck, gradcheck_sweep   is this gradient right?
    compare                      how far are two arrays apart, and where
    golden                       reference outputs of every formula, by PyTorch and others
    verify                       is every formula right, in every form it has here?
    diagnose                     which mistake does somebody's function make?
    trace                        where do a model's numbers leave a reference's, and why?
    activations                  every tensor of a forward pass, by name
    spec                         every formula as loops
    printed                      the seed articles' formulas, as printed

The table of formulas is `minibert.check.cases`, that of mistakes `minibert.check.mistakes`.
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
from minibert.check.diagnose import Cause, Diagnosis, diagnose
from minibert.check.gradcheck import (
    Gradient,
    GradientCheck,
    assert_gradient,
    gradcheck,
    gradcheck_function,
)
from minibert.check.references import Golden, golden, golden_names
from minibert.check.sweep import (
    GradientSweep,
    Sweep,
    gradcheck_sweep,
    gradcheck_sweep_function,
)
from minibert.check.trace import Trace, trace
from minibert.check.verify import Report, verify

__all__ = [
    "Cause",
    "Comparison",
    "Diagnosis",
    "Golden",
    "Gradient",
    "GradientCheck",
    "GradientSweep",
    "Report",
    "Sweep",
    "Trace",
    "activations",
    "agrees",
    "assert_close",
    "assert_gradient",
    "compare",
    "diagnose",
    "golden",
    "golden_names",
    "gradcheck",
    "gradcheck_function",
    "gradcheck_sweep",
    "gradcheck_sweep_function",
    "largest_norm",
    "printed",
    "relative_error",
    "spec",
    "trace",
    "verify",
]
