"""Other programs are seen, and we ourselves are not."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from minibert.bench.busy import Others

SPIN = "import time\nstart = time.perf_counter()\nwhile time.perf_counter() - start < {}: pass"


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="this system does not tell")
def test_a_neighbour_counts_and_we_do_not():
    """Compared with one another, since real neighbours may be there as well."""
    ours, theirs = [], []
    for _ in range(3):
        others, start = Others(), time.perf_counter()
        while time.perf_counter() - start < 0.5:
            pass
        ours.append(others.processors())
        child = subprocess.Popen([sys.executable, "-c", SPIN.format(3)])
        try:
            others = Others()
            time.sleep(0.5)
            theirs.append(others.processors())
        finally:
            child.kill()
            child.wait()
    assert min(ours) >= 0.0
    assert max(theirs) > 0.5


@pytest.mark.quick
def test_unknown_where_the_system_does_not_tell(monkeypatch):
    monkeypatch.setattr("minibert.bench.busy._worked_by_others", lambda: None)
    assert Others().processors() is None
