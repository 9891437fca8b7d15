"""The classes, a model of each, and a batch with padding and both segments."""

import numpy as np
import pytest
from model.small import random_params, uniform

from minibert import (
    BertForMaskedLM,
    BertForNextSentencePrediction,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
)

CLASSES = [
    BertModel,
    BertForSequenceClassification,
    BertForMaskedLM,
    BertForNextSentencePrediction,
    BertForTokenClassification,
    BertForQuestionAnswering,
]
KINDS = pytest.mark.parametrize("kind", CLASSES)
IDS = np.array([[2, 5, 6, 5, 3], [2, 7, 3, 0, 0]])
MASK = (IDS != 0).astype(int)
SEGMENTS = np.array([[0, 0, 0, 1, 1], [0, 0, 0, 0, 0]])


def model_of(kind, config=None, tokenizer=None):
    config = config or uniform()
    params = random_params(config, kind.head, dtype=np.float32)
    return kind(config, params, tokenizer=tokenizer)


def assert_same_params(a, b):
    assert a.keys() == b.keys()
    for name, p in a.items():
        assert p.tobytes() == b[name].tobytes(), name
