"""The bytes of a safetensors file.

    8 bytes      the header's length, little-endian
    header       JSON: name -> type, shape, where its data begins and ends; and the metadata
    data         the arrays one after another, without gaps

Files are read by the safetensors library, which trusts nothing. Written are they here, since the
library leaves files under odd names behind when it is interrupted.
"""

import json
import struct

import numpy as np

TYPES = {
    "BOOL": np.bool_, "U8": np.uint8, "I8": np.int8, "U16": np.uint16, "I16": np.int16,
    "F16": np.float16, "U32": np.uint32, "I32": np.int32, "F32": np.float32,
    "U64": np.uint64, "I64": np.int64, "F64": np.float64,
}  # fmt: skip
_NAMES = {np.dtype(kind): name for name, kind in TYPES.items()}


def file_chunks(arrays, metadata):
    r"""The file's bytes, in pieces of one array.

    Parameters
    ----------
    arrays : dict of str to ndarray
        In any memory order.
    metadata : dict of str to str

    Yields
    ------
    bytes-like

    Raises
    ------
    TypeError
        An array has a type that the format does not know, or the metadata are not all texts.

    Examples
    --------
    >>> header, data = file_chunks({"x": np.ones(3, np.int8)}, {})
    >>> header[8:], bytes(data)
    (b'{"x":{"dtype":"I8","shape":[3],"data_offsets":[0,3]}}   ', b'\x01\x01\x01')
    """
    # The widest types first: then each array begins at a multiple of its type's size.
    names = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))
    header, end = {"__metadata__": metadata} if metadata else {}, 0
    for name in names:
        a = arrays[name]
        kind = _NAMES.get(a.dtype.newbyteorder("="))
        if kind is None:
            raise TypeError(f"{name} is {a.dtype}; safetensors knows {', '.join(map(str, _NAMES))}")
        header[name] = {"dtype": kind, "shape": a.shape, "data_offsets": [end, end + a.nbytes]}
        end += a.nbytes
    if not all(isinstance(text, str) for pair in metadata.items() for text in pair):
        raise TypeError(f"metadata is {metadata!r:.80}; wanted texts, in a dict")
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)
    yield struct.pack("<Q", len(text)) + text
    for name in names:
        yield np.ascontiguousarray(arrays[name], arrays[name].dtype.newbyteorder("<")).data
