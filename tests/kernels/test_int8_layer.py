"""Layers with int8 weights in one call of C: the bits of the same steps one by one.

But for attention on AMX, which is rounded to bf16 where nobody asks for its scores.
"""

import numpy as np
import pytest

from minibert import kernels as F
from minibert import ops
from minibert.ops import QTensor

from .test_layer import check_several_threads, check_the_last_alone, layer, one_layer, padding, ran

c_layer = pytest.importorskip("minibert.kernels.c_layer", exc_type=ImportError)

from minibert.kernels import c_int8, c_library  # noqa: E402

SIZES = [  # B, L, H, K, F
    (1, 1, 1, 1, 1), (1, 7, 3, 5, 11), (3, 5, 2, 3, 7), (1, 128, 12, 26, 100), (2, 64, 3, 26, 33),
    (1, 129, 2, 16, 40), (5, 67, 4, 8, 65), (2, 257, 1, 33, 31), (9, 127, 2, 13, 17),
    (40, 3, 2, 8, 63), (4, 200, 2, 32, 64),
]  # fmt: skip


@pytest.fixture(params=list(c_int8.levels()))
def level(request):
    """A level that runs here; the float32 steps run at their own best one."""
    why = c_int8.levels()[request.param]
    if why:
        pytest.skip(f"{request.param}: {why}")
    with c_int8.use_level(request.param), F.use("c"):
        yield request.param


def int8_layer(*size, **options):
    """The same with its matrices in int8."""
    return tuple(
        ops.quantize_symmetric(a) if a.ndim == 2 else a for a in layer(*size, **options)
    )


