"""AdamW and BertAdam: the two optimizers that BERT and TinyBERT were trained with.

With p a parameter, g its gradient, t = 1, 2, ... the number of its updates including this one, and
every operation elementwise:

    m = beta1 m + (1 - beta1) g                                              (1)
    v = beta2 v + (1 - beta2) g^2                                            (2)

AdamW, as PyTorch's `torch.optim.AdamW`:

    p = p (1 - lr decay)                                                     (3)
    p = p - lr/(1 - beta1^t) m / (sqrt(v)/sqrt(1 - beta2^t) + eps)           (4)    eps = 1e-8

BertAdam, as the optimizer of the original BERT and of the TinyBERT repository:

    g = g min(1, max_norm/(||g|| + 1e-6))     before (1), each parameter alone    (5)
    p = p - lr_t (m/(sqrt(v) + eps) + decay p)                               (6)    eps = 1e-6

Source: (1), (2), (4) Kingma & Ba 2015, Algorithm 1; (3) and the decay of (6) Loshchilov & Hutter
2019, Algorithm 2, line 12, with the decay multiplied by lr as PyTorch does. BertAdam deviates from
Adam by leaving out the bias correction: at t = 1, m/sqrt(v) is 0.1 g / sqrt(0.001 g^2), so that
the first step is 3.16 lr instead of lr. Its lr_t is asked for with the count of *this parameter's*
earlier updates (0 at the first), and by default its decay spares biases and LayerNorm.

In both a parameter without a gradient is skipped: no decay, no count, no change of m and v. "No
gradient" and "a gradient of zeros" are therefore different things.

`adamw_formula` and `bert_adam_formula` are the equations on whole arrays, for reading and checking.
The classes keep m, v and t for each parameter and compute the same bits in place, by way of
`kernels.adamw_update` and `kernels.bert_adam_update`: updating the parameter arrays is what an
optimizer is for, and it is the one place of the library that overwrites its arguments.
"""

import math

import numpy as np

from minibert import kernels as F
from minibert.train.clipping import clip_factor, norm
from minibert.train.moments import Moments
from minibert.train.sweep import squares, update_all


def is_spared(name):
    """The no-decay rule: True for biases and for the gamma and beta of a LayerNorm.

    Parameters
    ----------
    name : str
        A parameter's Hugging Face name.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_spared("bert.pooler.dense.bias"), is_spared("bert.embeddings.LayerNorm.weight")
    (True, True)
    >>> is_spared("bert.pooler.dense.weight")
    False
    """
    return name.endswith((".bias", "LayerNorm.weight")) or name == "bias"


def adamw_formula(p, g, m, v, t, lr, *, betas=(0.9, 0.999), eps=1e-8, decay=0.01):
    """One AdamW update as a pure function, equations (1)-(4).

    Parameters
    ----------
    p, g, m, v : ndarray
        Parameter, gradient, first and second moment; one shape, any dtype (kept).
    t : int
        Number of this update, from 1.
    lr : float
        Learning rate of this update.
    betas : tuple of float
    eps, decay : float

    Returns
    -------
    p, m, v : ndarray
        New arrays.

    Examples
    --------
    The first step has the length lr, whatever the gradient's size:

    >>> zero = np.zeros(2)
    >>> p, m, v = adamw_formula(zero, np.array([5.0, -0.01]), zero, zero, 1, lr=0.1)
    >>> p.round(6).tolist()
    [-0.1, 0.1]
    """
    beta1, beta2 = betas
    m = beta1 * m + (1 - beta1) * g  # (1)
    v = beta2 * v + (1 - beta2) * (g * g)  # (2)
    p = p * (1 - lr * decay)  # (3)
    rate, root = lr / (1 - beta1**t), math.sqrt(1 - beta2**t)
    return p - rate * (m / (np.sqrt(v) / root + eps)), m, v  # (4)


def bert_adam_formula(p, g, m, v, lr, *, betas=(0.9, 0.999), eps=1e-6, decay=0.01, max_norm=1.0):
    """One BertAdam update as a pure function, equations (5), (1), (2), (6).

    Parameters
    ----------
    p, g, m, v : ndarray
        Parameter, gradient, first and second moment; one shape, any dtype (kept).
    lr : float
        lr_t, the learning rate of this update.
    betas : tuple of float
    eps, decay : float
    max_norm : float or None
        Bound on this gradient's norm.

    Returns
    -------
    p, m, v : ndarray
        New arrays.

    Examples
    --------
    >>> zero = np.zeros(1)
    >>> p, m, v = bert_adam_formula(zero, np.array([0.5]), zero, zero, lr=0.1)
    >>> p.round(4).tolist()
    [-0.3162]
    """
    beta1, beta2 = betas
    g = clip_factor(norm(g), max_norm) * g  # (5)
    m = beta1 * m + (1 - beta1) * g  # (1)
    v = beta2 * v + (1 - beta2) * (g * g)  # (2)
    return p - lr * (m / (np.sqrt(v) + eps) + decay * p), m, v  # (6)


