"""cffi build script of the extension `minibert._c`; setup.py names `ffibuilder`.

The extension is optional: without a compiler, or without Python's headers, the package installs
without it and NumPy does the work. MINIBERT_REQUIRE_C=1 makes a failed build fatal.
"""

import os
import sys
from pathlib import Path

from cffi import FFI

INT8 = [f"int8_{level}.c" for level in ("scalar", "neon", "avx2", "avx512vnni", "amx")]
FLOAT = ["float32.c", "float_scalar.c", "float_avx2.c", "float_avx512.c", "float_amx.c"]
OTHERS = ["sequences.c", "attention_amx.c", "layer.c", "int8_layer.c", "embedding.c"]
SOURCES = ["int8.c", *INT8, *FLOAT, *OTHERS]

# Contraction would fuse the dequantizing multiply and add: other bits than NumPy's; where fused
# operations are wanted they are written. Nobody reads errno or floating-point exceptions. The
# vectorizer serves the plain loops; the rest of -O3 fills the VNNI loop with register copies.
GCC_FLAGS = [
    *("-std=c11", "-O2", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"),
    *("-ftree-vectorize", "-fvect-cost-model=dynamic"),
]
MSVC_FLAGS = ["/O2", "/fp:precise"]

ffibuilder = FFI()
for name in ("float32.h", "int8.h"):
    lines = Path("csrc", name).read_text(encoding="utf-8").splitlines()
    ffibuilder.cdef("\n".join(line for line in lines if not line.startswith("#")))
ffibuilder.set_source(
    "minibert._c",
    '#include "float32.h"\n#include "int8.h"',
    sources=[f"csrc/{name}" for name in SOURCES],
    depends=[str(path) for kind in ("h", "inc") for path in sorted(Path("csrc").glob(f"*.{kind}"))],
    include_dirs=["csrc"],
    extra_compile_args=MSVC_FLAGS if sys.platform == "win32" else GCC_FLAGS,
    optional=os.environ.get("MINIBERT_REQUIRE_C") != "1",
)
