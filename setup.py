"""Builds csrc/ through cffi, which pyproject.toml cannot say; everything else is there.

A failed build is not an error (unless MINIBERT_REQUIRE_C=1): its reason is left in
minibert/_c_build.txt, where `minibert doctor` finds it.
"""

import re
import sysconfig
import tempfile
from pathlib import Path

from setuptools import setup
from setuptools.command.build_ext import build_ext

# One wheel serves every Python from 3.11 on; a free-threaded Python has no stable ABI of this kind.
WHEEL = {} if sysconfig.get_config_var("Py_GIL_DISABLED") else {"py_limited_api": "cp311"}


class BuildC(build_ext):
    """Compile anew every time, and leave the reason when it fails."""

    def run(self):
        self.force = True
        self.place = Path("minibert" if self.inplace else Path(self.build_lib, "minibert"))
        for old in (*self.place.glob("_c.*"), *self.place.glob("_c_build.txt")):
            old.unlink()  # what an earlier build left must not hide a broken compiler
        super().run()

    def build_extension(self, ext):
        try:
            super().build_extension(ext)
        except Exception as error:
            said = re.sub(r"'\['(.*?)',.*\]'", r"\1", str(error))  # of a command its first word
            headers = Path(sysconfig.get_path("include"), "Python.h")
            reason = said if headers.exists() else f"{said} (no Python headers: {headers})"
            self.place.mkdir(parents=True, exist_ok=True)
            (self.place / "_c_build.txt").write_text(reason + "\n", encoding="utf-8")
            raise  # setuptools goes on without an optional extension


# The build directory is a new one, so that nothing left over from another build is installed.
with tempfile.TemporaryDirectory(prefix="minibert-build-") as build:
    setup(
        cffi_modules=["csrc/build_c.py:ffibuilder"],
        cmdclass={"build_ext": BuildC},
        options={"build": {"build_base": build}, "bdist_wheel": WHEEL},
    )
