"""The int8 ops of `minibert.ops.int8` in C (csrc/int8.c): the same names, the same bits.

A weight is packed before a product reads it, and kept so where that is allowed (see `packs`). Which
instruction-set level runs is chosen once, by what the CPU has; MINIBERT_INT8_LEVEL or `use_level`
force another.
"""

import math

import numpy as np

from minibert.kernels import packs, pool
from minibert.kernels.arrays import stacked
from minibert.kernels.c_library import Levels, check, ffi, lib, read, write
from minibert.ops.packed import QRows, QTensor

# The largest sums of K products that int32 holds, for any int8: K * 128 * 128 and K * 255 * 128.
MATMUL_INPUTS = 131_071
LINEAR_INPUTS = 65_793

# What an input costs, for `pool.even_blocks`: one that is quantized, and one of a product.
_QUANTIZE, _MULTIPLY = 300, 2


LEVELS = Levels(
    "int8", lib.minibert_level_count, lib.minibert_level_name, lib.minibert_level_missing
)


def levels():
    """The instruction-set levels that exist, slowest first.

    Returns
    -------
    dict of str to (str or None)
        Why a level cannot run here; None where it can.
    """
    return dict(LEVELS.known)


def level():
    """The name of the level that runs now."""
    return LEVELS.name


def use_level(name="auto"):
    """Choose the level, for good or for a ``with`` block.

    Parameters
    ----------
    name : str
        One of `levels()`, or "auto" for the fastest that runs here.

    Raises
    ------
    ValueError
        There is no such level, or it cannot run here.
    """
    return LEVELS.use(name)


class Packed:
    """A packed int8 matrix: `at`, the C pointer to it. The layout serves every level.

    Parameters
    ----------
    qw : ndarray of int8 (N, K)
    """

    def __init__(self, qw):
        qw = np.ascontiguousarray(qw)
        self.shape = qw.shape
        self._memory = np.empty(lib.minibert_int8_packed_size(*qw.shape) + 64, np.uint8)
        start = self._memory.__array_interface__["data"][0]
        self.at = ffi.cast("char *", start + -start % 64)
        lib.minibert_int8_pack(read(qw), self.at, *qw.shape)


def packed(*weights):
    """One or several int8 matrices, one below another, as `Packed`; kept where that is allowed."""
    return packs.once("int8", weights, lambda: Packed(stacked(weights)))


def int8_matmul(qx, qw):
    """qx qw^T in int32, exact.

    Parameters
    ----------
    qx : ndarray of int8 (..., in)
    qw : ndarray of int8 (out, in)

    Returns
    -------
    ndarray of int32 (..., out)

    Raises
    ------
    TypeError, ValueError
        An argument is not int8, the shapes do not match, or int32 might overflow.

    Examples
    --------
    >>> int8_matmul(np.array([[1, 2]], np.int8), np.array([[3, 4], [-5, 6]], np.int8))
    array([[11,  7]], dtype=int32)
    """
    qx, given = _int8("qx", qx), qw
    M, N, K = _sizes("qx", qx, "qw", _int8("qw", qw), MATMUL_INPUTS)
    x, acc, weight, now = qx.reshape(M, K), np.empty((M, N), np.int32), packed(given), LEVELS.now

    def block(at):
        size = at.stop - at.start
        out = write(acc[at])
        check(lib.minibert_int8_matmul(now, read(x[at]), weight.at, out, size, N, K), LEVELS)

    _run(block, M, _MULTIPLY * N * K)
    return acc.reshape(*qx.shape[:-1], N)


def quantize_affine(x):
    """Activations to int8, each row with its own scale and zero point.

    Parameters
    ----------
    x : ndarray of float (..., in)
        Taken as float32.

    Returns
    -------
    QRows
        q int8 (..., in), scale float32 (..., 1), zero int32 (..., 1).

    Raises
    ------
    TypeError, ValueError
        x is not of floats, has no inputs, or a row is not finite (or too wide for float32).
    """
    x = _floats(x)
    rows, K = x.shape[:-1], x.shape[-1]
    M = math.prod(rows)
    x = x.reshape(M, K)
    q, scale, zero = np.empty((M, K), np.int8), np.empty(M, np.float32), np.empty(M, np.int32)
    now = LEVELS.now

    def block(at):
        size, done = at.stop - at.start, ffi.new("size_t *")
        out = map(write, (q[at], scale[at], zero[at]))
        check(lib.minibert_quantize_affine(now, read(x[at]), *out, size, K, done), LEVELS)
        _check_done(done[0], at, rows)

    _run(block, M, _QUANTIZE * K)
    return QRows(q.reshape(*rows, K), scale.reshape(*rows, 1), zero.reshape(*rows, 1))


