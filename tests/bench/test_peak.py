"""The memory probe sees what is taken and given back, in this process and in a child."""

import sys

import numpy as np
import pytest

from minibert.bench import memory
from minibert.bench.peak import Peak
from minibert.bench.run import Run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a peak is never reset")

MB = 1_000_000


def test_what_was_freed_meanwhile_counts():
    with Peak() as peak:
        for _ in range(2):
            block = np.ones(100 * MB, np.uint8)
            del block
    assert 99 * MB < peak.bytes < 115 * MB


def test_what_was_there_before_does_not():
    kept = np.ones(100 * MB, np.uint8)
    with Peak() as peak:
        small = np.ones(10 * MB, np.uint8)
    assert 9 * MB < peak.bytes < 25 * MB
    assert kept.size > small.size


def test_what_was_freed_before_is_not_used_unseen():
    blocks = [np.ones(MB, np.uint8) for _ in range(50)]
    del blocks
    with Peak() as peak:
        blocks = [np.ones(MB, np.uint8) for _ in range(20)]
    assert sum(map(len, blocks)) == 20 * MB
    assert 19 * MB < peak.bytes < 35 * MB


def test_what_is_forgotten_and_freed_does_not_count():
    with Peak() as peak:
        kept, block = np.ones(40 * MB, np.uint8), np.ones(200 * MB, np.uint8)
        del block
        peak.forget()
        np.ones(50 * MB, np.uint8)
    assert len(kept) == 40 * MB
    assert 89 * MB < peak.bytes < 105 * MB


def test_what_is_not_touched_takes_nothing():
    with Peak() as peak:
        np.empty(500 * MB, np.uint8)
    assert peak.bytes < 15 * MB


def test_an_engine_in_a_child():
    """At least the context of (1,12,1024,26), 1.3 MB, at most a few of scores, 50 MB each."""
    found = memory.measure(Run(threads=1, quick=True), "attention", 1024)
    assert list(found) == ["minibert"]
    assert 1.0 < found["minibert"].median < 260
    assert found["minibert"].runs == 1
