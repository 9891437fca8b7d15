"""Learning-rate schedules: the factor at step t = 0, 1, ... of total_steps.

The first warmup_steps of them are warm-up.
"""

import math


def constant_schedule(t, warmup_steps):
    """t / warmup_steps in the warm-up, then 1."""
    if t < warmup_steps:
        return t / warmup_steps
    return 1.0


def linear_schedule(t, total_steps, warmup_steps):
    """The same warm-up, then the share of the other steps that is left; 0 from total_steps on."""
    if t < warmup_steps:
        return t / warmup_steps
    if t < total_steps:
        return (total_steps - t) / (total_steps - warmup_steps)
    return 0.0


def cosine_schedule(t, total_steps, warmup_steps):
    """The same warm-up, then (1 + cos(pi r)) / 2, r the share of the other steps that is done."""
    if t < warmup_steps:
        return t / warmup_steps
    if t < total_steps:
        r = (t - warmup_steps) / (total_steps - warmup_steps)
        return (1 + math.cos(math.pi * r)) / 2
    return 0.0


def bert_schedule(t, total_steps, warmup):
    """BertAdam's, x = t / total_steps: x / warmup, from x = warmup on (1 - x) / (1 - warmup), >= 0.

    Its `warmup` is a share of the steps.
    """
    x = t / total_steps
    if x < warmup:
        return x / warmup
    return max(0.0, (1 - x) / (1 - warmup))
