"""Reading and writing safetensors, and holding what was read against what the model needs."""

import os
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from minibert.model.params import parameter_shapes


def write_tensors(path, tensors, metadata):
    """Write a safetensors file under a temporary name, then rename it.

    Parameters
    ----------
    path : path
    tensors : dict of str to ndarray
    metadata : dict of str to str
    """
    path = Path(path)
    temporary = path.with_name(path.name + ".part")
    # safetensors writes the memory as it lies: anything but C order would be corrupted.
    contiguous = {name: np.ascontiguousarray(a) for name, a in tensors.items()}
    try:
        save_file(contiguous, temporary, metadata=metadata)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_tensors(path):
    """The arrays of a safetensors file and its metadata.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        The file is no safetensors, or was cut short.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            return {name: file.get_tensor(name) for name in file.keys()}, metadata
    except (SafetensorError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not a whole safetensors file: {error}") from None


def check_shapes(path, found, config, head, optional=()):
    """Hold the names and shapes of what was read against what the config says.

    Parameters
    ----------
    path : path
        For the message.
    found : dict of str to tuple of int
    config : BertConfig
    head : {None, "classification", "mlm"}
    optional : iterable of str
        Names that may be missing.

    Raises
    ------
    ValueError
        A parameter is missing or has another shape; the message lists all of them.
    """
    wanted = parameter_shapes(config, head)
    missing = [name for name in wanted if name not in found and name not in optional]
    shapes = [
        f"{name} is {tuple(found[name])}, wanted {shape}"
        for name, shape in wanted.items()
        if name in found and tuple(found[name]) != shape
    ]
    if missing or shapes:
        problems = [f"missing: {', '.join(missing)}"] if missing else []
        raise ValueError(f"{path} does not fit its config: {'; '.join(problems + shapes)}")
