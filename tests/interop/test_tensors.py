"""The bytes that are written, read by the safetensors library."""

import os
import stat

import numpy as np
import pytest
from safetensors.numpy import load

from minibert.interop.tensors import TYPES, file_bytes, read_tensors, write_tensors

from .files import split


@pytest.mark.quick
@pytest.mark.parametrize("kind", TYPES)
def test_every_type(kind):
    rng = np.random.default_rng(0)
    values = rng.integers(0, 2, (3, 5)).astype(TYPES[kind])
    found = load(file_bytes({"a": values, "é\n": values[:, ::2].T}, {}))
    for name, expected in (("a", values), ("é\n", values[:, ::2].T)):
        assert found[name].dtype == expected.dtype
        np.testing.assert_array_equal(found[name], expected)


def test_arrays_are_aligned():
    """Each at a multiple of its type's size, the header included: other readers map them."""
    kinds = [np.int8, np.float64, np.uint8, np.float32, np.float16]
    arrays = {f"x{i}": np.zeros(3, kind) for i, kind in enumerate(kinds)}
    header, data = split(file_bytes(arrays, {"format": "pt"}))
    start = len(file_bytes(arrays, {"format": "pt"})) - len(data)
    for name, a in arrays.items():
        assert (start + header[name]["data_offsets"][0]) % a.itemsize == 0


def test_odd_shapes(tmp_path):
    arrays = {"scalar": np.float32(3.0), "none": np.zeros((0, 3), np.int8),
              "big": np.arange(5, dtype=">i4"), "row": np.broadcast_to(np.float64(2), (2, 3))}
    arrays = {name: np.asarray(a) for name, a in arrays.items()}
    write_tensors(tmp_path / "x", arrays, {"a": "天 \u2028"})
    found, metadata = read_tensors(tmp_path / "x")
    assert metadata == {"a": "天 \u2028"}
    for name, a in arrays.items():
        assert found[name].shape == a.shape
        np.testing.assert_array_equal(found[name], a)


def test_no_tensors(tmp_path):
    write_tensors(tmp_path / "x", {}, {})
    assert read_tensors(tmp_path / "x") == ({}, {})


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_others_may_read_it(tmp_path):
    """As much as of any other file: a temporary file's permissions would keep them out."""
    write_tensors(tmp_path / "x", {}, {})
    (tmp_path / "y").write_bytes(b"")
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == stat.S_IMODE(
        (tmp_path / "y").stat().st_mode
    )


def test_what_the_format_does_not_know(tmp_path):
    with pytest.raises(TypeError, match=r"x is complex128; safetensors knows bool_?, uint8"):
        write_tensors(tmp_path / "x", {"x": np.zeros(3, complex)}, {})
    with pytest.raises(TypeError, match=r"metadata is \{'a': 3\}; wanted texts"):
        write_tensors(tmp_path / "x", {}, {"a": 3})
    with pytest.raises(UnicodeEncodeError):
        write_tensors(tmp_path / "x", {}, {"a": "\ud800"})
    assert not list(tmp_path.iterdir())


def test_equal_models_give_equal_files():
    arrays = {name: np.arange(3.0) for name in "abc"}
    metadata = {str(i): "x" for i in range(9)}
    assert len({file_bytes(arrays, metadata) for _ in range(20)}) == 1
