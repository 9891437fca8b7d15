"""From ids and labels to what training reads: batches, masks, labelled files, splits."""

from minibert.data.batches import (
    in_input_order,
    iterate_batches,
    pad_batch,
    shuffled_plan,
    sorted_plan,
)
from minibert.data.labelled import label_names, read_labelled
from minibert.data.masking import mask_tokens
from minibert.data.split import stratified_split

__all__ = [
    "in_input_order",
    "iterate_batches",
    "label_names",
    "mask_tokens",
    "pad_batch",
    "read_labelled",
    "shuffled_plan",
    "sorted_plan",
    "stratified_split",
]
