"""The C kernels give the bits of the NumPy formulas, at every instruction-set level."""

import os
import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minibert import kernels, ops
from minibert.ops import QRows, QTensor

c_int8 = pytest.importorskip(
    "minibert.kernels.c_int8", reason="the C extension was not built", exc_type=ImportError
)

from minibert.kernels import c_library  # noqa: E402
from minibert.kernels.c_library import NULL  # noqa: E402

LENGTHS = [1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 127, 129]
ROWS = [(1, 1), (2, 3), (3, 5), (4, 4), (5, 7), (64, 2), (67, 13)]


@pytest.fixture(params=list(c_int8.levels()))
def level(request):
    why = c_int8.levels()[request.param]
    if why:
        pytest.skip(f"{request.param}: {why}")
    with c_int8.use_level(request.param):
        yield request.param


def int8(rng, *shape):
    return rng.integers(-128, 128, shape, dtype=np.int8)


def assert_same(a, b):
    """The same bits, shape and type (and so 0 is not -0)."""
    assert (a.shape, a.dtype) == (b.shape, b.dtype)
    assert a.tobytes() == b.tobytes()


def check_linear(x, w, b):
    w = ops.quantize_symmetric(w)
    for ours, theirs in zip(c_int8.quantize_affine(x), ops.quantize_affine(x), strict=True):
        assert_same(ours, theirs)
    y, cache = c_int8.int8_linear_forward(x, w, b)
    assert cache is None
    assert_same(y, ops.int8_linear_forward(x, w, b)[0])
    assert_same(y, c_int8.int8_linear_forward(ops.quantize_affine(x), w, b)[0])


@pytest.mark.quick
@pytest.mark.parametrize("K", LENGTHS)
def test_matmul(level, K):
    rng = np.random.default_rng(K)
    for M, N in ROWS:
        x, w = int8(rng, M, K), int8(rng, N, K)
        assert_same(c_int8.int8_matmul(x, w), x.astype(np.int32) @ w.T.astype(np.int32))


@pytest.mark.parametrize("K", [*LENGTHS, 312, 65_793, 131_071])
@pytest.mark.parametrize("x", [-128, 127, 0])
@pytest.mark.parametrize("w", [-128, 127])
def test_matmul_at_the_extremes(level, K, x, w):
    acc = c_int8.int8_matmul(np.full((3, K), x, np.int8), np.full((2, K), w, np.int8))
    assert (acc == K * x * w).all()


@pytest.mark.parametrize("K", LENGTHS)
def test_linear(level, K):
    rng = np.random.default_rng(K)
    for M, N in ROWS:
        x = rng.normal(rng.normal(), 10 ** rng.normal(), (M, K)).astype(np.float32)
        w, b = rng.normal(size=(N, K)).astype(np.float32), rng.normal(size=N).astype(np.float32)
        check_linear(x, w, b)


def test_linear_at_the_widest(level):
    """Every term of acc - zero * row_sum as large as it gets."""
    K = c_int8.LINEAR_INPUTS
    x = QRows(
        np.array([[127], [-128]], np.int8).repeat(K, 1),
        np.ones((2, 1), np.float32),
        np.array([[-128], [127]], np.int32),
    )
    w = QTensor(np.full((1, K), -128, np.int8), np.ones(1, np.float32))
    y, _ = c_int8.int8_linear_forward(x, w, np.zeros(1, np.float32))
    assert y.ravel().tolist() == [np.float32(-255 * 128 * K), np.float32(255 * 128 * K)]


SPECIAL_ROWS = {
    "zeros": np.zeros(5),
    "minus zeros": -np.zeros(5),
    "constant": np.full(5, 3.25),
    "negative": np.array([-1.0, -2.0, -3.0, -4.0, -5.0]),
    "positive": np.array([1.0, 2.0, 3.0, 4.0, 5.0]),
    "one spike": np.array([0.0, 0.0, 1e30, 0.0, 0.0]),
    "widest": np.array([-1.7e38, 1.7e38, 1.0, 0.0, -1.0]),
    "smallest": np.array([1e-45, -1e-45, 0.0, 1e-40, -1e-39]),
    "ties": np.array([-127.5, 127.5, 0.5, 1.5, 2.5]),
}


