"""Linear layer.

    (1)  y = x W^T + b

W is (out, in), as PyTorch stores it. The backward pass is the chain rule on (1):

    (1') dx = dy W        dW = dy^T x        db = sum of dy over all rows
"""

from minibert.ops.int8 import int8_linear_forward
from minibert.ops.packed import QTensor


def linear_forward(x, w, b):
    """y = x W^T + b.

    Parameters
    ----------
    x : ndarray (..., I)
        I inputs; a `QRows` where w is int8 and x was quantized once for several products.
    w : ndarray (O, I) or QTensor
        O outputs. An int8 weight takes `int8_linear_forward`, which has no gradient.
    b : ndarray (O,)

    Returns
    -------
    y : ndarray (..., O)
    cache

    Examples
    --------
    >>> import numpy as np
    >>> y, _ = linear_forward(np.array([[1., 2.]]), np.array([[3., 4.], [5., 6.]]), np.zeros(2))
    >>> y
    array([[11., 17.]])
    """
    if isinstance(w, QTensor):
        return int8_linear_forward(x, w, b)
    y = x @ w.T + b  # (..., O)  (1)
    return y, (x, w)


def linear_backward(dy, cache):
    """Gradients of `linear_forward`.

    Returns
    -------
    dx : ndarray (..., I)
    dw : ndarray (O, I)
    db : ndarray (O,)
    """
    if cache is None:
        raise ValueError("an int8 linear layer has no gradient; train the float model instead")
    x, w = cache
    dy_rows = dy.reshape(-1, w.shape[0])  # (M,O)  all leading axes as one
    x_rows = x.reshape(-1, w.shape[1])  # (M,I)
    dx = dy @ w  # (..., I)  (1')
    dw = dy_rows.T @ x_rows  # (O,I)  (1')
    db = dy_rows.sum(0)  # (O,)  (1')
    return dx, dw, db
