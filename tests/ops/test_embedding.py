"""Embeddings beyond the table: the pad row, repeated words, ids out of range, fixed positions."""

import numpy as np
import pytest

from minibert.check import assert_close, spec
from minibert.ops import quantize_symmetric, sinusoidal_positions

pytestmark = pytest.mark.quick
OPS = ("embedding",)
V, P, D = 17, 7, 5


def _tables(seed=0):
    rng = np.random.default_rng(seed)
    return tuple(rng.standard_normal((n, D)) for n in (V, P, 2))


@pytest.mark.parametrize("pad_id", [0, 4])
def test_the_pad_row_gets_no_gradient_but_its_position_does(impl, pad_id):
    ids = np.array([[5, 6, pad_id], [7, pad_id, pad_id]])
    forward, backward = impl("embedding")
    e, cache = forward(*_tables(), ids, pad_id=pad_id)
    de = np.random.default_rng(1).standard_normal(e.shape)
    dword, dposition, dsegment = backward(de, cache)
    assert not dword[pad_id].any()
    assert_close(dword[[5, 6, 7]], [de[0, 0], de[0, 1], de[1, 0]], rtol=1e-15)
    assert_close(dposition[:3], de.sum(0), rtol=1e-14)
    assert_close(dsegment, [de.sum((0, 1)), np.zeros(D)], rtol=1e-14)
    assert not dposition[3:].any()


def test_without_a_pad_id_every_row_gets_its_gradient(impl):
    ids = np.array([[0, 3, 0]])
    e, cache = impl("embedding")[0](*_tables(), ids, pad_id=None)
    dword, _, _ = impl("embedding")[1](np.ones_like(e), cache)
    assert (dword[0] == 2).all()


def test_a_word_that_occurs_often_collects_every_gradient(impl):
    ids = np.array([[3, 3, 5], [3, 5, 3]])
    e, cache = impl("embedding")[0](*_tables(), ids)
    de = np.random.default_rng(1).standard_normal(e.shape)
    dword, _, _ = impl("embedding")[1](de, cache)
    assert_close(dword[3], de[0, 0] + de[0, 1] + de[1, 0] + de[1, 2], rtol=1e-14)
    assert_close(dword[5], de[0, 2] + de[1, 1], rtol=1e-14)
    assert not dword[[n for n in range(V) if n not in (3, 5)]].any()


@pytest.mark.parametrize(("bad", "match"), [(V, "ids"), (-1, "ids")])
def test_an_id_out_of_range_is_an_error_not_a_wrong_row(impl, bad, match):
    with pytest.raises(ValueError, match=match):
        impl("embedding")[0](*_tables(), np.array([[1, bad]]))


def test_other_bad_input_is_an_error_that_names_it(impl):
    forward = impl("embedding")[0]
    with pytest.raises(ValueError, match="segments"):
        forward(*_tables(), np.array([[1, 2]]), np.array([[0, 2]]))
    with pytest.raises(ValueError, match="positions"):
        forward(*_tables(), np.ones((1, P + 1), int))
    with pytest.raises(TypeError, match="ids"):
        forward(*_tables(), np.array([[1.0, 2.0]]))


def test_int8_rows_are_the_dequantized_ones(impl):
    word, position, segment = (a.astype(np.float32) for a in _tables())
    packed = quantize_symmetric(word)
    ids = np.array([[3, 0, 16]])
    e, _ = impl("embedding")[0](packed, position, segment, ids)
    expected, _ = impl("embedding")[0](packed.dequantize(), position, segment, ids)
    assert np.array_equal(e, expected)
    assert e.dtype == np.float32


def test_sinusoidal_positions_are_the_formula():
    table = sinusoidal_positions(11, 6)
    assert_close(table, spec.sinusoidal_positions(11, 6), rtol=1e-14)
    assert_close(table[0], [0, 1, 0, 1, 0, 1], rtol=1e-15)
    dots = table @ table.T  # a pair of positions meets in cos of their distance only
    assert_close(np.diag(dots, 3), np.full(8, dots[0, 3]), rtol=1e-12)
    with pytest.raises(ValueError, match="even"):
        sinusoidal_positions(3, 5)
