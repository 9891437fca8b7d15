"""Reading and writing safetensors: the header first, the numbers when they are wanted."""

import json
import math
import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from minibert.interop.foreign import refuse_foreign
from minibert.text.disk import write_whole

# The types that safetensors and NumPy both have, under safetensors' names.
TYPES = {
    "BOOL": np.bool_, "U8": np.uint8, "I8": np.int8, "U16": np.uint16, "I16": np.int16,
    "F16": np.float16, "U32": np.uint32, "I32": np.int32, "F32": np.float32,
    "U64": np.uint64, "I64": np.int64, "F64": np.float64,
}  # fmt: skip
BFLOAT16 = "BF16"  # the one type that is read though NumPy does not have it
FLOATS = {BFLOAT16, *(name for name in TYPES if name.startswith("F"))}


class Stored(NamedTuple):
    """A tensor in a file, of which nothing but the header has been read."""

    path: Path
    name: str
    kind: str  # safetensors' word for the type: "F32", "I8", ...
    shape: tuple[int, ...]


def write_tensors(path, tensors, metadata):
    """Write a safetensors file under a temporary name, then rename it.

    Parameters
    ----------
    path : path
    tensors : dict of str to ndarray
    metadata : dict of str to str

    Raises
    ------
    OSError
        The file cannot be written; one that was there before stays as it was.
    """
    write_whole(path, file_bytes(tensors, metadata))


def file_bytes(tensors, metadata):
    """The bytes of a safetensors file.

    They are written by us, since the library's writer leaves files under odd names behind when it
    is interrupted, and gives the file its owner alone to read.

    Parameters
    ----------
    tensors : dict of str to ndarray
        In any memory order.
    metadata : dict of str to str

    Returns
    -------
    bytes

    Raises
    ------
    TypeError
        An array or the metadata have a type that the format does not know.
    """
    for name, a in tensors.items():
        if a.dtype.type not in TYPES.values():
            known = ", ".join(kind.__name__ for kind in TYPES.values())
            raise TypeError(f"{name} is {a.dtype}; safetensors knows {known}")
    if not all(isinstance(x, str) for pair in metadata.items() for x in pair):
        raise TypeError(f"metadata is {metadata!r:.80}; wanted texts by name")
    # The library takes the memory as it lies: anything but C order would be corrupted.
    data = save({name: np.asarray(a, order="C") for name, a in tensors.items()}, metadata or None)
    # It writes the metadata in an order of chance; ours gives equal models equal files.
    (length,) = struct.unpack("<Q", data[:8])
    header = json.dumps(json.loads(data[8 : 8 + length]), ensure_ascii=False, sort_keys=True)
    header = header.encode("utf-8")
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + memoryview(data)[8 + length :]


def read_tensors(path):
    """The arrays of a safetensors file and its metadata.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        The file is no safetensors, or was cut short, or holds a type that NumPy does not have.
    """
    stored, metadata = read_header(path)
    return read_stored(stored), metadata


def read_header(path):
    """What a safetensors file holds, its numbers left unread.

    Returns
    -------
    stored : dict of str to Stored
    metadata : dict of str to str

    Raises
    ------
    FileNotFoundError, ValueError
        See `read_tensors`; the sizes that the header tells are held against the file's.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    refuse_foreign(path)
    try:
        with safe_open(path, framework="numpy") as file:
            # `file` is no dict: it has keys(), and cannot be iterated.
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            stored = {
                name: Stored(path, name, s.get_dtype(), tuple(s.get_shape()))
                for name, s in slices.items()
            }
            return stored, file.metadata() or {}
    except (SafetensorError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not a whole safetensors file: {error}") from None


def read_stored(stored):
    """The arrays themselves, under the same keys; bfloat16 becomes float32.

    Parameters
    ----------
    stored : dict of str to Stored

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    ValueError
        A tensor has a type that NumPy does not have, or the file is larger than the memory.
    """
    for tensor in stored.values():
        if tensor.kind not in {*TYPES, BFLOAT16}:
            raise ValueError(
                f"{tensor.path}: {tensor.name} is {tensor.kind}, which NumPy does not have; save "
                "it in float32"
            )
    arrays = {}
    for path in {tensor.path for tensor in stored.values()}:
        here = {key: tensor for key, tensor in stored.items() if tensor.path == path}
        try:
            arrays |= _read(path, here)
        except MemoryError:
            raise ValueError(f"{path} is larger than the memory that is free") from None
        except (LookupError, SafetensorError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is not a whole safetensors file: {error}") from None
    return {key: arrays[key] for key in stored}


def _read(path, stored):
    """The arrays of one file."""
    bfloat16 = {key: tensor for key, tensor in stored.items() if tensor.kind == BFLOAT16}
    arrays = _read_bfloat16(path, bfloat16) if bfloat16 else {}
    with safe_open(path, framework="numpy") as file:
        others = {key: tensor for key, tensor in stored.items() if key not in bfloat16}
        return arrays | {key: file.get_tensor(tensor.name) for key, tensor in others.items()}


def _read_bfloat16(path, stored):
    """float32 arrays of bfloat16 tensors, whose bits are the upper half of a float32's."""
    arrays = {}
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        for key, tensor in stored.items():
            file.seek(8 + length + header[tensor.name]["data_offsets"][0])
            upper = np.frombuffer(file.read(2 * math.prod(tensor.shape)), "<u2")
            bits = upper.astype(np.uint32) << 16
            arrays[key] = bits.view(np.float32).reshape(tensor.shape)
    return arrays
