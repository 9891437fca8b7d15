"""How much heads and neurons matter, and what goes wrong in it.

The numbers are those of `minibert.prune.structured`: (1) heads, (2) neurons.
"""

import numpy as np

from minibert.check.mistakes.steps import Step, Steps, mistake


def _heads(rng, z):
    return {"dmask": rng.standard_normal((z.B, z.H))}


def _neurons(rng, z):
    shapes = {"w1": (z.F, z.D), "b1": (z.F,), "w2": (z.D, z.F)}
    weights = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    return weights | {f"d{name}": rng.standard_normal(shape) for name, shape in shapes.items()}


# Where two mistakes together would be a third, one of them lists a step that it leaves right.
FORMULAS = (
    Steps(
        op="head_importance",
        formula="importance",
        signature="dmask (n,H) -> importance (H)",
        make=_heads,
        steps=(
            Step("size", "(1)", lambda dmask: np.abs(dmask)),
            Step("importance", "(1)", lambda size: size.sum(0)),
        ),
        mistakes=(
            mistake(
                "size-of-sum",
                "The batches are added with their signs, and the size is taken of the sum.",
                "A head that matters with either sign cancels out: sizes first, then the sum.",
                size=lambda dmask: dmask,
                importance=lambda size: np.abs(size.sum(0)),
            ),
            mistake(
                "signed",
                "The gradients are added with their signs.",
                "Either sign is a change of the loss: take the size of every batch.",
                size=lambda dmask: dmask,
            ),
            mistake(
                "mean",
                "It is the mean over batches instead of the sum.",
                "Here batches add up; the order of heads is the same, the numbers are not.",
                importance=lambda size: size.mean(0),
            ),
            mistake(
                "squared",
                "The squares are added instead of the sizes.",
                "Squares let one batch decide; the first-order change is the size.",
                size=lambda dmask: dmask * dmask,
            ),
            mistake(
                "size-of-mean",
                "The size is taken of the mean over the batches.",
                "A head that matters with either sign cancels out: sizes first, then the sum.",
                importance=lambda dmask: np.abs(dmask.mean(0)),
            ),
            mistake(
                "length",
                "It is the root of the sum of squares, the norm over the batches.",
                "The sizes are added as they are.",
                importance=lambda dmask: np.sqrt((dmask * dmask).sum(0)),
            ),
            mistake(
                "over-heads",
                "The sum runs over the heads (axis 1) instead of the batches.",
                "There is one number for each head: sum over axis 0.",
                importance=lambda size: size.sum(1),
            ),
            mistake(
                "normalized",
                "The heads' importance is divided by its norm over the layer.",
                "Layers are then no longer comparable; that is another, later step.",
                importance=lambda size: size.sum(0) / np.linalg.norm(size.sum(0)),
            ),
            mistake(
                "shares",
                "The heads' importance is divided by its sum over the layer.",
                "Layers are then no longer comparable; that is another, later step.",
                importance=lambda size: size.sum(0) / size.sum(),
            ),
            mistake(
                "largest",
                "It is the largest batch instead of the sum.",
                "All batches count.",
                importance=lambda size: size.max(0),
            ),
        ),
    ),
    Steps(
        op="neuron_importance",
        formula="importance",
        signature="w1 (F,D), b1 (F), w2 (D,F), dw1 (F,D), db1 (F), dw2 (D,F) -> importance (F)",
        make=_neurons,
        steps=(
            Step("w1_part", "(2)", lambda w1, dw1: (w1 * dw1).sum(1)),
            Step("b1_part", "(2)", lambda b1, db1: b1 * db1),
            Step("into", "(2)", lambda w1_part, b1_part: np.abs(w1_part + b1_part)),
            Step("w2_part", "(2)", lambda w2, dw2: (w2 * dw2).sum(0)),
            Step("out", "(2)", lambda w2_part: np.abs(w2_part)),
            Step("importance", "(2)", lambda into, out: into + out),
        ),
        mistakes=(
            mistake(
                "size-of-every-product",
                "The size is taken of every product instead of their sums.",
                "Weights of one neuron vanish together, and their changes may cancel.",
                w1_part=lambda w1, dw1: np.abs(w1 * dw1).sum(1),
                b1_part=lambda b1, db1: np.abs(b1 * db1),
                w2_part=lambda w2, dw2: np.abs(w2 * dw2).sum(0),
            ),
            mistake(
                "size-of-every-product-in",
                "In the first part, of w1 and b1, the size is taken of every product.",
                "Row and bias are one sum: first the sum of all products, then its size.",
                w1_part=lambda w1, dw1: np.abs(w1 * dw1).sum(1),
                b1_part=lambda b1, db1: np.abs(b1 * db1),
            ),
            mistake(
                "size-of-every-product-of-w1",
                "Of w1 the size is taken of every product; b1 is added with its sign.",
                "Row and bias are one sum: first the sum of all products, then its size.",
                w1_part=lambda w1, dw1: np.abs(w1 * dw1).sum(1),
                into=lambda w1_part, b1_part: np.abs(w1_part + b1_part),
            ),
            mistake(
                "size-of-every-product-out",
                "In the second part, of w2, the size is taken of every product.",
                "The column is one sum: first the sum of its products, then its size.",
                w2_part=lambda w2, dw2: np.abs(w2 * dw2).sum(0),
            ),
            mistake(
                "bias-forgotten",
                "The bias b1 is forgotten.",
                "A neuron is its row of w1 and its bias: both vanish with it.",
                b1_part=lambda: 0.0,
            ),
            mistake(
                "size-of-everything",
                "The size is taken once, of all three parts together.",
                "What goes into the neuron and what leaves it are two sums, each with its size.",
                importance=lambda w1_part, b1_part, w2_part: np.abs(w1_part + b1_part + w2_part),
            ),
            mistake(
                "bias-apart",
                "The size of the bias's part is taken on its own.",
                "Row and bias are one sum: what goes into the neuron.",
                into=lambda w1_part, b1_part: np.abs(w1_part) + np.abs(b1_part),
            ),
            mistake(
                "signed",
                "The parts are added with their signs: there is no size.",
                "Either sign is a change of the loss.",
                into=lambda w1_part, b1_part: w1_part + b1_part,
                out=lambda w2_part: w2_part,
            ),
            mistake(
                "first-part-signed",
                "The first part, of w1 and b1, is added with its sign.",
                "Either sign is a change of the loss: each part has its size.",
                into=lambda w1_part, b1_part: w1_part + b1_part,
            ),
            mistake(
                "second-part-signed",
                "The second part, of w2, is added with its sign.",
                "Either sign is a change of the loss: each part has its size.",
                out=lambda w2_part: w2_part,
            ),
            mistake(
                "squared",
                "The squares of the two sums are added instead of their sizes.",
                "The first-order change of the loss is the size.",
                into=lambda w1_part, b1_part: (w1_part + b1_part) ** 2,
                out=lambda w2_part: w2_part**2,
            ),
            mistake(
                "averaged",
                "The products of w1 and w2 are averaged over the D features, not added.",
                "All weights of a neuron vanish together: their changes add up.",
                w1_part=lambda w1, dw1: (w1 * dw1).mean(1),
                w2_part=lambda w2, dw2: (w2 * dw2).mean(0),
            ),
            mistake(
                "first-matrix-forgotten",
                "Only w2 counts.",
                "Row f of w1 and its bias belong to the neuron as well.",
                into=lambda: 0.0,
            ),
            mistake(
                "second-matrix-forgotten",
                "Only w1 and b1 count.",
                "Column f of w2 belongs to the neuron as well.",
                out=lambda: 0.0,
            ),
            mistake(
                "second-matrix-over-neurons",
                "The sum of w2's part runs over the neurons (axis 1).",
                "w2 is (D,F): neuron f has column f, which is summed over axis 0.",
                w2_part=lambda w2, dw2: (w2 * dw2).sum(1),
            ),
            mistake(
                "gradients-only",
                "The sizes of the gradients are added, without the weights.",
                "What vanishes is the weight: its product with the gradient is the change.",
                w1_part=lambda dw1: np.abs(dw1).sum(1),
                b1_part=lambda db1: np.abs(db1),
                w2_part=lambda dw2: np.abs(dw2).sum(0),
            ),
            mistake(
                "weights-only",
                "The sizes of the weights are added, without the gradients.",
                "A large weight may not matter to the loss; its product with the gradient tells.",
                w1_part=lambda w1: np.abs(w1).sum(1),
                b1_part=lambda b1: np.abs(b1),
                w2_part=lambda w2: np.abs(w2).sum(0),
            ),
        ),
    ),
)
