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

    ids: list  # lists of int, special tokens included
    labels: np.ndarray | None = None  # (texts,) classes, or (texts, C) a teacher's logits

    @property
    def lengths(self):
        """Tokens in each text."""
        return [len(row) for row in self.ids]


def encode(tokenizer, texts, labels=None):
    """Tokenize texts, each cut to the length that the tokenizer's model can take."""
    batch = tokenizer(list(texts), truncation=True, padding=False, return_tensors=None)
    return Examples(batch["input_ids"], None if labels is None else np.asarray(labels))


class Epochs:
    """Batches of examples for `fit`; every pass is a new epoch in a new order.

    Parameters
    ----------
    examples : Examples
    batch_size : int
    seed : int
    """

    def __init__(self, examples, batch_size, seed):
        self.examples, self.batch_size, self.seed = examples, batch_size, seed
        self.epoch = 0

    def __iter__(self):
        plan = shuffled_plan(
            self.examples.lengths, self.batch_size, seed=self.seed, epoch=self.epoch
        )
        self.epoch += 1
        yield from iterate_batches(plan, self.examples.ids, self.examples.labels)


class MaskedEpochs(Epochs):
    """The same with words hidden anew in every epoch; the labels are the hidden words.

    Parameters
    ----------
    examples, batch_size, seed
        See `Epochs`.
    tokenizer : BertTokenizer
    """

    def __init__(self, examples, batch_size, seed, tokenizer):
        super().__init__(examples._replace(labels=None), batch_size, seed)
        self.tokenizer = tokenizer

    def __iter__(self):
        rng = np.random.default_rng((self.seed, self.epoch, 1))
        for batch in super().__iter__():
            batch["input_ids"], batch["labels"] = mask_tokens(
                batch["input_ids"],
                rng,
                mask_id=self.tokenizer.mask_token_id,
                vocab=len(self.tokenizer),
                special_ids=self.tokenizer.all_special_ids,
            )
            yield batch


def predict_logits(model, examples, batch_size=32):
    """The model's logits for every text, in the order of the texts, (texts, C)."""
    plan = sorted_plan(examples.lengths, batch_size)
    logits = [
        model(batch["input_ids"], batch["attention_mask"]).logits
        for batch in iterate_batches(plan, examples.ids)
    ]
    return in_input_order(logits, plan)