@pytest.mark.parametrize("name", SPECIAL_ROWS)
def test_quantize_of_a_special_row(level, name):
    row = SPECIAL_ROWS[name].astype(np.float32)
    rng = np.random.default_rng(5)
    x = np.stack([rng.normal(size=5).astype(np.float32), row, np.flip(row)])
    with np.errstate(over="ignore"):
        check_linear(x, rng.normal(size=(3, 5)), np.zeros(3, np.float32))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(-(2.0**126), 2.0**126, width=32), min_size=1, max_size=40))
def test_quantize_of_any_row(values):
    x = np.array([values], np.float32)
    expected = ops.quantize_affine(x)
    for name, why in c_int8.levels().items():
        if not why:
            with c_int8.use_level(name):
                for ours, theirs in zip(c_int8.quantize_affine(x), expected, strict=True):
                    assert_same(ours, theirs)


def test_quotients_are_those_of_a_division(level):
    """On ties, beside them, and at all magnitudes."""
    rng = np.random.default_rng(10)
    scale = (2.0 ** rng.uniform(-125, 118, (200, 1))).astype(np.float32)
    halves = (rng.integers(-120, 120, (200, 64)) + np.float32(0.5)) * scale
    ends = np.concatenate([127.5 * scale, -127.5 * scale], 1).astype(np.float32)
    for roundings in range(-6, 7):
        x = np.concatenate([ends, halves * np.float32(1 + roundings * 2.0**-24)], 1)
        for ours, theirs in zip(c_int8.quantize_affine(x), ops.quantize_affine(x), strict=True):
            assert_same(ours, theirs)


def test_codes_are_clipped_where_roundings_lead_out_of_their_range(level):
    """rint(x / s) + z is -129 or 128 somewhere in these rows."""
    rng = np.random.default_rng(12)
    scale = rng.uniform(0.5, 2, (4000, 1)).astype(np.float32)
    steps = rng.integers(0, 255, (4000, 1)) + 0.5
    steps[:2000] = rng.integers(0, 3, (2000, 1)) + rng.uniform(0.5, 0.500004, (2000, 1))
    low = (-steps * scale).astype(np.float32)
    x = np.concatenate([low, low + 255 * scale, np.zeros_like(low)], 1)
    expected = ops.quantize_affine(x)
    outside = np.rint(x / expected.scale) + expected.zero
    assert (outside < -128).any()
    assert (outside > 127).any()
    for ours, theirs in zip(c_int8.quantize_affine(x), expected, strict=True):
        assert_same(ours, theirs)


def test_zero_is_exact(level):
    x = np.array([[0.0, -3.0, 7.0, 0.0]], np.float32)
    q, _, zero = c_int8.quantize_affine(x)
    assert q[0, 0] == q[0, 3] == zero[0, 0]


def test_leading_axes_and_strides(level):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(7, 5, 3, 2)).astype(np.float32).transpose(3, 2, 0, 1)[..., ::-1]
    w = rng.normal(size=(5, 11)).astype(np.float32).T
    check_linear(x, w, np.arange(22, dtype=np.float32)[::2])
    qx, qw = int8(rng, 5, 3, 2).T, int8(rng, 5, 11).T
    assert_same(c_int8.int8_matmul(qx, qw), ops.int8_matmul(qx, qw))


@pytest.mark.parametrize(("M", "N", "K"), [(0, 3, 5), (3, 0, 5), (3, 2, 0)])
def test_nothing_to_multiply(level, M, N, K):
    acc = c_int8.int8_matmul(np.zeros((M, K), np.int8), np.zeros((N, K), np.int8))
    assert_same(acc, np.zeros((M, N), np.int32))


def test_inputs_are_left_alone(level):
    rng = np.random.default_rng(2)
    x, b = rng.normal(size=(3, 5)).astype(np.float32), np.ones(2, np.float32)
    w = ops.quantize_symmetric(rng.normal(size=(2, 5)))
    for array in (x, w.q, w.scale, b):
        array.flags.writeable = False
    before = x.copy()
    c_int8.int8_linear_forward(x, w, b)
    assert_same(x, before)


