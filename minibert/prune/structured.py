"""Structured pruning: whole heads and feed-forward neurons, taken out of the matrices.

Importance is how much the loss would change, to first order, if the part were switched off
(Michel et al. 2019; Molchanov et al. 2017), summed over batches:

    (1)  head h:    |dL / dm_h|, m the head mask of attention, 1 everywhere
    (2)  neuron f:  |sum_j W1[f,j] dW1[f,j] + b1[f] db1[f]| + |sum_i W2[i,f] dW2[i,f]|

The removed model has smaller matrices and computes the same as one whose parts are masked; its
layers may differ in width.
"""

import numpy as np

from minibert.config import LayerSize, with_layers
from minibert.model.block import PROJECTIONS
from minibert.model.params import layer_prefix

HEAD_MASK = "attention.head_mask"


def with_head_masks(params, config):
    """The parameters and a head mask of ones in every layer, whose gradient is (1)."""
    dtype = next(iter(params.values())).dtype
    masks = {
        layer_prefix(i) + HEAD_MASK: np.ones(size.heads, dtype)
        for i, size in enumerate(config.layers)
    }
    return params | masks


def add_importance(importance, params, grads, config):
    """Add one batch's importance, in place.

    Parameters
    ----------
    importance : dict
        Empty at first; then ``("heads", i)`` -> (H,) and ``("neurons", i)`` -> (F,) for layer i.
    params, grads : dict of str to ndarray
        From a backward with `with_head_masks`.
    config : BertConfig
    """
    for i in range(config.n_layers):
        p = layer_prefix(i)
        heads = np.abs(grads[p + HEAD_MASK])  # (H,)  (1)
        into, out = f"{p}intermediate.dense", f"{p}output.dense.weight"
        w1_part = (params[f"{into}.weight"] * grads[f"{into}.weight"]).sum(1)
        b1_part = params[f"{into}.bias"] * grads[f"{into}.bias"]
        w2_part = (params[out] * grads[out]).sum(0)
        neurons = np.abs(w1_part + b1_part) + np.abs(w2_part)  # (F,)  (2)
        for key, value in ((("heads", i), heads), (("neurons", i), neurons)):
            importance[key] = importance.get(key, 0.0) + value
    return importance


def most_important(scores, n):
    """Indices of the n highest scores, in ascending order; equal scores keep their order."""
    if not 1 <= n <= len(scores):
        raise ValueError(f"n is {n}; of {len(scores)} parts between 1 and all can stay")
    return np.sort(np.argsort(-scores, kind="stable")[:n])


def remove_structures(params, config, heads, neurons):
    """A smaller model with only these heads and neurons.

    Parameters
    ----------
    params : dict of str to ndarray
    config : BertConfig
    heads, neurons : sequence of ndarray of int
        For each layer, the indices of the heads and of the feed-forward neurons that stay.

    Returns
    -------
    params : dict of str to ndarray
    config : BertConfig

    Raises
    ------
    ValueError
        The indices of a layer are not integers, ascending, and within its size.
    """
    _check_kept("heads", heads, [size.heads for size in config.layers])
    _check_kept("neurons", neurons, [size.ffn for size in config.layers])
    params = dict(params)
    sizes = []
    for i, size in enumerate(config.layers):
        p = layer_prefix(i)
        columns = np.arange(size.heads * size.head_size).reshape(size.heads, -1)
        columns = columns[heads[i]].reshape(-1)  # the head's places in the joined context
        for name in PROJECTIONS:
            _take(params, f"{p}{name}.weight", columns, 0)
            _take(params, f"{p}{name}.bias", columns, 0)
        _take(params, f"{p}attention.output.dense.weight", columns, 1)
        _take(params, f"{p}intermediate.dense.weight", neurons[i], 0)
        _take(params, f"{p}intermediate.dense.bias", neurons[i], 0)
        _take(params, f"{p}output.dense.weight", neurons[i], 1)
        params.pop(p + HEAD_MASK, None)
        sizes.append(LayerSize(len(heads[i]), size.head_size, len(neurons[i])))
    return params, with_layers(config, sizes)


def _check_kept(name, kept, sizes):
    if len(kept) != len(sizes):
        raise ValueError(f"{name} has {len(kept)} entries; the model has {len(sizes)} layers")
    for i, (indices, size) in enumerate(zip(kept, sizes, strict=True)):
        indices = np.asarray(indices)
        usable = indices.size and np.issubdtype(indices.dtype, np.integer)
        if not usable or indices[0] < 0 or indices[-1] >= size or (np.diff(indices) <= 0).any():
            raise ValueError(
                f"{name}[{i}] is {indices}; wanted the indices that stay, ascending, of 0 to "
                f"{size - 1} (of a mask: np.flatnonzero)"
            )


def _take(params, name, indices, axis):
    params[name] = np.ascontiguousarray(params[name].take(indices, axis))
