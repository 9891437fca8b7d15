"""A pruned model with zeros where parts were removed, so that all its layers are alike.

A head whose query, key, value and output weights are zero adds nothing to its layer, and neither
does a feed-forward neuron whose weights are zero: gelu(0) = 0. The function stays the same; what
pruning saved is given back. Other programs know one width for all layers, and can read this.
"""

import numpy as np

from minibert.config import LayerSize, with_layers
from minibert.model.block import PROJECTIONS
from minibert.model.params import layer_prefix
from minibert.ops import QTensor


def dense_params(params, config):
    """The same model with D / K heads in every layer, and one feed-forward size.

    Parameters
    ----------
    params : dict of str to ndarray
    config : BertConfig

    Returns
    -------
    params : dict of str to ndarray
        With the missing heads and neurons as zeros, behind those that are there.
    config : BertConfig
        Uniform, its feed-forward size that of the widest layer.

    Raises
    ------
    ValueError
        The heads differ in size, or do not divide the hidden size; or the model is in int8, where
        zeros among the activations would change how they are rounded.
    """
    if any(isinstance(p, QTensor) for p in params.values()):
        raise ValueError("an int8 model cannot be made dense: do it before quantizing")
    if config.is_uniform:
        return params, config
    head_size, heads = _heads(config)
    ffn = max(size.ffn for size in config.layers)
    params = dict(params)
    for i in range(config.n_layers):
        p = layer_prefix(i)
        for name in PROJECTIONS:
            _fill(params, f"{p}{name}.weight", heads * head_size, 0)
            _fill(params, f"{p}{name}.bias", heads * head_size, 0)
        _fill(params, f"{p}attention.output.dense.weight", heads * head_size, 1)
        _fill(params, f"{p}intermediate.dense.weight", ffn, 0)
        _fill(params, f"{p}intermediate.dense.bias", ffn, 0)
        _fill(params, f"{p}output.dense.weight", ffn, 1)
    return params, with_layers(config, [LayerSize(heads, head_size, ffn)] * config.n_layers)


def _heads(config):
    """The size of one head, and how many of them are as wide as the model."""
    head_sizes = sorted({size.head_size for size in config.layers})
    most, K = max(size.heads for size in config.layers), head_sizes[0]
    if len(head_sizes) > 1 or config.hidden % K or most * K > config.hidden:
        raise ValueError(
            f"cannot be made dense: the heads are of size {', '.join(map(str, head_sizes))}, up "
            f"to {most} in a layer; wanted one size, which divides hidden={config.hidden}"
        )
    return K, config.hidden // K


def _fill(params, name, size, axis):
    """Zeros behind a parameter, so that it has this size along an axis."""
    p = params[name]
    pad = [(0, size - n if i == axis else 0) for i, n in enumerate(p.shape)]
    params[name] = np.pad(p, pad)
