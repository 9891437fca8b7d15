"""A directory as Hugging Face writes it: config.json and model.safetensors.

The names are Hugging Face's own, with ``bert.`` in front in memory; a bare BertModel is saved
without it. A model whose layers differ in width keeps them under ``layer_sizes`` in config.json,
which only minibert reads.
"""

import json
from pathlib import Path

import numpy as np

from minibert.interop.tensors import check_shapes, read_config, read_tensors, write_tensors
from minibert.model import init_params, parameter_shapes
from minibert.text import write_text

CONFIG, WEIGHTS = "config.json", "model.safetensors"
PREFIX = "bert."


def read_directory(folder, head=None):
    """The parameters and the config in a directory.

    Parameters
    ----------
    folder : path
    head : {None, "classification", "mlm"}
        What the model is for; other heads' parameters are left out. A head that the file does
        not have is made new.

    Returns
    -------
    params : dict of str to ndarray
    config : BertConfig
    new : list of str
        The names of the parameters that were not in the file.

    Raises
    ------
    FileNotFoundError, ValueError
        A file is missing, broken, or does not fit the config.
    """
    folder = Path(folder)
    try:
        values = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{folder} has no {CONFIG}; give the directory that a model was saved in"
        ) from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{folder / CONFIG} is not JSON: {error}") from None
    tensors, _ = read_tensors(folder / WEIGHTS)
    tensors = {_full_name(name): a.astype(np.float32) for name, a in tensors.items()}
    classifier = tensors.get("classifier.weight")
    if classifier is not None and isinstance(values, dict) and not values.get("id2label"):
        values["id2label"] = {str(i): f"LABEL_{i}" for i in range(len(classifier))}
    config = read_config(folder / CONFIG, values, tensors)
    shapes = {name: a.shape for name, a in tensors.items()}
    body = parameter_shapes(config)
    optional = [n for n in parameter_shapes(config, head) if n not in body or "pooler" in n]
    check_shapes(folder / WEIGHTS, shapes, config, head, optional)
    new = [name for name in optional if name not in tensors]
    fresh = init_params(config, 0, head) if new else {}
    names = parameter_shapes(config, head)
    return {n: tensors[n] if n in tensors else fresh[n] for n in names}, config, new


def write_directory(folder, params, config, head=None):
    """Write config.json and model.safetensors; the inverse of `read_directory`."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    strip = len(PREFIX) if head is None else 0
    tensors = {name[strip:]: a for name, a in params.items()}
    write_tensors(folder / WEIGHTS, tensors, {"format": "pt"})
    write_text(folder / CONFIG, config.to_json())


def _full_name(name):
    bare = name.startswith(("embeddings.", "encoder.", "pooler."))
    return PREFIX + name if bare else name
