"""Magnitude pruning: the smallest weights become zero (Han et al. 2015).

    (1)  mask = |W| > threshold,     W' = mask * W

The threshold is the one that leaves the wanted share of zeros, in each matrix ("layer") or in all
of them together ("global"). Zeros save bytes only in a format that leaves them out, and time only
with a kernel that skips them.

A mask is a transform of the parameters: the model runs on W', and

    (1') dW = mask * dW'
"""

import numpy as np

from minibert.model.params import layer_prefix


def magnitude_masks(params, share, *, scope="global", names=None):
    """Which weights stay.

    Parameters
    ----------
    params : dict of str to ndarray
    share : float
        Share of the weights that become zero, in [0, 1).
    scope : {"global", "layer"}
        One threshold for all matrices, or one for each.
    names : iterable of str, optional
        The matrices; by default those of the encoder's layers.

    Returns
    -------
    dict of str to ndarray of bool
        True where the weight stays.

    Examples
    --------
    >>> w = {"w": np.array([[3.0, -1.0], [0.5, -2.0]])}
    >>> magnitude_masks(w, 0.5, names=["w"])["w"]
    array([[ True, False],
           [False,  True]])
    """
    if not 0.0 <= share < 1.0:
        raise ValueError(f"share is {share!r}; the share of zeros lies in [0, 1)")
    if scope not in ("global", "layer"):
        raise ValueError(f'scope is {scope!r}; it is "global" or "layer"')
    names = list(layer_matrices(params) if names is None else names)
    if not all(isinstance(params[name], np.ndarray) for name in names):
        raise TypeError("params holds int8 matrices; prune the float model, then quantize it")
    sizes = {name: np.abs(params[name]) for name in names}
    if scope == "global":
        everything = np.concatenate([s.reshape(-1) for s in sizes.values()])
        threshold = dict.fromkeys(names, _threshold(everything, share))
    else:
        threshold = {name: _threshold(s.reshape(-1), share) for name, s in sizes.items()}
    return {name: sizes[name] > threshold[name] for name in names}  # (1)


def masking(masks):
    """The masks as a transform: ``effective, pull = transform(params)``; ``grads = pull(grads)``.

    `pull` takes gradients of the effective parameters back to those of the parameters.
    """

    def apply(arrays):
        return arrays | {name: arrays[name] * mask for name, mask in masks.items()}

    def transform(params):
        return apply(params), apply  # (1), (1')

    return transform


def layer_matrices(params):
    """The names of the weight matrices in the encoder's layers."""
    prefix = layer_prefix("")[:-1]
    return [n for n, p in params.items() if n.startswith(prefix) and len(p.shape) == 2]


def sparsity(params, names=None):
    """Share of exact zeros among the weights of these matrices."""
    names = layer_matrices(params) if names is None else names
    total = sum(params[name].size for name in names)
    return sum(int((params[name] == 0).sum()) for name in names) / total


def _threshold(sizes, share):
    """The k-th smallest size, so that k of them are not above it."""
    k = round(share * len(sizes))
    return -np.inf if k == 0 else np.partition(sizes, k - 1)[k - 1]
