"""cffi build script of the extension `minibert._c`; setup.py names `ffibuilder`.

The extension is optional: without a compiler, or without Python's headers, the package installs
without it and NumPy does the work. MINIBERT_REQUIRE_C=1 makes a failed build fatal.
"""

import os
import sys

from cffi import FFI

SOURCES = ["int8.c", "panel_scalar.c", "panel_avx2.c", "panel_avx512vnni.c"]
HEADERS = ["int8.h", "panel.h"]

# Contraction would fuse the dequantizing multiply and add: other bits than NumPy's. The vectorizer
# serves the plain loops; the rest of -O3 fills the VNNI loop with register copies.
GCC_FLAGS = [
    *("-std=c11", "-O2", "-ffp-contract=off"),
    *("-ftree-vectorize", "-fvect-cost-model=dynamic"),
]
MSVC_FLAGS = ["/O2", "/fp:precise"]

with open("csrc/int8.h", encoding="utf-8") as header:
    declarations = "".join(line for line in header if not line.startswith("#"))

ffibuilder = FFI()
ffibuilder.cdef(declarations)
ffibuilder.set_source(
    "minibert._c",
    '#include "int8.h"',
    sources=[f"csrc/{name}" for name in SOURCES],
    depends=[f"csrc/{name}" for name in HEADERS],
    include_dirs=["csrc"],
    extra_compile_args=MSVC_FLAGS if sys.platform == "win32" else GCC_FLAGS,
    optional=os.environ.get("MINIBERT_REQUIRE_C") != "1",
)
