"""Measures: how good a model is, how large, how fast."""

from minibert.eval.cost import encoder_flops, median_ms
from minibert.eval.metrics import accuracy
