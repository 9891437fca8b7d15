"""What a function may return in place of an array."""

import numpy as np


class Tensor:
    """A tensor of another library: it gives its numbers only after `detach`, as PyTorch's do."""

    def __init__(self, data, needs_gradient=True):
        self._data, self._needs_gradient = np.asarray(data), needs_gradient

    def detach(self):
        return Tensor(self._data, needs_gradient=False)

    def numpy(self):
        if self._needs_gradient:
            raise RuntimeError("this tensor needs a gradient; use tensor.detach().numpy()")
        return self._data


class Arrayed:
    """Something that NumPy can turn into an array, and that has nothing else of one."""

    def __init__(self, data):
        self._data = data

    def __array__(self, dtype=None, copy=None):
        return np.array(self._data, dtype=dtype)
