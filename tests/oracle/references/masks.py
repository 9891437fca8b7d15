"""Masks: transformers' biases, put into PyTorch's softmax."""

import torch

from ..harness import reference


def eager_config():
    import transformers

    return transformers.BertConfig(attn_implementation="eager")


@reference("padding-bias", source="torch.softmax with transformers' create_bidirectional_mask")
def padding_bias(scores, keep):
    from transformers.masking_utils import create_bidirectional_mask

    tokens = torch.empty(*keep.shape, 1, dtype=scores.dtype)
    # The masks of all queries are the same: those of the first L.
    bias = create_bidirectional_mask(eager_config(), tokens, keep)[:, :, : scores.shape[2]]
    return torch.softmax(scores + bias, -1)


@reference("causal-bias", source="torch.softmax with transformers' create_causal_mask")
def causal_bias(scores):
    from transformers.masking_utils import create_causal_mask

    tokens = torch.empty(scores.shape[0], scores.shape[-1], 1, dtype=scores.dtype)
    return torch.softmax(scores + create_causal_mask(eager_config(), tokens, None, None), -1)
