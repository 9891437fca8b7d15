"""The golden files: inputs, dropout masks, outputs, steps and gradients that others computed.

One safetensors file a case, in the folder `golden`, so that nobody needs PyTorch to compare with
it. The names of the arrays begin with what they are::

    input.q         float32; both precisions start from the same numbers
    mask.2          bool, what dropout at site 2 keeps
    output.context  float64, as everything that the reference computed
    step.p          an intermediate step: where does somebody's own function leave the path?
    cotangent...    float32, random; for it the reference's autograd gave
    gradient.q      float64

The inputs that are no arrays (texts, a temperature, a learning rate, the rate and the seed of a
dropout) are JSON in the file's metadata, under "inputs".

manifest.json names every file with its sha256, and the versions that made them.
"""

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

from minibert.data.names import nearest_name
from minibert.interop.tensors import read_tensors

FOLDER = Path(__file__).parent / "golden"
MANIFEST = FOLDER / "manifest.json"
KINDS = ("input", "mask", "output", "step", "cotangent", "gradient")
LARGEST, LARGEST_OF_ALL = 200_000, 6_000_000  # bytes, of a file and of all: they are in the package


class Golden(NamedTuple):
    """What a golden file holds.

    Attributes
    ----------
    arrays : dict of str to ndarray
    plain : dict
        The inputs that are no arrays, by name without "input.": numbers, texts, lists and
        settings.
    source : str
        Who computed the outputs.
    versions : dict of str to str
    """

    arrays: dict
    plain: dict
    source: str
    versions: dict

    def __str__(self):
        width = max(map(len, self.arrays))
        rows = (f"{n:{width}}  {a.dtype} {a.shape}" for n, a in self.arrays.items())
        plain = (f"input.{n} = {x!r}" for n, x in self.plain.items())
        return "\n".join([f"by {self.source}", *rows, *plain])

    def part(self, kind):
        """The arrays of a kind, such as "output", under their full names."""
        if kind not in KINDS:
            raise ValueError(f"kind is {kind!r}; it is one of {', '.join(KINDS)}")
        return {n: a for n, a in self.arrays.items() if n == kind or n.startswith(f"{kind}.")}

    def masks(self):
        """The dropout masks by site."""
        return {int(name.removeprefix("mask.")): a for name, a in self.part("mask").items()}


def golden(name):
    """The reference's numbers for a case.

    Parameters
    ----------
    name : str
        Such as "layernorm" or "attention-padding"; `golden_names` lists them.

    Returns
    -------
    Golden

    Raises
    ------
    ValueError
        There is no such file, or it is not the one that the manifest was made with.

    Examples
    --------
    >>> golden("softmax").source
    'torch.softmax'
    """
    if name not in golden_names():
        near = [n for n in golden_names() if n.startswith(name)]  # a formula's cases
        hint = f"; there are {', '.join(near)}" if near else nearest_name(name, golden_names())
        raise ValueError(f"there is no golden file {name!r}{hint} (all: golden_names())")
    path = FOLDER / f"{name}.safetensors"
    if not path.is_file() or sha256(path.read_bytes()) != manifest()["files"][name]:
        raise ValueError(
            f"{path} is missing or not the file that manifest.json names: install minibert again"
        )
    arrays, metadata = read_tensors(path)
    plain = json.loads(metadata["inputs"])
    return Golden(arrays, plain, metadata["source"], manifest()["versions"])


def golden_names():
    """The names of all golden files."""
    return tuple(manifest()["files"])


@cache
def manifest():
    """The manifest: "files", sha256 by name, and "versions", what made them."""
    try:
        found = json.loads(MANIFEST.read_text(encoding="utf-8"))
        if isinstance(found["files"], dict) and isinstance(found["versions"], dict):
            return found
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        pass
    raise ValueError(f"{MANIFEST} is missing or broken: install minibert again")


def sha256(data):
    """The sha256 of bytes, in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()
