"""What an optimizer of Adam's kind remembers.

For each parameter: the first moment m, the second moment v (arrays of the parameter's shape and
dtype, zero at first) and the count t of its updates.
"""

import numpy as np


class Moments:
    """m, v and t of every parameter that has been updated so far.

    Attributes
    ----------
    m, v : dict of str to ndarray
    t : dict of str to int
    """

    def __init__(self):
        self.m, self.v, self.t = {}, {}, {}

    def of(self, params, grads):
        """Check everything, then count t on and hand out the moments of each gradient.

        Parameters
        ----------
        params, grads : dict of str to ndarray
            A gradient that is None is left out.

        Returns
        -------
        list of tuple
            (name, p, g, m, v, t)

        Raises
        ------
        TypeError, ValueError
            As described by the message; nothing has been changed then.
        """
        grads = {name: g for name, g in grads.items() if g is not None}
        for name, g in grads.items():
            if name not in params:
                raise ValueError(
                    f"grads: there is no parameter {name!r}; a gradient's key is "
                    "its parameter's name"
                )
            _check_pair(name, params[name], g)
            if name in self.m and (self.m[name].shape, self.m[name].dtype) != (g.shape, g.dtype):
                raise ValueError(
                    f"params[{name!r}]: now {g.dtype} {g.shape}, but the optimizer's moments are "
                    f"{self.m[name].dtype} {self.m[name].shape}; after changing a model's size or "
                    "dtype start with a new optimizer"
                )
        for name in grads:
            p = params[name]
            if name not in self.m:
                self.m[name], self.v[name] = np.zeros(p.shape, p.dtype), np.zeros(p.shape, p.dtype)
            self.t[name] = self.t.get(name, 0) + 1
        return [
            (name, params[name], g, self.m[name], self.v[name], self.t[name])
            for name, g in grads.items()
        ]

    def state(self):
        """m, v and t as one flat dict, for a checkpoint.

        Returns
        -------
        dict of str to ndarray
            "m/NAME" and "v/NAME" are the arrays themselves, not copies: write or copy them before
            the next update. "t/NAME" is int64 of shape (1,).
        """
        out = {}
        for name, t in self.t.items():
            out[f"m/{name}"], out[f"v/{name}"] = self.m[name], self.v[name]
            out[f"t/{name}"] = np.array([t])
        return out

    def load(self, state):
        """Replace everything by copies of what `state()` gave.

        Parameters
        ----------
        state : dict of str to ndarray

        Raises
        ------
        ValueError
            For a key that is not "m/", "v/" or "t/" and a name, or a name without all three.
        """
        m, v, t = {}, {}, {}
        for key, value in state.items():
            kind, _, name = key.partition("/")
            if kind not in ("m", "v", "t") or not name:
                raise ValueError(f"state: unexpected key {key!r}; wanted m/NAME, v/NAME or t/NAME")
            {"m": m, "v": v, "t": t}[kind][name] = int(value[0]) if kind == "t" else np.array(value)
        for name in sorted(m.keys() | v.keys() | t.keys()):
            if not (name in m and name in v and name in t):
                raise ValueError(f"state: {name!r} lacks one of m/, v/ and t/; it is incomplete")
        self.m, self.v, self.t = m, v, t


def _check_pair(name, p, g):
    """Refuse a parameter that cannot be updated in place and a gradient that does not fit it."""
    if not isinstance(p, np.ndarray) or p.dtype not in (np.float32, np.float64):
        what = f"an array of {p.dtype}" if isinstance(p, np.ndarray) else f"a {type(p).__name__}"
        raise TypeError(
            f"params[{name!r}]: got {what}, wanted a float32 or float64 array; packed "
            "weights are not trained: train the float model and quantize it afterwards"
        )
    if not isinstance(g, np.ndarray) or g.shape != p.shape or g.dtype != p.dtype:
        got = f"{g.dtype} {g.shape}" if isinstance(g, np.ndarray) else f"a {type(g).__name__}"
        raise ValueError(f"grads[{name!r}]: got {got}, wanted {p.dtype} {p.shape} as its parameter")
    if not p.flags.writeable or not p.flags.c_contiguous:
        why = "not contiguous" if p.flags.writeable else "read-only"
        raise ValueError(
            f"params[{name!r}]: the array is {why} and is updated in place; "
            "put a copy made by np.array(p, order='C') into the dict"
        )
