"""From a reference in PyTorch to a golden file's arrays.

A reference is a function with the inputs of a case that returns what the library's function
returns, in tensors. To add one::

    @reference("layernorm", source="torch.nn.functional.layer_norm")
    def layernorm(x, gamma, beta, eps=1e-12):
        return nn.layer_norm(x, x.shape[-1:], gamma, beta, eps)

Float arrays arrive as float64 tensors, a `Drop` as `Dropout`. ``step("p", p)`` keeps an
intermediate step. Cotangents are random, and the gradients are autograd's.
"""

import importlib
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from minibert import ops
from minibert.check.structure import leaves, mapped
from minibert.ops import Drop

_steps = {}
_masks = {}


class Reference(NamedTuple):
    """Who computed it, and how."""

    function: object
    source: object  # str, or a function of the case's mode

    def named(self, mode):
        return self.source(mode) if callable(self.source) else self.source


REFERENCES = {}


def reference(op, *, source):
    """Register the reference of an op (or of several, in a tuple)."""

    def register(function):
        for name in (op,) if isinstance(op, str) else op:
            assert name not in REFERENCES, f"two references for {name}"
            REFERENCES[name] = Reference(function, source)
        return function

    return register


def load_references():
    """All of them: every file of the folder references registers its own."""
    for path in sorted((Path(__file__).parent / "references").glob("*.py")):
        if path.stem != "__init__":
            importlib.import_module(f"{__package__}.references.{path.stem}")
    return REFERENCES


def step(name, tensor):
    """Keep an intermediate step; returns it."""
    _steps[name] = tensor
    return tensor


class Dropout:
    """The library's mask on a tensor: ``drop(x)``, or ``drop.at(site, rate)(x)``."""

    def __init__(self, drop):
        self.drop = drop

    def at(self, site, rate=None):
        return Dropout(self.drop.at(site, rate))

    def __call__(self, x):
        if self.drop.rate == 0:
            return x
        keep = ops.keep_mask(tuple(x.shape), self.drop)
        _masks[self.drop.site] = np.array(keep)
        return torch.where(torch.tensor(keep), x / (1 - self.drop.rate), 0.0)


def golden_arrays(case, dtype=torch.float64):
    """Everything that the golden file of a case holds."""
    args, kwargs = case.inputs(dtype=np.float32)
    inputs = {n: np.array(a) for n, a in leaves(case.named_inputs(args, kwargs), "input").items()
              if isinstance(a, np.ndarray) and a.ndim}
    _steps.clear()
    _masks.clear()
    targs, tkwargs = (_tensors(part, dtype) for part in (args, kwargs))
    wanted = _wanted(case, targs, tkwargs)
    for tensor in wanted.values():
        tensor.requires_grad_()
    out = _leaves(REFERENCES[case.op].function(*targs, **tkwargs), "output")
    arrays = inputs | {n: _numpy(y) for n, y in out.items()}
    arrays |= {f"step.{n}": _numpy(y) for n, y in _steps.items()}
    arrays |= {f"mask.{site}": mask for site, mask in _masks.items()}
    if wanted:
        rng = np.random.default_rng(zlib.crc32(str(case).encode()))
        smooth = {n: y for n, y in out.items() if torch.is_tensor(y) and y.requires_grad}
        douts = {n: np.float32(rng.standard_normal(tuple(y.shape))) for n, y in smooth.items()}
        total = sum((y * torch.tensor(douts[n], dtype=dtype)).sum() for n, y in smooth.items())
        grads = torch.autograd.grad(total, list(wanted.values()), allow_unused=True)
        arrays |= {f"cotangent{n.removeprefix('output')}": np.asarray(d) for n, d in douts.items()}
        arrays |= {f"gradient.{n}": _numpy(g) for n, g in zip(wanted, grads, strict=True)
                   if g is not None}
    return arrays


def _wanted(case, args, kwargs):
    """The tensors that get a gradient, by the input's dotted name."""
    named = case.named_inputs(args, kwargs)
    names = case.input_names()
    places = [names[w] if isinstance(w, int) else w for w in case.wrt if w is not None]
    found = {}
    for place in places:
        found |= {n: t for n, t in _leaves(named[place], place).items()
                  if torch.is_tensor(t) and t.is_floating_point()}
    return found


def _tensors(x, dtype):
    """The structure in tensors, floats in one dtype; `Drop` as `Dropout`, numbers as they are."""

    def tensor(a):
        if isinstance(a, (np.ndarray, np.generic)):
            t = torch.tensor(np.array(a))
            return t.to(dtype) if t.is_floating_point() else t
        return Dropout(a) if isinstance(a, Drop) else a

    return mapped(tensor, x)


def _leaves(x, name):
    """As `leaves`, tensors too."""
    return leaves(x, name, (torch.Tensor,))


def _numpy(y):
    y = y.detach().numpy() if torch.is_tensor(y) else np.asarray(y)
    return np.array(y, order="C")

