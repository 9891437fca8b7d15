"""Texts as a recipe uses them: encoded once, served in batches epoch after epoch."""

from typing import NamedTuple

import numpy as np
from tqdm import tqdm

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
    labels: np.ndarray | None = None  # (texts,) classes or numbers, or (texts, C) teacher's logits
    segments: list | None = None  # lists of int, 1 on the second text of a pair; None: all 0
    n_cut: int = 0  # texts that were longer than the model takes

    @property
    def lengths(self):
        """Tokens in each text."""
        return [len(row) for row in self.ids]

    def with_labels(self, labels):
        """The same texts with other labels."""
        return self._replace(labels=np.asarray(labels))


def encode(tokenizer, texts, labels=None, max_length=None):
    """Tokenize texts or pairs, cut to `max_length` or to what the tokenizer's model can take."""
    texts = list(texts)
    batch = tokenizer(
        texts, truncation=True, padding=False, return_tensors=None, max_length=max_length
    )
    are_pairs = bool(texts) and not isinstance(texts[0], str)
    return Examples(
        batch["input_ids"],
        None if labels is None else np.asarray(labels),
        batch["token_type_ids"] if are_pairs else None,
        batch.n_truncated,
    )


def join(first, second):
    """Two sets of texts as one, without labels."""
    segments = None
    if first.segments or second.segments:
        segments = [
            row
            for part in (first, second)
            for row in (part.segments or [[0] * length for length in part.lengths])
        ]
    return Examples(first.ids + second.ids, None, segments, first.n_cut + second.n_cut)


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
        self.epoch = self.first = 0

    def __len__(self):
        """Batches in an epoch."""
        return -(-len(self.examples.ids) // self.batch_size)

    def skip(self, n):
        """Go to batch n of the run, counted from 0, to continue it there."""
        self.epoch, self.first = divmod(n, len(self))

    def __iter__(self):
        plan = shuffled_plan(
            self.examples.lengths, self.batch_size, seed=self.seed, epoch=self.epoch
        )
        first, self.epoch, self.first = self.first, self.epoch + 1, 0
        ids, labels, segments, _ = self.examples
        yield from iterate_batches(plan[first:], ids, labels, segments)


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
        first, self.first = self.first, 0
        for i, batch in enumerate(super().__iter__()):
            batch["input_ids"], batch["labels"] = mask_tokens(
                batch["input_ids"],
                rng,
                mask_id=self.tokenizer.mask_token_id,
                vocab=len(self.tokenizer),
                special_ids=self.tokenizer.all_special_ids,
            )
            if i >= first:  # the batches before are drawn all the same: they move the rng on
                yield batch


def decide(logits, kind):
    """Classes, or for "regression" numbers, from logits (B,C)."""
    return logits[:, 0] if kind == "regression" else logits.argmax(-1)


def predict_logits(model, examples, batch_size=32, *, show=None):
    """The model's logits for every text, in the order of the texts, (texts, C).

    `show` is what a progress bar is called, on terminals; without it there is none.
    """
    plan = sorted_plan(examples.lengths, batch_size)
    batches = iterate_batches(plan, examples.ids, segments=examples.segments)
    bar = tqdm(batches, show, len(plan), disable=None if show else True, unit="batch")
    return in_input_order([model(**batch).logits for batch in bar], plan)
