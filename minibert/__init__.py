"""TinyBERT from scratch in NumPy: every formula next to the code that computes it."""

from minibert._version import __version__
from minibert.config import BertConfig, LayerSize, preset
from minibert.model import best_span
from minibert.pretrained import (
    BertForMaskedLM,
    BertForNextSentencePrediction,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    TinyBERTForMaskedLM,
    TinyBertForMaskedLM,
    TinyBERTForNextSentencePrediction,
    TinyBertForNextSentencePrediction,
    TinyBERTForQuestionAnswering,
    TinyBertForQuestionAnswering,
    TinyBERTForSequenceClassification,
    TinyBertForSequenceClassification,
    TinyBERTForTokenClassification,
    TinyBertForTokenClassification,
    TinyBERTModel,
    TinyBertModel,
    load,
)
from minibert.text import BertTokenizer, TinyBERTTokenizer, TinyBertTokenizer

__all__ = [
    "BertConfig",
    "BertForMaskedLM",
    "BertForNextSentencePrediction",
    "BertForQuestionAnswering",
    "BertForSequenceClassification",
    "BertForTokenClassification",
    "BertModel",
    "BertTokenizer",
    "LayerSize",
    "TinyBERTForMaskedLM",
    "TinyBERTForNextSentencePrediction",
    "TinyBERTForQuestionAnswering",
    "TinyBERTForSequenceClassification",
    "TinyBERTForTokenClassification",
    "TinyBERTModel",
    "TinyBERTTokenizer",
    "TinyBertForMaskedLM",
    "TinyBertForNextSentencePrediction",
    "TinyBertForQuestionAnswering",
    "TinyBertForSequenceClassification",
    "TinyBertForTokenClassification",
    "TinyBertModel",
    "TinyBertTokenizer",
    "__version__",
    "best_span",
    "load",
    "preset",
]
