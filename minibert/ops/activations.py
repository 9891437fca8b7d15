"""tanh and relu.

    (1)  tanh: y = tanh(x)       (1') dx = dy (1 - y^2)
    (2)  relu: y = max(x, 0)     (2') dx = dy where x > 0, else 0
"""

import numpy as np


def tanh_forward(x):
    """y = tanh(x), any shape."""
    y = np.tanh(x)  # (1)
    return y, y


def tanh_backward(dy, cache):
    """dx of `tanh_forward`."""
    y = cache
    return dy * (1.0 - y * y)  # (1')


def relu_forward(x):
    """y = max(x, 0), any shape."""
    return np.maximum(x, 0), x > 0  # (2)


def relu_backward(dy, cache):
    """dx of `relu_forward`; 0 at x = 0, as in PyTorch."""
    return dy * cache  # (2')
