"""Safetensors by hand: what a stranger might send."""

import json
import struct
import tracemalloc
from contextlib import contextmanager

import numpy as np
from safetensors.numpy import load_file, save_file

from minibert.ops import QTensor


def file_of(header, data=b"", length=None):
    """The bytes of a file with this header, a JSON value or bytes."""
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def tensor(dtype="F32", shape=(1,), start=0, end=4):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}


@contextmanager
def little_memory(megabytes=5):
    """Fails if what runs inside holds more than this at any time; NumPy's arrays count."""
    tracemalloc.start()
    try:
        yield
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < megabytes * 1e6, f"{peak / 1e6:.0f} MB"


def split(raw):
    """Header and data of a file."""
    (n,) = struct.unpack("<Q", raw[:8])
    return json.loads(raw[8 : 8 + n]), raw[8 + n :]


def change_config(folder, **values):
    """Other values in a folder's config.json; None takes one out."""
    path = folder / "config.json"
    known = json.loads(path.read_text(encoding="utf-8")) | values
    path.write_text(json.dumps({k: v for k, v in known.items() if v is not None}), encoding="utf-8")


def change_tensors(folder, change):
    """Other tensors in a folder's model.safetensors."""
    path = folder / "model.safetensors"
    save_file(change(load_file(path)), path)


def assert_same(a, b):
    """The same names, types, shapes and bytes; int8 matrices and their scales too."""
    assert a.keys() == b.keys()
    for name, p in a.items():
        assert isinstance(p, QTensor) == isinstance(b[name], QTensor)
        both = [(p, b[name])]
        if isinstance(p, QTensor):
            both = [(p.q, b[name].q), (p.scale, b[name].scale)]
        for x, y in both:
            assert (x.dtype, x.shape, x.tobytes()) == (y.dtype, y.shape, y.tobytes()), name


HOSTILE = {
    "shape larger than the file": file_of({"x": tensor(shape=[10**15], end=4 * 10**15)}),
    "shape and offsets disagree": file_of({"x": tensor(shape=[10**9])}, b"0000"),
    "overflow": file_of({"x": tensor(shape=[2**62, 2**62])}, b"0000"),
    "overflow beside a zero": file_of({"x": tensor(shape=[0, 2**62], end=0)}),
    "negative shape": file_of({"x": tensor(shape=[-1])}, b"0000"),
    "offsets backwards": file_of({"x": tensor(start=4, end=0)}, b"0000"),
    "offsets outside": file_of({"x": tensor(start=100, end=104)}, b"0000"),
    "tensors overlap": file_of({"x": tensor(), "y": tensor()}, b"0000"),
    "a hole between tensors": file_of({"x": tensor(), "y": tensor(start=8, end=12)}, b"0" * 12),
    "data after the end": file_of({"x": tensor()}, b"0" * 1000),
    "unknown type": file_of({"x": tensor("F33")}, b"0000"),
    "bfloat16": file_of({"x": tensor("BF16", [2])}, b"0000"),
    "float8": file_of({"x": tensor("F8_E4M3", [4])}, b"0000"),
    "metadata is a list": file_of({"__metadata__": []}),
    "metadata is a number": file_of({"__metadata__": {"format": 3}}),
    "a tensor is a number": file_of({"x": 3}),
    "header is a list": file_of([]),
    "header is no JSON": file_of(b"{'x'}"),
    "header is not UTF-8": file_of(b"\xff" * 20),
    "header is deep": file_of(b'{"x":' * 5000),
    "header is longer than the file": file_of({}, length=1000),
    "header is huge": file_of({}, length=2**63),
    "header is larger than memory": file_of({}, length=10**12),
    "header is empty": file_of(b""),
    "empty": b"",
    "seven bytes": b"0" * 7,
    "a pickle": b"\x80\x04\x95cos\nsystem\n(S'true'\ntR.",
    "a zip, as PyTorch writes": b"PK\x03\x04" + b"0" * 100,
    "random": np.random.default_rng(0).bytes(1000),
}