def step_by_step(args, **kwargs):
    """The result of the formula, whose steps are C's kernels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(c_layer, "_stack", lambda *_: None)
        F.RAN.clear()
        result = one_layer(args, **kwargs)
    assert "linear_forward" in F.RAN
    assert "transformer_layers" not in F.RAN
    return result


def check(args, **kwargs):
    y, scores = ran(args, **kwargs)
    expected, expected_scores = step_by_step(args, **kwargs)
    if c_int8.level() == "amx" and scores is None:  # attention is rounded to bf16
        assert np.linalg.norm(y - expected) <= 0.01 * np.linalg.norm(expected)
        return
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(scores, expected_scores)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_bits_of_its_steps(level, size):
    B, L, H, *_ = size
    args = int8_layer(*size)
    check(args, heads=H, eps=1e-3)
    check(args, heads=H, eps=1e-3, bias=padding(B, L))
    check(args, heads=H, eps=1e-3, bias=padding(B, L), want_scores=True)


@pytest.mark.parametrize(
    "lengths", [(1,), (7,), (1, 1), (3, 40, 1, 9), (130, 2), (64,) * 5, (1,) * 40, (300, 1, 1, 1)],
    ids=str,
)  # fmt: skip
def test_packed_sequences_have_them_too(level, lengths):
    x, *weights = int8_layer(1, sum(lengths), 3, 7, 19)
    check((x[0], *weights), heads=3, eps=1e-3, offsets=np.cumsum([0, *lengths]))


@pytest.mark.parametrize("rows", [(1, 9), (2, 70), (6, 33)], ids=str)
def test_layers_of_different_widths(level, rows):
    x, *first = int8_layer(*rows, 3, 4, 10)
    _, *second = int8_layer(1, 1, 6, 4, 33, D=12, seed=1)
    stack, heads = [tuple(first), tuple(second)], (3, 6)
    F.RAN.clear()
    hidden, scores = F.transformer_layers(x, stack, heads=heads, want_scores=True)
    assert {"transformer_layers"} == F.RAN
    for i in range(2):
        args = (hidden[i - 1] if i else x, *stack[i])
        y, s = step_by_step(args, heads=heads[i], want_scores=True)
        np.testing.assert_array_equal(hidden[i], y)
        np.testing.assert_array_equal(scores[i], s)


def test_it_is_near_the_float32_layer(level):
    args = layer(2, 64, 4, 16, 128)
    expected, _ = one_layer(args, ops.transformer_layers, heads=4)
    y, _ = ran(int8_layer(2, 64, 4, 16, 128), heads=4)
    assert 1e-4 < np.linalg.norm(y - expected) / np.linalg.norm(expected) < 0.03


@pytest.mark.parametrize("size", [(1, 128, 12, 26, 100), (3, 200, 2, 8, 33), (9, 50, 2, 8, 33)])
def test_the_number_of_threads_does_not_change_a_bit(level, size, set_threads):
    B, L, H, *_ = size
    args, results = int8_layer(*size), []
    for n in (1, 2, 3, 5):
        set_threads(n)
        results += [ran(args, heads=H, bias=padding(B, L))[0] for _ in range(5)]
    assert all(np.array_equal(results[0], y) for y in results)


@pytest.mark.parametrize("B", [1, 6])
def test_what_no_layer_reads_may_be_infinite(level, B):
    x, *weights, beta2 = int8_layer(B, 9, 2, 4, 13)
    y, _ = ran((x, *weights, np.full_like(beta2, np.inf)), heads=2)
    assert np.isinf(y).all()


@pytest.mark.parametrize("N", [1, 2, 3])
@pytest.mark.parametrize("B", [1, 6])
def test_the_last_hidden_state_alone(level, B, N):
    x, *weights = int8_layer(B, 9, 2, 4, 13)
    check_the_last_alone(x, [tuple(weights)] * N, heads=[2] * N)


@pytest.mark.parametrize("B", [1, 6])
def test_several_threads_of_the_user_at_once(level, B, set_threads):
    set_threads(2)
    check_several_threads(int8_layer(B, 40, 4, 8, 50), heads=4)


@pytest.mark.parametrize("B", [1, 6])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_int8_cannot_hold_is_refused(level, B, bad):
    x, *weights = int8_layer(B, 9, 2, 5, 13)
    x[-1, 3, 2] = bad
    with pytest.raises(ValueError, match=r"x has a NaN.*row \(\d, 3\)"):
        one_layer((x, *weights), heads=2)
    x[-1, 3, 2] = 1.0
    weights[11][:] = bad  # of b1: what becomes NaN or infinite is inside
    with pytest.raises(ValueError, match="x has a NaN"):
        one_layer((x, *weights), heads=2)


@pytest.mark.parametrize("kept", range(6))
def test_a_layer_partly_in_int8_goes_step_by_step(level, kept):
    args = list(int8_layer(2, 6, 3, 4, 9))
    place = (1, 3, 5, 7, 11, 13)[kept]
    args[place] = args[place].dequantize()
    F.RAN.clear()
    y, _ = one_layer(args, heads=3)
    assert "transformer_layers" not in F.RAN
    assert "linear_forward" in F.RAN
    assert np.isfinite(y).all()


def test_weights_are_packed_once_where_they_are_kept(level, monkeypatch):
    made, make = [], c_int8.Packed
    monkeypatch.setattr(c_int8, "Packed", lambda q: made.append(1) or make(q))
    args = int8_layer(1, 5, 2, 3, 7)
    with F.inference(F.Packs()):
        first = ran(args, heads=2)[0]
        assert np.array_equal(ran(args, heads=2)[0], first)
        assert len(made) == 4
    ran(args, heads=2)
    assert len(made) == 8


@pytest.mark.parametrize("spoiled", [0, 1, 2, 7, 8, 9, 11, 12, 13, 14, 15, 16])
def test_a_wrong_shape_is_refused(level, spoiled):
    args = list(int8_layer(2, 6, 3, 4, 9))
    a = args[spoiled]
    args[spoiled] = (
        QTensor(a.q[:, :-1].copy(), a.scale) if isinstance(a, QTensor) else a[..., :-1].copy()
    )
    with pytest.raises(ValueError):  # noqa: PT011  (each step has its own words)
        one_layer(args, heads=3)


def test_a_level_that_there_is_not_is_refused_by_c():
    call = c_library.ffi.new("minibert_int8_layers_call *")
    call.level = 99
    assert c_library.lib.minibert_int8_layers_forward(call) == -1
    call.level, call.float_level = 0, 99
    assert c_library.lib.minibert_int8_layers_forward(call) == -1
