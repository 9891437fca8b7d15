"""The user-level classes, with the call shape of Hugging Face's transformers.

    model = BertForSequenceClassification.from_pretrained("folder")
    outputs = model(**tokenizer(["a text"], return_tensors="np"))
    outputs.logits, outputs["logits"]

A model is a config, a flat dict of parameters and, where there is one, a tokenizer; everything it
computes is in `minibert.model`.
"""

from minibert.pretrained.base import BertModel
from minibert.pretrained.heads import (
    BertForMaskedLM,
    BertForNextSentencePrediction,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    load,
)
from minibert.pretrained.inputs import ModelOutput

# The spellings found in articles.
TinyBertModel = TinyBERTModel = BertModel
TinyBertForMaskedLM = TinyBERTForMaskedLM = BertForMaskedLM
TinyBertForNextSentencePrediction = BertForNextSentencePrediction
TinyBERTForNextSentencePrediction = BertForNextSentencePrediction
TinyBertForQuestionAnswering = TinyBERTForQuestionAnswering = BertForQuestionAnswering
TinyBertForSequenceClassification = BertForSequenceClassification
TinyBERTForSequenceClassification = BertForSequenceClassification
TinyBertForTokenClassification = TinyBERTForTokenClassification = BertForTokenClassification