def int8_linear_forward(x, w, b):
    """y = x W^T + b with W in int8, and x quantized on the way in.

    Parameters
    ----------
    x : ndarray of float (..., in) or QRows
    w : QTensor (out, in)
    b : ndarray (out,)

    Returns
    -------
    y : ndarray of float32 (..., out)
        The same bits as `minibert.ops.int8_linear_forward`.
    cache
        None: there is no gradient through int8.
    """
    if not isinstance(w, QTensor):
        raise TypeError(f"w is {type(w).__name__}, expected a QTensor: use quantize_symmetric(w)")
    codes = isinstance(x, QRows)
    inputs = _int8("x.q", x.q) if codes else _floats(x)
    M, N, K = _sizes("x", inputs, "w", _int8("w.q", w.q), LINEAR_INPUTS)

    def make():
        vectors = _vector("w.scale", w.scale, np.float32, N), _vector("b", b, np.float32, N)
        matrix = packed(w.q)
        return (matrix.at, *map(read, vectors)), matrix, vectors

    weight, *_alive = packs.once("int8 linear", (w, b), make)
    y, now, rows = np.empty((M, N), np.float32), LEVELS.now, inputs.shape[:-1]
    x_at, y_at = read(inputs), write(y)
    if codes:
        scale_at = read(_vector("x.scale", x.scale, np.float32, M))
        zero_at = read(_vector("x.zero", x.zero, np.int32, M))

    def block(at):
        m, size = at.start, at.stop - at.start
        here, out = x_at + m * K, y_at + m * N
        if codes:
            scales = scale_at + m, zero_at + m
            check(lib.minibert_int8_linear(now, here, *scales, *weight, out, size, N, K), LEVELS)
        else:
            done = ffi.new("size_t *")
            status = lib.minibert_int8_linear_of_floats(now, here, *weight, out, size, N, K, done)
            check(status, LEVELS)
            _check_done(done[0], at, rows)

    _run(block, M, (_MULTIPLY * N + (not codes) * _QUANTIZE) * K)
    return y.reshape(*rows, N), None


def _run(block, M, work):
    if M:
        pool.run((block, pool.row_blocks(M, work)), blas=False)


def _floats(x):
    """x as float32 without gaps."""
    x = np.asarray(x)
    if x.dtype.kind != "f":
        raise TypeError(f"x is {x.dtype}, expected floats")
    if x.ndim == 0 or x.shape[-1] == 0:
        raise ValueError(f"x has shape {x.shape}, expected (..., inputs) with at least one input")
    return np.ascontiguousarray(x, np.float32)


def _check_done(done, at, rows):
    """A ValueError where C came only so far in these rows; `rows` are the sizes of x's axes."""
    if done < at.stop - at.start:
        where = tuple(map(int, np.unravel_index(at.start + done, rows)))
        raise ValueError(f"x has a NaN, an infinity or too wide a range in row {where}")


def _int8(name, array):
    if getattr(array, "dtype", None) != np.int8:
        got = getattr(array, "dtype", type(array).__name__)
        raise TypeError(f"{name} is {got}, expected an int8 array")
    return np.ascontiguousarray(array)


def _vector(name, array, dtype, size):
    array = np.ascontiguousarray(array, dtype).ravel()
    if array.size != size:
        raise ValueError(f"{name} has {array.size} entries, expected {size}")
    return array


def _sizes(x_name, x, w_name, w, limit):
    """(rows of x, rows of w, inputs), once the shapes fit each other and int32."""
    if w.ndim != 2:
        raise ValueError(f"{w_name} has shape {w.shape}, expected (out, in)")
    if x.ndim == 0 or x.shape[-1] != w.shape[1]:
        want = f"(..., {w.shape[1]}), since {w_name} has {w.shape}"
        raise ValueError(f"{x_name} has shape {x.shape}, expected {want}")
    if w.shape[1] > limit:
        raise ValueError(f"{x_name} has {w.shape[1]} inputs; over {limit} could overflow int32")
    return math.prod(x.shape[:-1]), *w.shape
