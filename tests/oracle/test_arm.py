"""The int8 product for Arm: compiled for it here, and run by an emulator.

Wants the extra [arm]: a compiler that knows other processors, and a processor that is none.
"""

import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.oracle
pytest.importorskip("ziglang", reason="no compiler for Arm: it is in the extra [arm]")
unicorn = pytest.importorskip("unicorn", reason="no emulator of Arm: it is in the extra [arm]")

from unicorn import arm64_const as arm  # noqa: E402

SOURCES = Path(__file__).parents[2] / "csrc"
CODE, X, W, ACC, STACK, END = (0x1000_0000 * i for i in range(1, 7))
SIZE = 1 << 24  # bytes of each
SIDE, STEP, ROOM = 16, 64, 32  # as in int8_level.h


class Arm:
    """A processor with a library in its memory."""

    def __init__(self, library):
        self.cpu = unicorn.Uc(unicorn.UC_ARCH_ARM64, unicorn.UC_MODE_ARM)
        self.cpu.ctl_set_cpu_model(arm.UC_CPU_ARM64_MAX)
        for place in (CODE, X, W, ACC, STACK, END):
            self.cpu.mem_map(place, SIZE)
        self.cpu.reg_write(arm.UC_ARM64_REG_CPACR_EL1, 3 << 20)  # vectors are allowed
        self.at = self._load(library.read_bytes())

    def _load(self, elf):
        """Put the segments of an ELF file into memory; where its functions are."""
        programs, sections = struct.unpack_from("<QQ", elf, 32)
        _, _, program_count, _, section_count, _ = struct.unpack_from("<HHHHHH", elf, 52)
        for i in range(program_count):
            at = programs + 56 * i
            kind, _, offset, address, _, size = struct.unpack_from("<IIQQQQ", elf, at)
            if kind == 1:  # to be loaded
                self.cpu.mem_write(CODE + address, elf[offset : offset + size])
        header = [
            struct.unpack_from("<IIQQQQII", elf, sections + 64 * i) for i in range(section_count)
        ]
        found = {}
        for _, kind, _, _, offset, size, link, _ in header:
            if kind == 11:  # names for others
                for entry in range(offset, offset + size, 24):
                    name, _, _, _, value, _ = struct.unpack_from("<IBBHQQ", elf, entry)
                    start = header[link][4] + name
                    found[elf[start : elf.index(b"\0", start)].decode()] = CODE + value
        return found

    def product(self, name, x, w, M, strips, steps):
        """acc of an int8_product_fn."""
        self.cpu.mem_write(X, x.tobytes())
        self.cpu.mem_write(W, w.tobytes())
        arguments = (X, W, ACC, M, strips, steps)
        for i, value in enumerate(arguments):
            self.cpu.reg_write(arm.UC_ARM64_REG_X0 + i, value)
        self.cpu.reg_write(arm.UC_ARM64_REG_SP, STACK + SIZE // 2)
        self.cpu.reg_write(arm.UC_ARM64_REG_X30, END)
        self.cpu.emu_start(self.at[name], END)
        acc = self.cpu.mem_read(ACC, 4 * M * strips * SIDE)
        return np.frombuffer(bytes(acc), np.int32).reshape(M, strips * SIDE)


@pytest.fixture(scope="module")
def processor(tmp_path_factory):
    library = tmp_path_factory.mktemp("arm") / "int8.so"
    files = [str(SOURCES / f"int8_{level}.c") for level in ("neon", "scalar")]
    subprocess.run(
        [
            *(sys.executable, "-m", "ziglang", "cc", "-target", "aarch64-linux-gnu", "-shared"),
            *("-std=c11", "-O2", "-Wall", "-Werror", f"-I{SOURCES}", *files, "-o", str(library)),
        ],
        check=True,
    )
    return Arm(library)


@pytest.mark.parametrize("level", ["neon", "scalar"])
@pytest.mark.parametrize(
    ("M", "strips", "steps"), [(1, 1, 1), (3, 2, 1), (4, 1, 3), (33, 3, 2), (64, 20, 5), (5, 2, 19)]
)
def test_the_exact_product(processor, level, M, strips, steps):
    rng = np.random.default_rng(M)
    N, K, rows = strips * SIDE, steps * STEP, -(-M // ROOM) * ROOM
    codes = rng.integers(-128, 128, (rows, K), np.int8), rng.integers(-128, 128, (N, K), np.int8)
    extremes = np.full((rows, K), -128, np.int8), np.full((N, K), -128, np.int8)
    for x, w in (codes, extremes, (codes[0], extremes[1])):
        packed = w.reshape(strips, SIDE, steps, STEP // 4, 4).transpose(0, 2, 3, 1, 4)
        acc = processor.product(f"int8_product_{level}", x, packed, M, strips, steps)
        np.testing.assert_array_equal(acc, x[:M].astype(np.int32) @ w.T.astype(np.int32))


@pytest.mark.parametrize("system", ["linux-gnu", "macos"])
def test_every_file_compiles(system, tmp_path):
    for source in SOURCES.glob("*.c"):
        subprocess.run(
            [
                *(sys.executable, "-m", "ziglang", "cc", "-target", f"aarch64-{system}", "-c"),
                *("-std=c11", "-O2", "-Wall", "-Werror", f"-I{SOURCES}", str(source)),
                *("-o", str(tmp_path / f"{source.stem}.o")),
            ],
            check=True,
        )