def test_threads_agree(level):
    rng = np.random.default_rng(4)
    x, w = int8(rng, 211, 97), int8(rng, 13, 97)
    with ThreadPoolExecutor(4) as pool:
        parts = pool.map(lambda rows: c_int8.int8_matmul(rows, w), np.array_split(x, 8))
        assert_same(np.concatenate(list(parts)), c_int8.int8_matmul(x, w))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(level, bad):
    x = np.ones((2, 3, 5), np.float32)
    x[1, 2, 4] = bad
    with pytest.raises(ValueError, match=r"x has a NaN.*row \(1, 2\)"):
        c_int8.quantize_affine(x)
    with pytest.raises(ValueError, match=r"x has a NaN.*row \(1, 2\)"):
        c_int8.int8_linear_forward(x, ops.quantize_symmetric(np.ones((2, 5))), np.zeros(2))


def test_a_range_wider_than_float32_is_refused(level):
    with pytest.raises(ValueError, match="too wide"):
        c_int8.quantize_affine(np.array([[3e38, -3e38]], np.float32))


X, W, B = np.ones((3, 5), np.int8), np.ones((2, 5), np.int8), np.ones(2, np.float32)
LONG = np.ones((1, 131_072), np.int8)
Q = QTensor(W, np.ones(2, np.float32))


@pytest.mark.parametrize(
    ("function", "arguments", "error", "words"),
    [
        ("int8_matmul", (X.astype(np.uint8), W), TypeError, "qx is uint8"),
        ("int8_matmul", (X, W.astype(float)), TypeError, "qw is float64"),
        ("int8_matmul", (X, [[1]]), TypeError, "qw is list"),
        ("int8_matmul", (X, W[0]), ValueError, r"qw has shape \(5,\)"),
        ("int8_matmul", (X, W.T), ValueError, r"qx has shape \(3, 5\)"),
        ("int8_matmul", (LONG, LONG), ValueError, "qx has 131072 inputs"),
        ("quantize_affine", (X,), TypeError, "x is int8"),
        ("quantize_affine", (np.ones((3, 0)),), ValueError, r"x has shape \(3, 0\)"),
        ("quantize_affine", (np.float32(1),), ValueError, r"x has shape \(\)"),
        ("int8_linear_forward", (np.ones((3, 5)), W, B), TypeError, "w is ndarray"),
        ("int8_linear_forward", (X, Q, B), TypeError, "x is int8, expected floats"),
        ("int8_linear_forward", (np.ones((3, 4)), Q, B), ValueError, "x has shape"),
        ("int8_linear_forward", (np.ones((3, 5)), Q, B[:1]), ValueError, "b has 1"),
        ("use_level", ("mmx",), ValueError, "'mmx' is not one of auto, scalar"),
    ],
)
def test_bad_arguments_are_named(function, arguments, error, words):
    with pytest.raises(error, match=words):
        getattr(c_int8, function)(*arguments)


@pytest.mark.quick
def test_levels():
    known = c_int8.levels()
    arm = platform.machine() in ("aarch64", "arm64")
    assert list(known) == (["scalar", "neon"] if arm else ["scalar", "avx2", "avx512vnni", "amx"])
    assert known["scalar"] is None
    before = c_int8.level()
    with c_int8.use_level("scalar"):
        assert c_int8.level() == "scalar"
    assert c_int8.level() == before
    for name, why in known.items():
        if why:
            with pytest.raises(ValueError, match=name):
                c_int8.use_level(name)
    assert c_int8.lib.minibert_int8_matmul(99, *[NULL] * 3, 1, 1, 1) == -1
    assert c_int8.lib.minibert_int8_linear(99, *[NULL] * 7, 1, 1, 1) == -1
    assert c_int8.lib.minibert_int8_linear_of_floats(99, *[NULL] * 5, 1, 1, 1, NULL) == -1
    assert c_int8.lib.minibert_quantize_affine(99, *[NULL] * 4, 1, 1, NULL) == -1


