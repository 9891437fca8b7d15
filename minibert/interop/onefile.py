"""One file that holds everything needed to predict: weights, config, vocabulary.

It is a safetensors file. A quantized matrix NAME is stored as ``NAME`` (int8) and ``NAME_scale``
(float32); the vocabulary as ``vocab``, its UTF-8 bytes, one token a line; the config, the
tokenizer's settings and a sha256 of all tensors in the metadata. How an instruction set wants the
weights packed is decided when they are loaded, not here.
"""

import hashlib
import json
from pathlib import Path

import numpy as np

from minibert.interop.fit import check_fit, read_config
from minibert.interop.quantized import join_quantized, quantized_among, split_quantized
from minibert.interop.tensors import read_header, read_stored, write_tensors
from minibert.text.disk import locked

FORMAT = "minibert-1"
VOCAB = "vocab"


def write_file(path, params, config, head=None, tokens=None, tokenizer=None):
    """Write a model into one file.

    Parameters
    ----------
    path : path
    params : dict of str to ndarray or QTensor
    config : BertConfig
    head : str or None
        See `minibert.model.parameter_shapes`.
    tokens : list of str, optional
        The vocabulary.
    tokenizer : dict, optional
        The tokenizer's settings.

    Raises
    ------
    ValueError
        A token holds a line end.
    OSError
        The file cannot be written.
    """
    write_tensors(path, *file_contents(params, config, head, tokens, tokenizer))


def file_contents(params, config, head=None, tokens=None, tokenizer=None):
    """The tensors and the metadata of `write_file`."""
    tensors = split_quantized(params)
    if tokens is not None:
        broken = [token for token in tokens if "\n" in token]
        if broken:
            raise ValueError(f"tokens are kept one a line, so that {broken[0]!r} cannot be kept")
        tensors[VOCAB] = np.frombuffer("\n".join(tokens).encode(), np.uint8)
    metadata = {
        "format": FORMAT,
        "head": json.dumps(head),
        "config": json.dumps(config.to_dict(), ensure_ascii=False),
        "tokenizer": json.dumps(tokenizer or {}),
        "sha256": _digest(tensors),
    }
    return tensors, metadata


def read_file(path):
    """Read what `write_file` wrote.

    Returns
    -------
    params : dict of str to ndarray or QTensor
    config : BertConfig
    head : str or None
    tokens : list of str or None
    tokenizer : dict

    Raises
    ------
    FileNotFoundError, ValueError
        The file is missing, broken, changed, not minibert's, or does not fit its own config.
    """
    with locked(Path(path).parent, shared=True):
        return _read(path)


def _read(path):
    """What `read_file` returns."""
    stored, metadata = read_header(path)
    if metadata.get("format") != FORMAT:
        raise ValueError(
            f"{path} has format {metadata.get('format')!r}, not {FORMAT!r}; a directory that "
            "Hugging Face wrote is read by from_pretrained"
        )
    try:
        values = json.loads(metadata["config"])
        head, tokenizer = json.loads(metadata["head"]), json.loads(metadata["tokenizer"])
    except (KeyError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} has unusable metadata: {error}") from None
    config = read_config(path, values, stored)
    quantized = quantized_among(path, stored)
    check_fit(path, stored, config, head, quantized=quantized)
    tensors = read_signed(path, stored, metadata)
    try:
        vocab = tensors.pop(VOCAB, None)
        tokens = None if vocab is None else vocab.tobytes().decode().split("\n")
    except ValueError as error:
        raise ValueError(f"{path} has unusable metadata: {error}") from None
    return join_quantized(tensors, quantized), config, head, tokens, tokenizer


def read_signed(path, stored, metadata):
    """All arrays of a file of this format, whose sha256 is in its metadata."""
    tensors = read_stored(stored)
    if _digest(tensors) != metadata.get("sha256"):
        raise ValueError(f"{path} was changed after it was written: its sha256 does not fit")
    return tensors


def _digest(tensors):
    """sha256 over names, types, shapes and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        a = np.ascontiguousarray(tensors[name])
        digest.update(f"{name} {a.dtype} {a.shape}\n".encode())
        digest.update(a.reshape(-1).view(np.uint8))  # the memory itself, not a copy
    return digest.hexdigest()
