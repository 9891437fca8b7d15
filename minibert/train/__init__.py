"""Training: optimizers, schedules, clipping, one step and the loop around it.

`TrainStep` is one forward, backward and update; `fit` calls it until the run is done, and goes on
with an interrupted run from its `Checkpoints`.
"""

from minibert.train.checkpoint import Checkpoints
from minibert.train.clipping import clip_each, clip_factor, clip_global, global_norm
from minibert.train.environment import environment
from minibert.train.estimate import estimate_seconds, minutes
from minibert.train.loop import fit
from minibert.train.objective import supervised
from minibert.train.optimizers import AdamW, BertAdam, adamw_formula, bert_adam_formula, is_spared
from minibert.train.schedules import bert_linear, constant, cosine, linear, make_schedule
from minibert.train.step import TrainStep

__all__ = [
    "AdamW",
    "BertAdam",
    "Checkpoints",
    "TrainStep",
    "adamw_formula",
    "bert_adam_formula",
    "bert_linear",
    "clip_each",
    "clip_factor",
    "clip_global",
    "constant",
    "cosine",
    "environment",
    "estimate_seconds",
    "fit",
    "global_norm",
    "is_spared",
    "linear",
    "make_schedule",
    "minutes",
    "supervised",
]