class AdamW:
    """AdamW, equations (1)-(4).

    Parameters
    ----------
    betas : tuple of float
    eps, weight_decay : float
    spare : callable, optional
        name -> True where there is no decay. None decays every parameter, as PyTorch does unless
        told otherwise; `is_spared` is BERT's rule.

    Examples
    --------
    >>> params = {"w": np.array([1.0, 2.0])}
    >>> optimizer = AdamW(weight_decay=0.0)
    >>> optimizer.update(params, {"w": np.array([0.3, -7.0])}, lr=0.1)
    >>> params["w"].round(6).tolist()
    [0.9, 2.1]
    """

    #: Clipping and the learning rate are the same for all parameters and are decided by the caller.
    per_parameter = False

    def __init__(self, *, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01, spare=None):
        _check_numbers(betas, eps, weight_decay)
        self.betas, self.eps, self.weight_decay, self.spare = betas, eps, weight_decay, spare
        self.moments = Moments()

    def update(self, params, grads, lr, *, scale=1.0):
        """One update, in place, of every parameter that has a gradient.

        Parameters
        ----------
        params : dict of str to ndarray
            Overwritten.
        grads : dict of str to ndarray
            A missing name or None skips the parameter.
        lr : float
        scale : float
            Factor on all gradients (global clipping without another pass over memory).

        Raises
        ------
        TypeError, ValueError
            For a parameter or gradient that cannot be used; nothing has been changed then.
        """
        lr, scale = float(lr), float(scale)  # NumPy scalars would turn float32 into float64
        jobs = []
        for name, p, g, m, v, t in self.moments.of(params, grads):
            decay = 0.0 if self.spare and self.spare(name) else self.weight_decay
            jobs.append((p, g, m, v, (t, lr, *self.betas, self.eps, decay, scale)))
        update_all(F.adamw_update, jobs)  # (1)-(4)

    def state(self):
        """What a checkpoint must hold: see `Moments.state`."""
        return self.moments.state()

    def load(self, state):
        """Take over a state given by `state()`: see `Moments.load`."""
        self.moments.load(state)


class BertAdam:
    """BertAdam, equations (5), (1), (2), (6).

    Parameters
    ----------
    betas : tuple of float
    eps, weight_decay : float
    max_norm : float or None
        Bound of (5); None does not clip.
    spare : callable or None
        name -> True where there is no decay; by default biases and LayerNorm.

    Examples
    --------
    >>> params = {"bias": np.array([1.0])}
    >>> optimizer = BertAdam()
    >>> optimizer.update(params, {"bias": np.array([0.3])}, lr=lambda done: 0.1 * done)
    >>> optimizer.update(params, {"bias": np.array([0.3])}, lr=lambda done: 0.1 * done)
    >>> params["bias"].round(4).tolist()
    [0.5751]
    """

    #: Clipping and the learning rate are taken for each parameter on its own, in `update`.
    per_parameter = True

    def __init__(
        self, *, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.01, max_norm=1.0, spare=is_spared
    ):
        _check_numbers(betas, eps, weight_decay)
        self.betas, self.eps, self.weight_decay, self.spare = betas, eps, weight_decay, spare
        self.max_norm = max_norm
        self.moments = Moments()

    def update(self, params, grads, lr, *, scale=1.0):
        """One update, in place, of every parameter that has a gradient.

        Parameters
        ----------
        params : dict of str to ndarray
            Overwritten.
        grads : dict of str to ndarray
            A missing name or None skips the parameter.
        lr : float or callable
            A callable is asked with the number of earlier updates of the parameter in hand.
        scale : float
            Factor on all gradients, applied before (5).

        Raises
        ------
        TypeError, ValueError
            For a parameter or gradient that cannot be used; nothing has been changed then.
        """
        jobs, scale = [], float(scale)  # NumPy scalars would turn float32 into float64
        updates = self.moments.of(params, grads)
        for (name, p, g, m, v, t), length2 in zip(
            updates, squares(g for _, _, g, *_ in updates), strict=True
        ):
            decay = 0.0 if self.spare and self.spare(name) else self.weight_decay
            rate = float(lr(t - 1) if callable(lr) else lr)
            clip = scale * clip_factor(scale * math.sqrt(length2), self.max_norm)  # (5)
            jobs.append((p, g, m, v, (t, rate, *self.betas, self.eps, decay, clip)))
        update_all(F.bert_adam_update, jobs)  # (1), (2), (6)

    def state(self):
        """What a checkpoint must hold: see `Moments.state`."""
        return self.moments.state()

    def load(self, state):
        """Take over a state given by `state()`: see `Moments.load`."""
        self.moments.load(state)


def _check_numbers(betas, eps, weight_decay):
    """Refuse numbers under which the formulas make no sense."""
    if len(betas) != 2 or not all(0.0 <= beta < 1.0 for beta in betas):
        raise ValueError(f"betas: got {betas}, wanted two numbers in [0, 1)")
    if not eps >= 0.0:
        raise ValueError(f"eps: got {eps}, wanted at least 0")
    if not weight_decay >= 0.0:
        raise ValueError(f"weight_decay: got {weight_decay}, wanted at least 0")
