"""Learning-rate schedules: the factor at step t = 0, 1, ... of T, the first W of them warm-up."""

import math


def constant_schedule(t, W):
    """t/W in the warm-up, then 1."""
    if t < W:
        return t / W
    return 1.0


def linear_schedule(t, T, W):
    """t/W in the warm-up, then (T - t)/(T - W), which falls to 0 at T and stays there."""
    if t < W:
        return t / W
    if t < T:
        return (T - t) / (T - W)
    return 0.0


def cosine_schedule(t, T, W):
    """t/W in the warm-up, then (1 + cos(pi r))/2 with r = (t - W)/(T - W); 0 from T on."""
    if t < W:
        return t / W
    if t < T:
        return (1 + math.cos(math.pi * (t - W) / (T - W))) / 2
    return 0.0


def bert_schedule(t, T, w):
    """BertAdam's linear one, x = t/T: x/w while x < w, then (1 - x)/(1 - w), not below 0."""
    x = t / T
    if x < w:
        return x / w
    return max(0.0, (1 - x) / (1 - w))
