"""The catalogue of mistakes: for every op that somebody may write, the plausible wrong formulas.

Each file holds formulas of one family as `Steps`, right as they stand, and with each its mistakes:
an id, a sentence, a lesson, and the steps that differ. `diagnose` looks here for what a function's
numbers are consistent with; the tests swap every mistake in, and have to fail.
"""

from minibert.check.mistakes import (
    activations,
    attention,
    attention_losses,
    clipping,
    contrastive,
    cross_entropy,
    distances,
    distillation,
    embedding,
    fused,
    gelu,
    importance,
    int8_linear,
    layernorm,
    layers,
    masks,
    metrics,
    optimizers,
    packed_attention,
    pairs,
    pruning,
    quantizers,
    schedules,
    soft_losses,
    softmax,
    text,
)
from minibert.check.mistakes.steps import Call, Mistake, Step, Steps, mistake
from minibert.data.names import nearest_name

FAMILIES = (
    *(layers, layernorm, gelu, activations, softmax, attention, packed_attention, masks),
    *(fused, embedding),
    *(cross_entropy, soft_losses, distances, contrastive, attention_losses, distillation),
    *(optimizers, clipping, schedules, quantizers, int8_linear, pruning, importance),
    *(text, pairs, metrics),
)
OPS = {steps.op: steps for family in FAMILIES for steps in family.FORMULAS}
MISTAKES = {m.id: m for steps in OPS.values() for m in steps.mistakes}

__all__ = ["MISTAKES", "OPS", "Call", "Mistake", "Step", "Steps", "mistake", "op_called"]


def op_called(name):
    """The `Steps` of an op.

    Raises
    ------
    ValueError
        There is none; the message has the nearest name.
    """
    known = name.replace("-", "_")
    if known not in OPS:
        near = nearest_name(known, OPS)
        raise ValueError(f"there is no op {name!r}{near}; there are {', '.join(OPS)}")
    return OPS[known]
