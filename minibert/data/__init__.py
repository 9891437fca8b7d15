"""From ids and labels to what training reads: batches, masks, files of texts and labels, splits."""

from minibert.data.batches import (
    in_input_order,
    iterate_batches,
    pad_batch,
    shuffled_plan,
    sorted_plan,
)
from minibert.data.labelled import read_labelled
from minibert.data.labels import label_indices, label_names
from minibert.data.masking import mask_tokens
from minibert.data.split import stratified_split
from minibert.data.table import Table, parse_column, read_table

__all__ = [
    "Table",
    "in_input_order",
    "iterate_batches",
    "label_indices",
    "label_names",
    "mask_tokens",
    "pad_batch",
    "parse_column",
    "read_labelled",
    "read_table",
    "shuffled_plan",
    "sorted_plan",
    "stratified_split",
]
