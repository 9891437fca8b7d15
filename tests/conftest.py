"""What every test can use. The markers are in pyproject.toml: `quick`, `slow` and `oracle`.

- `quick`: the tests that together are the 30-second smoke run; mark the one or two of a file that
  would notice most.
- `slow`: more than 20 s. `oracle`: compares with PyTorch and others; only below tests/oracle/.

Neither of the last two runs unless asked for (`pytest -m slow`, `pytest -m oracle`).
The fixture `impl`, which gives an op at every level, is in tests/ops/conftest.py.
"""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background
    signal.signal(signal.SIGINT, signal.default_int_handler)  # or tests of Ctrl-C test nothing

if not os.environ.get("CI"):  # where hypothesis has a profile of its own, as patient as this
    settings.register_profile("patient", deadline=None)  # a busy machine is no defect
    settings.load_profile("patient")


@pytest.fixture(scope="session")
def data_dir():
    """The folder of data sets that MINIBERT_TEST_DATA names: real text, not part of the project."""
    name = os.environ.get("MINIBERT_TEST_DATA")
    if not name:
        pytest.skip("MINIBERT_TEST_DATA is not set: it names a folder of real data sets")
    folder = Path(name)
    assert folder.is_dir(), f"MINIBERT_TEST_DATA is {name!r}, which is no folder"
    return folder


@pytest.fixture(scope="session")
def fetched():
    """The folder of something that `minibert fetch` has brought, or a skip."""

    def find(name):
        home = os.environ.get("MINIBERT_HOME")
        folder = Path(home or "", name)
        if not home or not folder.is_dir():
            pytest.skip(f"{name} is not in the folder MINIBERT_HOME: run `minibert fetch {name}`")
        return folder

    return find
