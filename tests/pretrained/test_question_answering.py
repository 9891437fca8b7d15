"""From a question and a long document to its answer: windows, training, the best span."""

import numpy as np
import pytest
from model.small import uniform

from minibert import BertForQuestionAnswering, BertTokenizer, best_span
from minibert.model import init_params
from minibert.text import SPECIAL_TOKENS
from minibert.train import TrainStep

QUESTION = "q ?"


@pytest.fixture(scope="module")
def model():
    """Has learned that the answer is "x y", and that there is none without it."""
    tokenizer = BertTokenizer([*SPECIAL_TOKENS, *"abcdefghqxy?"], model_max_length=12)
    config = uniform(vocab=len(tokenizer), hidden=24, ffn=32, positions=12, dropout=0.0,
                     attention_dropout=0.0)
    params = init_params(config, seed=1, head="span")
    found = BertForQuestionAnswering(config, params, tokenizer=tokenizer)
    step, rng = TrainStep(found, lr=3e-3), np.random.default_rng(0)
    for _ in range(120):
        documents = rng.choice([*"abcdefgh"], (16, 7))
        places = rng.integers(0, 6, 16)
        labels = np.zeros((16, 2), int)
        for row in range(0, 16, 2):
            documents[row, places[row] : places[row] + 2] = "x", "y"
            labels[row] = 4 + places[row], 5 + places[row]
        batch = tokenizer([(QUESTION, " ".join(words)) for words in documents])
        step(labels=labels, **batch)
    assert step.loss < 0.1
    return found


def answer(model, document, **options):
    """The text of the answer, as a user would find it."""
    batch = model.tokenizer(
        [(QUESTION, document)], truncation="only_second", max_length=12, stride=3,
        return_overflowing_tokens=True, return_offsets_mapping=True, padding=True,
    )
    offsets = batch.pop("offset_mapping")
    del batch["overflow_to_sample_mapping"]
    outputs = model(**batch)
    context = np.array([[text == 1 for text in batch.sequence_ids(row)]
                        for row in range(len(batch.input_ids))])
    span = best_span(outputs.start_logits, outputs.end_logits, context, **options)
    first, last = offsets[span.window, span.start], offsets[span.window, span.end]
    return document[first[0] : last[1]], span, len(context)


@pytest.mark.parametrize("before", [0, 2, 5, 9, 16])
def test_an_answer_in_whichever_window(model, before):
    document = "a b c d e f g h a b c d e f g h".replace(" ", "  ")
    words = document.split("  ")
    document = "  ".join([*words[:before], "x", "y", *words[before:]])
    text, span, windows = answer(model, document)
    assert text == "x  y", "the very characters, white space and all"
    assert windows > 3
    assert span.null_difference < 0


def test_a_document_without_an_answer(model):
    document = "a b c d e f g h a b c d e f g h"
    text, span, _ = answer(model, document)
    assert (text, span.start, span.end) == ("", 0, 0)
    assert span.null_difference > 0
    forced, span, _ = answer(model, document, threshold=np.inf)
    assert forced
    assert forced in document
