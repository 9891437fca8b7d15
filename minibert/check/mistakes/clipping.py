"""The clipping of gradients, and what goes wrong in it.

The numbers are those of `minibert.train.clipping`.
"""

import numpy as np

from minibert.check.mistakes.notation import length
from minibert.check.mistakes.steps import Call, Step, Steps, mistake


def _gradients(rng, size):
    shapes = {"dense.weight": (11, 7), "dense.bias": (11,), "LayerNorm.weight": (7,)}
    return {name: size * rng.standard_normal(shape) for name, shape in shapes.items()}


def _clipping_calls(rng):
    """Too long: all of them; together only; by little beside 1e-6. And one that is not."""
    return [
        Call("long", {"grads": _gradients(rng, 2), "max_norm": 0.7}),
        Call("long together", {"grads": _gradients(rng, 0.2), "max_norm": 1.8}),
        Call("very short", {"grads": _gradients(rng, 1e-4), "max_norm": 5e-4}),
        Call("short", {"grads": _gradients(rng, 0.1), "max_norm": 3.0}),
    ]


def _each(function, grads, *more):
    return {name: function(g, *more) for name, g in grads.items()}


FORMULAS = (
    Steps(
        op="clip_global",
        formula="clipping",
        signature="grads, max_norm -> clipped",
        calls=_clipping_calls,
        steps=(
            Step("norms", "(1)", lambda grads: _each(length, grads)),
            Step("norm", "(1)", lambda norms: np.sqrt(sum(n * n for n in norms.values()))),
            Step("c", "(1)", lambda norm, max_norm: min(1.0, max_norm / (norm + 1e-6))),
            Step("clipped", "(2)", lambda grads, c: _each(lambda g: c * g, grads)),
        ),
        mistakes=(
            mistake(
                "each-alone",
                "Each gradient is clipped by its own norm.",
                "One norm over all of them gives one factor, which keeps the direction.",
                clipped=lambda grads, norms, max_norm: {
                    name: g * min(1.0, max_norm / (norms[name] + 1e-6)) for name, g in grads.items()
                },
            ),
            mistake(
                "not-capped",
                "Short gradients are made longer: the factor is not held at 1.",
                "Clipping only shortens: min(1, max_norm / (norm + 1e-6)).",
                c=lambda norm, max_norm: max_norm / (norm + 1e-6),
            ),
            mistake(
                "by-value",
                "Each entry is clipped to [-max_norm, max_norm].",
                "That turns the gradient; multiply all entries by one factor.",
                clipped=lambda grads, max_norm: _each(np.clip, grads, -max_norm, max_norm),
            ),
            mistake(
                "norm-squared",
                "The norm lacks its root: it is the sum of the squares.",
                "The Euclidean norm is the root of that sum.",
                norm=lambda norms: sum(n * n for n in norms.values()),
            ),
            mistake(
                "norms-added",
                "The norms of the parameters are added as they are.",
                "Add their squares, and take the root: the norm of all entries as one vector.",
                norm=lambda norms: sum(norms.values()),
            ),
            mistake(
                "root-mean-square",
                "The squares are averaged instead of added: the norm is a root mean square.",
                "The norm grows with the number of entries: the root of the sum.",
                norm=lambda grads: np.sqrt(
                    sum((g * g).sum() for g in grads.values()) / sum(g.size for g in grads.values())
                ),
            ),
            mistake(
                "largest-norm",
                "The norm is the largest of the parameters' norms.",
                "All entries are one vector: add the squares of the norms, and take the root.",
                norm=lambda norms: max(norms.values()),
            ),
            mistake(
                "factor-inverted",
                "The factor is the norm over max_norm: short gradients are made shorter.",
                "Long ones are to be shortened: max_norm over the norm.",
                c=lambda norm, max_norm: min(1.0, norm / max_norm),
            ),
            mistake(
                "larger-factor",
                "The factor is the larger of 1 and max_norm / norm: gradients only grow.",
                "Clipping only shortens: the smaller of the two.",
                c=lambda norm, max_norm: max(1.0, max_norm / (norm + 1e-6)),
            ),
            mistake(
                "largest-entry",
                "The norm is the size of the largest entry.",
                "The norm in (1) is the Euclidean one.",
                norm=lambda grads: max(abs(g).max() for g in grads.values()),
            ),
            mistake(
                "shortened-to-one",
                "Gradients that are too long get the norm 1 instead of max_norm.",
                "The factor is max_norm over the norm.",
                c=lambda norm, max_norm: 1 / (norm + 1e-6) if norm > max_norm else 1.0,
            ),
            mistake(
                "norm-as-it-is",
                "The 1e-6 is missing beside the norm.",
                "It keeps (1) from dividing by zero where all gradients are zeros.",
                c=lambda norm, max_norm: min(1.0, max_norm / norm),
            ),
        ),
    ),
)
