"""Layer normalization (Ba, Kiros and Hinton 2016, equations 3 and 4).

Every token is normalized over its D features:

    (1)  mu = mean(x)        var = mean((x - mu)^2)      the biased variance
    (2)  xhat = (x - mu) / sigma,  sigma = sqrt(var + eps)
    (3)  y = gamma * xhat + beta

With g = dy * gamma, and remembering that mu and sigma depend on every x:

    (3') dgamma = sum of dy * xhat over tokens       dbeta = sum of dy over tokens
    (2') dx = (g - mean(g) - xhat * mean(g * xhat)) / sigma

gamma stands inside both means of (2').
"""

import numpy as np


def layernorm_forward(x, gamma, beta, eps=1e-12):
    """y = gamma * (x - mu) / sigma + beta, over the last axis.

    Parameters
    ----------
    x : ndarray (..., D)
    gamma, beta : ndarray (D,)
    eps : float
        BERT's 1e-12; PyTorch's own default is 1e-5.

    Returns
    -------
    y : ndarray (..., D)
    cache

    Examples
    --------
    >>> y, _ = layernorm_forward(np.array([1., 3.]), np.ones(2), np.zeros(2))
    >>> y
    array([-1.,  1.])
    """
    mu = x.mean(-1, keepdims=True)  # (...,1)  (1)
    centred = x - mu  # (...,D)
    var = (centred * centred).mean(-1, keepdims=True)  # (...,1)  (1)
    inv_sigma = 1.0 / np.sqrt(var + eps)  # (...,1)
    xhat = centred * inv_sigma  # (...,D)  (2)
    y = gamma * xhat + beta  # (...,D)  (3)
    return y, (xhat, inv_sigma, gamma)


def layernorm_backward(dy, cache):
    """Gradients of `layernorm_forward`.

    Returns
    -------
    dx : ndarray (..., D)
    dgamma, dbeta : ndarray (D,)
    """
    xhat, inv_sigma, gamma = cache
    tokens = tuple(range(dy.ndim - 1))
    dgamma = (dy * xhat).sum(tokens)  # (D,)  (3')
    dbeta = dy.sum(tokens)  # (D,)  (3')
    g = dy * gamma  # (...,D)
    mean_g = g.mean(-1, keepdims=True)  # (...,1)
    mean_gx = (g * xhat).mean(-1, keepdims=True)  # (...,1)
    dx = (g - mean_g - xhat * mean_gx) * inv_sigma  # (...,D)  (2')
    return dx, dgamma, dbeta
