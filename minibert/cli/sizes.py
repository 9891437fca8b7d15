"""What a model is made of: parameters, bytes and zeros, part by part."""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minibert.eval import encoder_flops
from minibert.model import parameter_shapes
from minibert.ops import QTensor

EMBEDDINGS = {
    "word_embeddings": "word embeddings",
    "position_embeddings": "position embeddings",
    "token_type_embeddings": "segment embeddings",
    "LayerNorm": "embedding LayerNorm",
}
LAYER = re.compile(r"bert\.encoder\.layer\.(\d+)\.(attention|intermediate|output)\.")


class Part(NamedTuple):
    """Some of a model's parameters."""

    part: str
    size: str  # "12 heads of 26"; "" where the numbers below tell it
    parameters: int
    bytes: int  # in memory
    zeros: int | None  # None where there are only shapes


def parts(config, head, params=None):
    """The parts of a model in the order of the computation.

    Parameters
    ----------
    config : BertConfig
    head : str or None
    params : dict of str to ndarray or QTensor, optional
        Without them: what a float32 model of this shape would be.

    Returns
    -------
    list of Part

    Examples
    --------
    >>> from minibert.config import preset
    >>> found = parts(preset("tinybert-4l-312"), None)
    >>> sum(p.parameters for p in found), sum(p.parameters for p in found if p.part != "pooler")
    (14350248, 14252592)
    """
    rows = {}
    shapes = parameter_shapes(config, head)
    for name in shapes if params is None else params:
        part, size = _part(name, config)
        shape = shapes[name] if params is None else params[name].shape
        n = int(np.prod(shape))
        n_bytes, zeros = (4 * n, None) if params is None else _weigh(params[name])
        old = rows.get(part, Part(part, size, 0, 0, None if params is None else 0))
        rows[part] = old._replace(
            parameters=old.parameters + n,
            bytes=old.bytes + n_bytes,
            zeros=None if zeros is None else old.zeros + zeros,
        )
    return list(rows.values())


def _weigh(p):
    """Bytes of a parameter, and how many of its numbers are zero."""
    values = p.q if isinstance(p, QTensor) else p
    return p.nbytes, int(values.size - np.count_nonzero(values))


def _part(name, config):
    """The part that a parameter belongs to, and the part's size in words."""
    for key, part in EMBEDDINGS.items():
        if name.startswith(f"bert.embeddings.{key}"):
            return part, ""
    if found := LAYER.match(name):
        size = config.layers[int(found[1])]
        if found[2] == "attention":
            return f"layer {found[1]} attention", f"{size.heads} heads of {size.head_size}"
        return f"layer {found[1]} feed-forward", f"{size.ffn} neurons"
    return ("pooler", "") if name.startswith("bert.pooler") else ("head", "")


def summarize(config, head, length, params=None, tokenizer=None):
    """Everything that `minibert summary` tells, as plain values.

    Parameters
    ----------
    config : BertConfig
    head : str or None
    length : int
        Tokens of the text whose FLOPs are counted.
    params, tokenizer
        Of a model; None for a mere architecture.

    Returns
    -------
    dict
    """
    if not 1 <= length <= config.positions:
        raise ValueError(f"--length is {length}; the model takes 1 to {config.positions} tokens")
    found = parts(config, head, params)
    total = sum(p.parameters for p in found)
    is_int8 = params is not None and any(isinstance(p, QTensor) for p in params.values())
    summary = {
        "head": head,
        "layers": config.n_layers,
        "hidden": config.hidden,
        "positions": config.positions,
        "vocabulary": config.vocab,
        "labels": list(config.label_names()) if head in ("classification", "tokens") else [],
        "weights": "int8" if is_int8 else "float",
        "parts": [p._asdict() for p in found],
        "parameters": total,
        "parameters_without_pooler": total - sum(
            p.parameters for p in found if p.part == "pooler"
        ),
        "bytes_in_memory": sum(p.bytes for p in found),
        "zeros": None if params is None else sum(p.zeros for p in found),
        "length": length,
        "flops": encoder_flops(config, length),
    }
    if tokenizer is not None:
        summary["tokenizer"] = {"tokens": len(tokenizer), **tokenizer.settings}
    return summary


def bytes_on_disk(path):
    """Bytes of a file, or of all files in a directory."""
    path = Path(path)
    files = [path] if path.is_file() else [f for f in path.iterdir() if f.is_file()]
    return sum(file.stat().st_size for file in files)
