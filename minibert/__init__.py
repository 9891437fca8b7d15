"""TinyBERT from scratch in NumPy: every formula next to the code that computes it."""

from minibert._version import __version__
from minibert.config import BertConfig, LayerSize, preset
from minibert.pretrained import (
    BertForMaskedLM,
    BertForSequenceClassification,
    BertModel,
    TinyBERTForMaskedLM,
    TinyBertForMaskedLM,
    TinyBERTForSequenceClassification,
    TinyBertForSequenceClassification,
    TinyBERTModel,
    TinyBertModel,
    load,
)
from minibert.text import BertTokenizer, TinyBERTTokenizer, TinyBertTokenizer

__all__ = [
    "BertConfig",
    "BertForMaskedLM",
    "BertForSequenceClassification",
    "BertModel",
    "BertTokenizer",
    "LayerSize",
    "TinyBERTForMaskedLM",
    "TinyBERTForSequenceClassification",
    "TinyBERTModel",
    "TinyBERTTokenizer",
    "TinyBertForMaskedLM",
    "TinyBertForSequenceClassification",
    "TinyBertModel",
    "TinyBertTokenizer",
    "__version__",
    "load",
    "preset",
]
