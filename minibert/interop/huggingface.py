"""Reading a directory as Hugging Face writes it: config.json and model.safetensors.

Names, types and shapes are read and compared first; then the weights, those alone that the model
needs.
"""

import math
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

from minibert.interop.fit import check_fit, listed, read_config
from minibert.interop.jsonfile import read_json
from minibert.interop.names import HEADS, TIED, full_names, head_of, unexpected_names
from minibert.interop.onefile import FORMAT, VOCAB, read_signed
from minibert.interop.pair import CONFIG, config_path
from minibert.interop.quantized import SCALE, as_float32, join_quantized, quantized_among
from minibert.interop.shards import read_headers
from minibert.interop.tensors import read_stored
from minibert.model import init_params, parameter_shapes
from minibert.model.params import DECODER_BIAS, POOLER
from minibert.text.disk import locked


def read_directory(folder, head=None, values=None):
    """The parameters and the config in a directory.

    Parameters
    ----------
    folder : path
    head : str or None
        What the model is for, as in `minibert.model.parameter_shapes`; other heads' parameters
        are left out. A head that the files do not have is made new.
    values : dict, optional
        What to read in the place of config.json.

    Returns
    -------
    params : dict of str to ndarray or QTensor
        float32 where the file holds float16, bfloat16 or float64.
    config : BertConfig
    new : list of str
        The names of the parameters that were not in the files.

    Raises
    ------
    FileNotFoundError, ValueError
        A file is missing, broken, or does not fit the config. No weight is read before names,
        types and shapes have been compared.

    Warns
    -----
    UserWarning
        The files hold tensors that a BERT of this config has not; they are left out.
    """
    with locked(folder, shared=True):
        return _read(folder, head, values)


def _read(folder, head, values):
    """What `read_directory` returns."""
    stored, path, found, metadata = _read_headers(folder)
    config = _config_of(folder, stored if values is None else values, found)
    wanted, body = parameter_shapes(config, head), parameter_shapes(config)
    quantized = quantized_among(path, found, wanted)
    optional = [name for name in wanted if name not in body or name.startswith(POOLER)]
    check_fit(path, found, config, head, optional, quantized)
    new = [name for name in wanted if name not in found]
    _check_size(path, wanted, new)
    known = {*wanted, *(name + SCALE for name in quantized)}
    signed = metadata.get("format") == FORMAT
    unexpected = unexpected_names(found, known | {VOCAB} if signed else known)
    if unexpected:
        message = f"{path} has more than a BERT of its config, left out: {listed(unexpected)}"
        warnings.warn(message, stacklevel=4)
    twins = {twin for twin in TIED if twin in found and DECODER_BIAS in wanted}
    used = {name: tensor for name, tensor in found.items() if name in known | twins}
    tensors = read_signed(path, found, metadata) if signed else read_stored(used)
    _check_tied(path, tensors, twins)
    params = join_quantized({name: tensors[name] for name in used}, quantized)
    fresh = init_params(config, 0, head) if new else {}
    params = {n: as_float32(params[n] if n in params else fresh[n]) for n in wanted}
    return params, config, new


def read_head(folder):
    """The head that a directory's model is for.

    Parameters
    ----------
    folder : path

    Returns
    -------
    str or None
        From the class that config.json names; else from the names of the tensors.

    Raises
    ------
    FileNotFoundError, ValueError
        See `read_directory`.
    """
    with locked(folder, shared=True):
        values, _, found, _ = _read_headers(folder)
    return head_of(_architectures(values), found)


def read_outline(folder):
    """A directory's head, as `read_head` gives it, and its config; no weight is read.

    Parameters
    ----------
    folder : path

    Returns
    -------
    head : str or None
    config : BertConfig

    Raises
    ------
    FileNotFoundError, ValueError
        See `read_directory`.
    """
    with locked(folder, shared=True):
        values, _, found, _ = _read_headers(folder)
        config = _config_of(folder, values, found)
    return head_of(_architectures(values), found), config


def _config_of(folder, values, found):
    """The config of a directory; without label names, with as many as its classifier has rows."""
    config = read_config(config_path(folder), values, found)
    if values.get("id2label"):
        return config
    return _with_classes(config, found.get("classifier.weight"))


def _read_headers(folder):
    """A directory's config as JSON, the path of its weights, name -> Stored, the metadata."""
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}; nothing is downloaded")
    if not config_path(folder).is_file():
        raise FileNotFoundError(
            f"{folder} has no {CONFIG}; give the directory that a model was saved in"
        )
    values = read_json(config_path(folder))
    known = [name for name in _architectures(values) if name in HEADS]
    path, stored, metadata = read_headers(folder, known[0] if known else "BertModel")
    return values, path, full_names(stored), metadata


def _architectures(values):
    """The classes that a config names."""
    names = values.get("architectures") if isinstance(values, dict) else None
    return [n for n in names if isinstance(n, str)] if isinstance(names, list) else []


def _with_classes(config, classifier):
    """The config with as many classes as a classifier has rows."""
    rows = classifier.shape[0] if classifier and classifier.shape else 0
    return replace(config, classes=rows) if rows else config


def _check_size(path, wanted, new):
    """Refuse a config that has more made new than the file holds."""
    size = {name: math.prod(shape) for name, shape in wanted.items()}
    made = sum(size[name] for name in new)
    if made > sum(size.values()) - made:
        raise ValueError(
            f"{path} does not fit its config: most of the model, {made:,} numbers, is not there"
        )


def _check_tied(path, tensors, twins):
    """Hold the decoder's own tensors against those it is tied to."""
    for twin in twins:
        if not np.array_equal(tensors[twin], tensors[TIED[twin]]):
            raise ValueError(
                f"{path}: {twin} differs from {TIED[twin]}; only a decoder that is tied to the "
                "word embeddings is read (tie_word_embeddings)"
            )
