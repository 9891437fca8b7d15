"""Texts as a recipe uses them: encoded once, served in batches epoch after epoch."""

from typing import NamedTuple

import numpy as np

from minibert.data import (
    in_input_order,
    iterate_batches,
    mask_tokens,
    shuffled_plan,
    sorted_plan,
)


class Examples(NamedTuple):
    """Encoded texts and what is to be learned of them."""

    ids: list  # of lists of int, special tokens included
    labels: np.ndarray | None = None  # (texts,) classes, or (texts, C) teacher's logits

    @property
    def lengths(self):
        """Tokens in each text."""
        return [len(row) for row in self.ids]


def encode(tokenizer, texts, labels=None, max_length=None):
    """Tokenize texts, each cut to the model's length."""
    rows = tokenizer(
        list(texts), truncation=True, max_length=max_length, return_tensors=None, padding=False
    )["input_ids"]
    return Examples(rows, None if labels is None else np.asarray(labels))


class Epochs:
    """Batches of examples for `fit`; every pass over it is a new epoch in a new order.

    Parameters
    ----------
    examples : Examples
    batch_size : int
    seed : int
    mlm : BertTokenizer, optional
        Hide words by the rule of masked language modelling; the labels are the hidden words.
    """

    def __init__(self, examples, batch_size, seed, mlm=None):
        self.examples, self.batch_size, self.seed, self.mlm = examples, batch_size, seed, mlm
        self.epoch = 0

    def __iter__(self):
        plan = shuffled_plan(
            self.examples.lengths, self.batch_size, seed=self.seed, epoch=self.epoch
        )
        rng = np.random.default_rng((self.seed, self.epoch, 1))
        self.epoch += 1
        for batch in iterate_batches(plan, self.examples.ids, self.examples.labels):
            if self.mlm is not None:
                batch["input_ids"], batch["labels"] = _masked(batch, self.mlm, rng)
            yield batch


def predict_logits(model, examples, batch_size=32):
    """The model's logits for every text, in the order of the texts, (texts, C)."""
    plan = sorted_plan(examples.lengths, batch_size)
    logits = [
        model(batch["input_ids"], batch["attention_mask"]).logits
        for batch in iterate_batches(plan, examples.ids)
    ]
    return in_input_order(logits, plan)