def test_what_is_offered_to_auto():
    """Without vector instructions BLAS is faster, and C gives way unless it is asked for."""
    code = "from minibert import kernels as F; F.use('auto'); print(F.source('int8_matmul'))"
    environment = os.environ | {"MINIBERT_INT8_LEVEL": "scalar"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "c\n"
    with c_int8.use_level("scalar"), kernels.use("auto"):
        assert kernels.source("int8_matmul") != "c"
        assert kernels.source("quantize_affine") == "c"
    with c_library.FLOAT.use("scalar"), kernels.use("auto"):
        assert kernels.source("linear_forward") != "c"


def test_rows_split_over_threads():
    """Enough rows for several blocks of the pool, and a bad one found in a later block."""
    rng = np.random.default_rng(6)
    x, w = rng.normal(size=(2, 1009, 61)).astype(np.float32), rng.normal(size=(307, 61))
    check_linear(x, w, np.ones(307, np.float32))
    x[1, 1000, 60] = np.nan
    with pytest.raises(ValueError, match=r"row \(1, 1000\)"):
        c_int8.quantize_affine(x)
    with pytest.raises(ValueError, match=r"row \(1, 1000\)"):
        c_int8.int8_linear_forward(x, ops.quantize_symmetric(w), np.ones(307))


def test_level_from_the_environment():
    code = "from minibert.kernels import c_int8; print(c_int8.level())"
    for name, words in [("scalar", "scalar"), ("", c_int8.level()), ("mmx", "not one of")]:
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"MINIBERT_INT8_LEVEL": name},
            capture_output=True,
            text=True,
            check=False,
        )
        assert words in done.stdout + done.stderr


def tables(D=67, V=101):
    rng = np.random.default_rng(8)
    return [ops.quantize_symmetric(rng.normal(size=(n, D))) for n in (V, 50, 2)]


@pytest.mark.parametrize(("B", "L"), [(1, 1), (3, 7), (40, 50)])
def test_embedding(B, L):
    rng = np.random.default_rng(9)
    ids, segments = rng.integers(0, 101, (B, L)), rng.integers(0, 2, (B, L))
    for kinds in (None, segments, segments.astype(np.int32)):
        with kernels.use("c"):
            kernels.RAN.clear()
            e, cache = kernels.embedding_forward(*tables(), ids, kinds)
            assert {"embedding_forward"} == kernels.RAN
            de = rng.normal(size=e.shape)
            ours = kernels.embedding_backward(de, cache)
        expected, cache = ops.embedding_forward(*tables(), ids, kinds)
        assert_same(e, expected)
        for a, b in zip(ours, ops.embedding_backward(de, cache), strict=True):
            assert_same(a, b)


@pytest.mark.parametrize(("ids", "kinds"), [(101, 0), (-1, 0), (0, 2), (0, -1)])
def test_embedding_of_an_id_that_there_is_not(ids, kinds):
    with kernels.use("c"), pytest.raises(ValueError, match="ids"):
        kernels.embedding_forward(*tables(), np.full((1, 3), ids), np.full((1, 3), kinds))


def test_embedding_from_tables_of_both_kinds():
    word, position, segment = tables()
    ids = np.arange(6).reshape(2, 3)
    with kernels.use("c"):
        e, _ = kernels.embedding_forward(word, position.dequantize(), segment, ids)
    assert_same(e, ops.embedding_forward(word, position, segment, ids)[0])


REFUSE = """
import ctypes, struct, sys

# A filter (seccomp) that answers EPERM to arch_prctl(ARCH_REQ_XCOMP_PERM, ...) and allows all else.
steps = [
    (0x20, 0, 0, 0),  # the number of the system call
    (0x15, 0, 3, 158),  # arch_prctl?
    (0x20, 0, 0, 16),  # its first argument
    (0x15, 0, 1, 0x1023),
    (0x06, 0, 0, 0x00050001),
    (0x06, 0, 0, 0x7FFF0000),
]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(steps), ctypes.addressof(code)))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program, 0, 0):
    sys.exit("no filter")
from minibert.kernels import c_int8, c_library
print(c_int8.level(), c_library.float_level())
print(c_int8.levels()["amx"])
"""


def test_where_the_system_refuses_the_tiles():
    if why := c_int8.levels().get("amx", "there is none on this kind of processor"):
        pytest.skip(f"amx: {why}")
    done = subprocess.run(
        [sys.executable, "-c", REFUSE], capture_output=True, text=True, check=False
    )
    if "no filter" in done.stderr:
        pytest.skip("this system takes no seccomp filter")
    assert done.stdout.splitlines() == [
        "avx512vnni avx512",
        "the system does not allow AMX tiles; Linux does from 5.16 on, unless told not to",
    ]
