"""TinyBERT's losses, transcribed; its layer maps, as the paper states them."""

import math
from fractions import Fraction

import torch

from .. import transcription as T
from ..harness import reference, step

RELEASED = "the code that TinyBERT's authors released (0598f02), transcribed in PyTorch"
PAPER = "Jiao et al. 2020, equations 7 to 9, transcribed in PyTorch"


@reference("tinybert-loss", source=lambda mode: RELEASED if "repo" in mode else PAPER)
def tinybert_loss(student, teacher, keep, proj, options):
    sides = [
        [[side[f"{kind}.{i}"] for i in range(layers)] for kind, layers in
         (("hidden", n + 1), ("scores", n))]
        for side, n in ((student, 2), (teacher, 4))
    ]
    if options.mode == "repo":
        w, b = (proj[f"distill.fit_dense.{name}"] for name in ("weight", "bias"))
        parts = T.released_parts(*sides, keep, w, b)
    else:
        w_hidden, w_embedding = (proj[f"distill.{name}.weight"] for name in ("hidden", "embedding"))
        counted = keep if options.pad == "exact" else None
        parts = T.tinybert_parts(*sides, (2, 4), w_hidden, w_embedding, counted)
    parts = {name: step(name, part) for name, part in parts.items() if getattr(options, name)}
    return {
        "loss": sum(parts.values()),
        "parts": {name: part.detach() for name, part in parts.items()},  # the loss is what learns
    }


SECTION = "Jiao et al. 2020, section 4"
UNIFORM = {
    "uniform-12-to-4": f"{SECTION}: g(m) = 3 m",
    "uniform-12-to-6": "g(m) = m N / M = 2 m",
    "uniform-12-to-5": "m N / M in exact fractions, rounded down",
}


@reference("uniform-map", source=UNIFORM.get)
def uniform_map(n_student, n_teacher):
    return tuple(math.floor(m * Fraction(n_teacher, n_student)) for m in range(1, n_student + 1))


@reference("top-map", source=f"{SECTION}: g(m) = m + N - M")
def top_map(n_student, n_teacher):
    return tuple(torch.arange(1, n_teacher + 1)[-n_student:])


@reference("bottom-map", source=f"{SECTION}: g(m) = m")
def bottom_map(n_student, n_teacher):
    return tuple(torch.arange(1, n_teacher + 1)[:n_student])
