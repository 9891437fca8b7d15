"""Where a model's numbers leave a reference's, and what it looks like."""

from minibert.check.trace.report import Trace
from minibert.check.trace.tracing import trace
