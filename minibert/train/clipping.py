"""Gradient clipping: keep the direction of a gradient, bound its length.

With ||g|| the Euclidean norm over all the entries concerned:

    c = min(1, max_norm / (||g|| + 1e-6))                  (1)
    g = c g                                                (2)

*Global* clipping takes one norm over all parameters (Pascanu et al. 2013, Algorithm 1; the 1e-6
and the form of (1) are those of PyTorch's `clip_grad_norm_`). *Per-parameter* clipping, as in
BertAdam, takes (1) and (2) for each parameter alone; the direction of the whole gradient then
changes.
"""

import math

from minibert.train.sweep import squares


def norm(x):
    """Euclidean norm of all entries of one array; the same bits for any number of threads.

    Parameters
    ----------
    x : ndarray
        Any shape.

    Returns
    -------
    float
        NaN or infinity only if x holds one.

    Examples
    --------
    >>> import numpy as np
    >>> norm(np.array([[3.0], [4.0]]))
    5.0
    """
    return math.sqrt(squares([x])[0])


def global_norm(grads):
    """Norm of all gradients taken together.

    Parameters
    ----------
    grads : dict of str to ndarray
        None stands for "no gradient" and counts as zero.

    Returns
    -------
    float

    Examples
    --------
    >>> import numpy as np
    >>> global_norm({"w": np.array([3.0]), "b": np.array([4.0]), "unused": None})
    5.0
    """
    return math.sqrt(sum(squares([g for g in grads.values() if g is not None])))


def clip_factor(norm, max_norm):
    """The c of (1).

    Parameters
    ----------
    norm : float
        ||g||.
    max_norm : float or None
        None does not clip.

    Returns
    -------
    float
        In (0, 1].

    Examples
    --------
    >>> clip_factor(0.5, 1.0)
    1.0
    >>> round(clip_factor(4.0, 1.0), 6)
    0.25
    """
    return 1.0 if max_norm is None else min(1.0, max_norm / (norm + 1e-6))  # (1)


def clip_global(grads, max_norm):
    """Scale all gradients by one factor so that their global norm is at most `max_norm`.

    Parameters
    ----------
    grads : dict of str to ndarray or None
    max_norm : float or None

    Returns
    -------
    clipped : dict
        New arrays; `grads` is left as it is.
    norm : float
        The global norm before clipping.
    """
    length = global_norm(grads)
    c = clip_factor(length, max_norm)
    return {k: None if g is None else g * c for k, g in grads.items()}, length  # (2)


def clip_each(grads, max_norm):
    """Scale each gradient on its own so that its norm is at most `max_norm`.

    Parameters
    ----------
    grads : dict of str to ndarray or None
    max_norm : float or None

    Returns
    -------
    clipped : dict
        New arrays; `grads` is left as it is.
    norms : dict of str to float
        Each norm before clipping.
    """
    given = {k: g for k, g in grads.items() if g is not None}
    norms = {k: math.sqrt(s) for k, s in zip(given, squares(given.values()), strict=True)}
    clipped = {
        k: None if g is None else g * clip_factor(norms[k], max_norm)  # (2)
        for k, g in grads.items()
    }
    return clipped, norms
