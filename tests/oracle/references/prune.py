"""Pruning: PyTorch's masks; importance as the derivative by a gate on each head and neuron."""

import torch
from torch.nn.utils import prune

from ..harness import reference
from ..transcription import LAYER, classify, encode


@reference(
    "magnitude-mask",
    source=lambda mode: (
        "torch.nn.utils.prune.l1_unstructured"
        if mode == "layer"
        else "torch.nn.utils.prune.global_unstructured, L1Unstructured"
    ),
)
def magnitude_mask(params, share, *, scope, names):
    modules = {}
    for name in names:
        modules[name] = torch.nn.Module()
        modules[name].weight = torch.nn.Parameter(params[name])
    if scope == "layer":
        for module in modules.values():
            prune.l1_unstructured(module, "weight", amount=share)
    else:
        weights = [(module, "weight") for module in modules.values()]
        prune.global_unstructured(weights, prune.L1Unstructured, amount=share)
    return {name: module.weight_mask == 1 for name, module in modules.items()}


@reference("importance", source="Michel et al. 2019, section 4.1; Molchanov et al. 2017; autograd")
def importance(params, batches, *, config):
    """A loss that is linear in the gated weights, of which the given gradients are the slopes."""

    def loss(batch, p):
        return sum((p[name] * g).sum() for name, g in batch.items())

    return derivatives(params, batches, config, loss)


@reference(
    "model-importance",
    source="the model and the gates transcribed in PyTorch (tests/oracle/transcription.py), "
    "by autograd",
)
def model_importance(params, batches, *, config):
    def loss(batch, p):
        ids, segments, keep = (batch[k] for k in ("input_ids", "token_type_ids", "attention_mask"))
        _, _, pooled = encode(p, config, ids, segments, keep)
        return torch.nn.functional.cross_entropy(classify(p, config, pooled), batch["labels"])

    return derivatives(params, batches, config, loss)


def derivatives(params, batches, config, loss):
    """The size of d loss / d gate of each head, and of what enters and leaves each neuron."""
    found = {"heads": [], "neurons": []}
    for i, size in enumerate(config.layers):
        name, dtype = LAYER.format(i), torch.float64
        heads, neurons = 0.0, 0.0
        for batch in batches:
            head, into, out = (
                torch.ones(n, dtype=dtype, requires_grad=True)
                for n in (size.heads, size.ffn, size.ffn)
            )
            gated = params | {
                name + "attention.head_mask": head,
                name + "intermediate.dense.weight": into[:, None]
                * params[name + "intermediate.dense.weight"],
                name + "intermediate.dense.bias": into * params[name + "intermediate.dense.bias"],
                name + "output.dense.weight": params[name + "output.dense.weight"] * out,
            }
            other = LAYER.format(1 - i) + "attention.head_mask"
            gated[other] = torch.ones(config.layers[1 - i].heads, dtype=dtype)
            d_head, d_into, d_out = torch.autograd.grad(loss(batch, gated), (head, into, out))
            heads = heads + d_head.abs()
            neurons = neurons + d_into.abs() + d_out.abs()
        found["heads"].append(heads)
        found["neurons"].append(neurons)
    return found


@reference("masking", source="torch.where, by autograd")
def masking(params, masks):
    effective = dict(params)
    for name, mask in masks.items():
        effective[name] = torch.where(mask, params[name], 0.0)
    return effective


@reference("most-important", source="torch.sort, stable")
def most_important(scores, n):
    return torch.sort(scores, descending=True, stable=True).indices[:n].sort().values


@reference(
    "remove-structures",
    source="the whole model with masks instead, transcribed in PyTorch "
    "(tests/oracle/transcription.py)",
)
def remove_structures(params, ids, segments, keep, *, config, heads, neurons):
    params = dict(params)
    for i, size in enumerate(config.layers):
        name = LAYER.format(i)
        stays = torch.zeros(size.heads, dtype=torch.float64)
        stays[heads[i]] = 1.0
        params[name + "attention.head_mask"] = stays
        stays = torch.zeros(size.ffn, dtype=torch.float64)
        stays[neurons[i]] = 1.0
        params[name + "output.dense.weight"] = params[name + "output.dense.weight"] * stays
    hidden, _, pooled = encode(params, config, ids, segments, keep)
    return {"hidden": hidden[-1], "logits": classify(params, config, pooled)}
