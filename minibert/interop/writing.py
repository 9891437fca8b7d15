"""Writing a directory as Hugging Face does, so that transformers computes the same with it.

The names are Hugging Face's own, with ``bert.`` in front in memory; a bare BertModel is saved
without it. A model whose layers differ in width keeps them under ``layer_sizes`` in config.json,
which only minibert reads, and one in int8 keeps its matrices as in a one-file model.
"""

import json
import warnings

from minibert.interop.dense import dense_params
from minibert.interop.fit import listed
from minibert.interop.names import ARCHITECTURES, PREFIX
from minibert.interop.onefile import FORMAT, file_contents
from minibert.interop.pair import write_pair
from minibert.interop.quantized import as_float32
from minibert.model import parameter_shapes
from minibert.ops import QTensor


def write_directory(folder, params, config, head=None, *, dense=False):
    """Write config.json and model.safetensors; the inverse of `read_directory`.

    Parameters
    ----------
    folder : path
        Made if it is not there. Should the writing fail, what it held stays as it was.
    params : dict of str to ndarray or QTensor
        Arrays are written in float32; what the model does not have, such as another head's, is
        left out.
    config : BertConfig
    head : str or None
    dense : bool
        Whether to fill what pruning removed with zeros (see `dense_params`), so that transformers
        reads the model.

    Raises
    ------
    ValueError
        A parameter is missing or has another shape; or the model cannot be made dense.
    OSError
        A file cannot be written.

    Warns
    -----
    UserWarning
        transformers cannot read the model, or computes something else with it.
    """
    if dense:
        params, config = dense_params(params, config)
    wanted = parameter_shapes(config, head)
    wrong = [n for n, shape in wanted.items() if n not in params or params[n].shape != shape]
    if wrong:
        raise ValueError(f"params does not fit config and head={head!r}: {listed(wrong)}")
    params = {name: as_float32(params[name]) for name in wanted}
    values = config.to_dict() | {"architectures": [ARCHITECTURES[head][0]], "dtype": "float32"}
    quantized = any(isinstance(p, QTensor) for p in params.values())
    if quantized:
        tensors, metadata = file_contents(params, config, head)
        # transformers would take the int8 numbers for the weights; of this it says it cannot.
        values["quantization_config"] = {"format": FORMAT, "bits": 8}
    else:
        strip = len(PREFIX) if head is None else 0
        tensors, metadata = {name[strip:]: p for name, p in params.items()}, {"format": "pt"}
    if head == "span" and config.classes != 2:
        # transformers makes as many outputs as there are labels; a span has a start and an end.
        values = {k: v for k, v in values.items() if k not in ("id2label", "label2id")}
    text = json.dumps(values, ensure_ascii=False, indent=2) + "\n"
    write_pair(folder, tensors, metadata, text)
    for message in _differences(folder, config, head, quantized):
        warnings.warn(message, stacklevel=3)


def _differences(folder, config, head, quantized):
    """What transformers makes of the directory, where that is not the same model."""
    if quantized:
        yield f"{folder} is in int8: only minibert reads it"
    elif not config.is_uniform:
        yield (
            f"{folder} keeps the layers of a pruned model: only minibert reads it. With "
            "dense=True what was removed is filled with zeros, which transformers reads"
        )
    if head == "classification" and config.pooler == "tinybert":
        yield (
            f"{folder}: transformers knows no pooler 'tinybert' (a relu before the classifier) "
            "and computes other logits"
        )
