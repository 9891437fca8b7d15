"""Reading and writing safetensors, and holding what was read against what the model needs."""

import os
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from minibert.config import BertConfig
from minibert.model.params import parameter_shapes

# safetensors' types that NumPy has, too.
TYPES = {"BOOL", "U8", "I8", "I16", "U16", "F16", "I32", "U32", "F32", "F64", "I64", "U64"}


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
    path = Path(path)
    temporary = path.with_name(path.name + ".part")
    # safetensors writes the memory as it lies: anything but C order would be corrupted.
    contiguous = {name: np.ascontiguousarray(a) for name, a in tensors.items()}
    try:
        save_file(contiguous, temporary, metadata=metadata)
        os.replace(temporary, path)
    except SafetensorError as error:
        raise OSError(f"cannot write {path}: {error}") from None
    finally:
        temporary.unlink(missing_ok=True)


def read_tensors(path):
    """The arrays of a safetensors file and its metadata.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        The file is no safetensors, or was cut short, or holds a type that NumPy does not have.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    try:
        with safe_open(path, framework="numpy") as file:
            # `file` is no dict: it has keys(), and cannot be iterated.
            types = {name: file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118
            foreign = [f"{name} is {kind}" for name, kind in types.items() if kind not in TYPES]
            if not foreign:
                return {name: file.get_tensor(name) for name in types}, file.metadata() or {}
    except (SafetensorError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not a whole safetensors file: {error}") from None
    raise ValueError(f"{path}: {foreign[0]}, which NumPy does not have; save it in float32")


def read_config(path, values, tensors):
    """The config that a file of JSON holds, before anything is made of the size it says.

    Parameters
    ----------
    path : path
        For the message.
    values : object
        What the JSON is.
    tensors : dict of str to ndarray
        The model's; a layer has more than one, which bounds how many layers are believed.

    Raises
    ------
    ValueError
        It is not the config of a BERT.
    """
    if not isinstance(values, dict):
        raise ValueError(f"{path} holds a {type(values).__name__}, not the config of a BERT")
    n_layers = values.get("num_hidden_layers")
    if isinstance(n_layers, int) and n_layers > len(tensors):
        raise ValueError(f"{path}: num_hidden_layers is {n_layers}, with {len(tensors)} tensors")
    try:
        return BertConfig.from_dict(values)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from None


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
