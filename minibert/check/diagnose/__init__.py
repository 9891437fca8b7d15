"""Name the mistake in somebody's function: `diagnose`."""

from minibert.check.diagnose.diagnosing import diagnose
from minibert.check.diagnose.diagnosis import Diagnosis, Mismatch
from minibert.check.diagnose.explain import Cause

__all__ = ["Cause", "Diagnosis", "Mismatch", "diagnose"]
