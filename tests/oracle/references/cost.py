"""Costs: transformers' classes, their parameters counted, and their operations by PyTorch."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from minibert.check.cases.cost import PARTS
from minibert.config import preset

from .. import hugging_face
from ..harness import reference


def bert(config, head=None):
    """transformers' model without memory for its numbers."""
    with torch.device("meta"):
        return hugging_face.bert(config, head)[0]


@reference("parameters", source="num_parameters() of transformers' BERT classes")
def parameters(names):
    return {name: {part: size(preset(name), part) for part in PARTS} for name in names}


def size(config, part):
    """All that a class has; of BertModel without the pooler, what is left."""
    model = bert(config, PARTS[part][0])
    if part == "encoder":
        model.pooler = None
    return model.num_parameters()


@reference("flops", source="torch.utils.flop_counter on transformers' BertModel.encoder")
def flops(names, lengths):
    return {name: [counted(preset(name), L) for L in lengths] for name in names}


def counted(config, L):
    """The operations of one sequence's way through all layers."""
    encoder = bert(config).encoder
    x = torch.empty(1, L, config.hidden, dtype=torch.float64, device="meta")
    with FlopCounterMode(display=False) as counter:
        encoder(x)
    return counter.get_total_flops()
