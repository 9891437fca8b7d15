"""The int8 kernels at odd sizes, without a test runner: for valgrind, which has no AVX-512.

    PYTHONMALLOC=malloc valgrind --log-file=LOG python tests/kernels/under_valgrind.py

LOG must not mention the extension.
"""

import numpy as np

from minibert import kernels as F
from minibert import ops
from minibert.kernels import c_int8, c_library

rng = np.random.default_rng(0)


def numbers(*shape):
    return rng.standard_normal(shape).astype(np.float32)


def linear(out, ins):
    return ops.quantize_symmetric(numbers(out, ins)), numbers(out)


def check_products():
    for M, N, K in [(1, 1, 1), (3, 5, 7), (65, 17, 65), (33, 33, 129), (5, 16, 64)]:
        w, b = linear(N, K)
        x = ops.quantize_affine(numbers(M, K))
        np.testing.assert_array_equal(F.int8_matmul(x.q, w.q), ops.int8_matmul(x.q, w.q))
        y, _ = F.int8_linear_forward(x, w, b)
        np.testing.assert_array_equal(y, ops.int8_linear_forward(x, w, b)[0])


def check_layers():
    D, norm = 12, (np.ones(12, np.float32), np.zeros(12, np.float32))
    feed_forward = *linear(70, D), *linear(D, 70)
    layer = *(a for _ in range(4) for a in linear(D, D)), *norm, *feed_forward, *norm
    for B, L in ((1, 5), (6, 9), (2, 70)):
        F.RAN.clear()
        bias = np.where(np.arange(L) < 3, 0.0, -1e9).astype(np.float32)[None, None, None]
        for options in ({}, {"bias": bias}, {"bias": bias, "want_scores": True}):
            x = numbers(B, L, D)
            hidden, _ = F.transformer_layers(x, [layer, layer], heads=[3, 3], **options)
            assert np.isfinite(hidden[-1]).all()
        rows = numbers(B * L, D)
        offsets = np.unique([0, B * L // 3, B * L])
        hidden, _ = F.transformer_layers(rows, [layer], heads=[3], offsets=offsets)
        assert np.isfinite(hidden[-1]).all()
        assert "transformer_layers" in F.RAN


def check_embedding():
    tables = [linear(n, 13)[0] for n in (11, 7, 2)]
    ids = rng.integers(0, 11, (3, 7))
    e, _ = F.embedding_forward(*tables, ids)
    np.testing.assert_array_equal(e, ops.embedding_forward(*tables, ids)[0])


if __name__ == "__main__":
    for name in ("scalar", "avx2"):
        if c_int8.levels()[name] or c_library.FLOAT.known[name]:
            print(f"{name}: cannot run here")
            continue
        with c_int8.use_level(name), c_library.FLOAT.use(name), F.use("c"):
            check_products()
            check_layers()
            check_embedding()
        print(f"{name}: ok")
