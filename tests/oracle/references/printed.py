"""The seed articles' formulas, transcribed; soft threshold and InfoNCE as PyTorch has them."""

import torch
import torch.nn.functional as nn

from ..harness import reference, step

TRANSCRIBED = "the article's formula, transcribed in PyTorch"


@reference("S1", source=TRANSCRIBED)
def attention_without_softmax(Q, K, V):
    return torch.einsum("id,jd,je->ie", Q, K, V) / K.shape[-1] ** 0.5


@reference(("S2", "S4"), source=TRANSCRIBED)
def distillation(Q, K):
    numerator = torch.exp((Q * K).sum(-1))
    denominator = torch.exp(torch.einsum("id,jd->ij", Q, K)).sum(-1)
    return -torch.log(numerator / denominator).sum()


@reference("S3", source=TRANSCRIBED)
def prune(W, amount):
    return W - amount * torch.abs(W)


@reference("S5", source=TRANSCRIBED)
def quantize(W, scale, quant_bits=8):
    return torch.clamp(W / scale, 1 - quant_bits, quant_bits - 1)


@reference("S6", source="torch.softmax")
def attention_weights(Q, K):
    return torch.softmax(Q @ K.mT / K.shape[-1] ** 0.5, -1)


@reference("S7", source="torch.softmax")
def attention_without_keys(X, W_q):
    return torch.softmax(nn.linear(X, W_q) / W_q.shape[0] ** 0.5, -1)


@reference("soft-threshold", source="torch.nn.functional.softshrink")
def soft_threshold(w, amount):
    return nn.softshrink(w, amount)


@reference("info_nce", source="torch.nn.functional.cross_entropy of the similarities")
def info_nce(q, k, tau=1.0):
    similarities = step("similarities", q @ k.mT / tau)
    return nn.cross_entropy(similarities, torch.arange(len(q)))
