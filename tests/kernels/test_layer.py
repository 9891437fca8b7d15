"""The layers that C does in one call: the formula's numbers, however cut, whoever helps."""

import threading

import numpy as np
import pytest

from minibert import kernels as F
from minibert import ops
from minibert.check import assert_close
from minibert.kernels import pool

from .inputs import in_float64

BOUND = 3e-6
SIZES = [  # B, L, H, K, F
    (1, 1, 1, 1, 1), (1, 7, 3, 5, 11), (3, 5, 2, 3, 7), (1, 128, 12, 26, 100), (2, 64, 3, 26, 33),
    (1, 129, 2, 16, 40), (5, 67, 4, 8, 65), (2, 257, 1, 33, 31), (9, 127, 2, 13, 17),
]  # fmt: skip


@pytest.fixture(params=["scalar", "avx2", "avx512", "amx"])
def level(request):
    """A level of C's that runs here."""
    library = pytest.importorskip("minibert.kernels.c_library", exc_type=ImportError)
    why = library.FLOAT.known[request.param]
    if why:
        pytest.skip(why)
    with library.FLOAT.use(request.param), F.use("c"):
        yield request.param


def layer(B, L, H, K, F, D=None, seed=0):
    """x and the sixteen arrays of a layer, D numbers a token, or as many as its heads have."""
    rng, W = np.random.default_rng(seed), H * K
    D = D or W

    def f(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    def linear(out, ins):
        return f(out, ins) / np.float32(np.sqrt(ins)), f(out)

    def norm():
        return rng.uniform(0.5, 1.5, D).astype(np.float32), f(D)

    return (
        f(B, L, D), *linear(W, D), *linear(W, D), *linear(W, D), *linear(D, W), *norm(),
        *linear(F, D), *linear(D, F), *norm(),
    )  # fmt: skip


def one_layer(args, op=None, *, heads, **kwargs):
    """y and scores of a stack of one layer."""
    x, *weights = args
    (y,), (scores,) = (op or F.transformer_layers)(x, [tuple(weights)], heads=[heads], **kwargs)
    return y, scores


def ran(args, **kwargs):
    """The result, of the kernel and not the formula."""
    F.RAN.clear()
    result = one_layer(args, **kwargs)
    assert {"transformer_layers"} == F.RAN
    return result


def check(args, **kwargs):
    got = ran(args, **kwargs)
    expected = one_layer(in_float64(args), ops.transformer_layers, **in_float64(kwargs))
    for name, g, e in zip(("y", "scores"), got, expected, strict=True):
        assert (g is None) == (e is None)
        if g is not None:
            assert g.dtype == np.float32
            # one number a row is normalized to beta, whatever it was
            assert_close(g, e, name=name, rtol=BOUND, floor=1e-3)


def padding(B, L):
    keep = np.arange(L) < 1 + np.arange(B)[:, None] * (L - 1) // max(B - 1, 1)
    return np.where(keep, 0, np.finfo(np.float32).min).astype(np.float32)[:, None, None]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_it_is_within_its_bound_of_float64(level, size):
    B, L, H, *_ = size
    args = layer(*size)
    check(args, heads=H, eps=1e-3)
    check(args, heads=H, eps=1e-3, bias=padding(B, L), want_scores=True)


@pytest.mark.parametrize("rows", [(1, 9), (2, 70)], ids=str)
def test_layers_of_different_widths(level, rows):
    """The second has other heads and another inner width."""
    x, *first = layer(*rows, 3, 4, 10)
    _, *second = layer(1, 1, 6, 4, 33, D=12, seed=1)
    stack, heads = [tuple(first), tuple(second)], (3, 6)
    F.RAN.clear()
    hidden, scores = F.transformer_layers(x, stack, heads=heads, want_scores=True)
    assert {"transformer_layers"} == F.RAN
    expected = ops.transformer_layers(
        in_float64((x,))[0], [in_float64(w) for w in stack], heads=heads, want_scores=True
    )
    for got, right in zip((*hidden, *scores), (*expected[0], *expected[1]), strict=True):
        assert_close(got, right, rtol=2 * BOUND)


@pytest.mark.parametrize(
    "lengths", [(1,), (7,), (1, 1), (3, 40, 1, 9), (130, 2), (64,) * 5], ids=str
)
def test_packed_sequences_are_too(level, lengths):
    x, *weights = layer(1, sum(lengths), 3, 7, 19)
    check((x[0], *weights), heads=3, eps=1e-3, offsets=np.cumsum([0, *lengths]))


@pytest.mark.parametrize("size", [(1, 128, 12, 26, 100), (3, 200, 2, 8, 33)], ids=str)
def test_the_number_of_threads_does_not_change_a_bit(level, size, set_threads):
    B, L, H, *_ = size
    args, results = layer(*size), []
    for n in (1, 2, 3, 5):
        set_threads(n)
        results += [ran(args, heads=H, bias=padding(B, L))[0] for _ in range(5)]
    assert all(np.array_equal(results[0], y) for y in results)


def test_where_the_pool_is_busy_the_caller_does_it_all(level, set_threads):
    set_threads(2)
    args = layer(1, 64, 3, 8, 50)
    alone, found = ran(args, heads=3)[0], []
    pool.run((lambda _: found.append(one_layer(args, heads=3)[0]), range(4)))
    assert len(found) == 4
    assert all(np.array_equal(alone, y) for y in found)


def check_the_last_alone(x, stack, **options):
    """The last hidden state is the same where the others are not wanted."""
    hidden, _ = F.transformer_layers(x, stack, **options)
    for layers in (stack, F.Kept(stack)):
        with F.inference(F.Packs()):
            for _ in range(2):
                (y,), _ = F.transformer_layers(x, layers, want_hidden=False, **options)
                assert np.array_equal(y, hidden[-1])


@pytest.mark.parametrize("N", [1, 2, 3, 4])
def test_the_last_hidden_state_alone(level, N):
    x, *weights = layer(2, 9, 2, 4, 13)
    stack = [tuple(weights), tuple(-w for w in weights)] * 2
    check_the_last_alone(x, stack[:N], heads=[2] * N)
    hidden, scores = ops.transformer_layers(x, stack[:N], heads=[2] * N, want_hidden=False)
    expected, _ = ops.transformer_layers(x, stack[:N], heads=[2] * N)
    assert len(hidden) == 1
    assert len(scores) == N
    assert np.array_equal(hidden[0], expected[-1])


def check_several_threads(args, *, heads):
    """Four threads of the user's get what one gets, again and again."""
    alone, found = ran(args, heads=heads)[0], []

    def work():
        for _ in range(20):
            found.append(one_layer(args, heads=heads)[0])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 80
    assert all(np.array_equal(alone, y) for y in found)


def test_several_threads_of_the_user_at_once(level, set_threads):
    set_threads(2)
    check_several_threads(layer(1, 96, 4, 8, 50), heads=4)


def test_weights_are_packed_once_where_they_are_kept(level, monkeypatch):
    from minibert.kernels import c_layer

    made, make = [], c_layer._Stack
    monkeypatch.setattr(c_layer, "_Stack", lambda *a: made.append(1) or make(*a))
    args = layer(1, 5, 2, 3, 7)
    with F.inference(F.Packs()):
        first = ran(args, heads=2)[0]
        assert np.array_equal(ran(args, heads=2)[0], first)
        assert len(made) == 1
        ran(args, heads=2, eps=0.1)
        assert len(made) == 2
    args[1][:] = 0.0  # changed in place: outside of the block nothing is kept
    assert not np.array_equal(ran(args, heads=2)[0], first)


def test_views_and_read_only_arrays_are_read(level):
    args = layer(2, 9, 2, 5, 13)
    expected = ran(args, heads=2)[0]
    spaced = [np.repeat(a, 2, -1)[..., ::2] for a in args]
    for a in spaced:
        a.flags.writeable = False
    assert np.array_equal(ran(spaced, heads=2)[0], expected)


@pytest.mark.parametrize(
    "options",
    [
        {"bias": np.triu(np.full((6, 6), -1e4, np.float32), 1)},  # a row of its own a query
        {"bias": np.zeros((2, 3, 1, 6), np.float32)},  # and a head
        {"bias": np.zeros((1, 2, 1, 1, 6), np.float32)[0]},
    ],
    ids=["causal", "a head", "4 axes"],
)
def test_another_bias_is_right_as_well(level, options):
    args = layer(2, 6, 3, 4, 9)
    if options["bias"].shape == (2, 1, 1, 6):
        check(args, heads=3, **options)
        return
    F.RAN.clear()
    y, _ = one_layer(args, heads=3, **options)
    assert "transformer_layers" not in F.RAN
    args, options = in_float64(args), in_float64(options)
    expected, _ = one_layer(args, ops.transformer_layers, heads=3, **options)
    assert_close(y, expected, rtol=BOUND)


def test_float64_gets_the_formula(level):
    args = in_float64(layer(2, 6, 3, 4, 9))
    y, _ = one_layer(args, heads=3)
    assert y.dtype == np.float64
    assert np.array_equal(y, one_layer(args, ops.transformer_layers, heads=3)[0])


def test_integers_of_eight_bits_are_near(level):
    x, *weights = layer(2, 6, 3, 4, 9)
    small = [ops.quantize_symmetric(w) if w.ndim == 2 else w for w in weights]
    y, _ = one_layer((x, *small), heads=3)
    expected, _ = one_layer((x, *weights), ops.transformer_layers, heads=3)
    assert 1e-4 < np.linalg.norm(y - expected) / np.linalg.norm(expected) < 0.1


def test_a_swapped_op_is_reached_inside(level):
    args = layer(1, 4, 2, 3, 5)
    usual = one_layer(args, heads=2)[0]
    with F.swap(gelu_forward=lambda x: (np.maximum(x, 0), x)):
        assert F.source("transformer_layers") == "numpy"
        assert not np.allclose(one_layer(args, heads=2)[0], usual)
    assert np.array_equal(one_layer(args, heads=2)[0], usual)


@pytest.mark.parametrize("spoiled", [0, 1, 2, 7, 8, 9, 11, 12, 13, 14, 15, 16])
def test_a_wrong_shape_is_refused_as_by_the_formula(level, spoiled):
    args = list(layer(2, 6, 3, 4, 9))
    args[spoiled] = args[spoiled][..., :-1].copy()
    with pytest.raises(Exception) as expected:  # noqa: PT011  (whatever it is)
        one_layer(args, ops.transformer_layers, heads=3)
    with pytest.raises(expected.type):
        one_layer(args, heads=3)


def test_nan_and_infinity_stay_in_their_sequence(level):
    x, *weights = layer(3, 40, 2, 8, 20)
    clean = ran((x, *weights), heads=2)[0]
    x[1, 3, 2], x[1, 30, 5] = np.nan, np.inf
    y = ran((x, *weights), heads=2)[0]
    assert np.array_equal(y[[0, 2]], clean[[0, 2]])
    assert np.isnan(y[1, 3]).all()
