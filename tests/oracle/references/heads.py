"""Heads on the whole model, their losses, and answers."""

import torch

from minibert.model import Output, Span

from .. import hugging_face
from .. import transcription as T
from ..harness import reference
from .model import OURS, dropper, encoded, same


def of_head(mode):
    """Who computed the case of a head."""
    if mode.endswith("dropout"):
        return OURS
    if mode == "tinybert":
        return "transformers BertModel; TinyBERT's released head, relu before the classifier"
    return f"transformers, its BERT class with this head; scores by {OURS}"


@reference(("classification", "next-sentence", "mlm", "tokens", "span"), source=of_head)
def model_with_head(params, config, ids, segments, keep, *, head, at=None, drop=None):
    released = config.pooler == "tinybert"  # a head that transformers has not
    out, theirs = encoded(
        params, config, ids, segments, keep, drop, None if released else head, steps=False
    )
    logits = T.logits(params, config, head, out.hidden[-1], out.pooled, at, dropper(drop))
    if theirs is not None and not released:
        found = hugging_face.logits_of(theirs)
        logits = same(found if at is None else found[at], logits)
    return Output(out._replace(hidden=out.hidden[-1:]), logits)


def of_loss(mode):
    """Who computed a loss."""
    if mode == "regression":
        return "torch.nn.functional.mse_loss"
    places = ", with transformers' rules for places outside the text" if mode == "span" else ""
    return f"torch.nn.functional.cross_entropy{places}"


@reference("head-loss", source=of_loss)
def head_loss(logits, labels, config, head):
    nn = torch.nn.functional
    if head == "span":
        L = logits.shape[1]
        start, end = (
            nn.cross_entropy(logits[..., side], labels[:, side].clamp(0, L), ignore_index=L)
            for side in (0, 1)
        )
        return same((start + end) / 2, T.span_error(logits, labels))
    if logits.shape[-1] == 1:
        return same(nn.mse_loss(logits.squeeze(), labels), T.squared_error(logits, labels))
    loss = nn.cross_entropy(logits.flatten(0, -2), labels.flatten())
    return same(loss, T.cross_entropy(logits, labels))


@reference("best-span", source="the rules of BERT's released run_squad.py, on all pairs")
def answer(start_logits, end_logits, context, *, max_answer, threshold):
    """The best of all pairs of places of all windows, or none."""
    found, nulls = [], []
    for window, (starts, ends) in enumerate(zip(start_logits, end_logits, strict=True)):
        nulls.append(((starts[0] + ends[0]).item(), window))
        for i in range(len(starts)):
            for j in range(len(ends)):
                if not (context[window, i] and context[window, j]) or j < i:
                    continue
                if j - i + 1 > max_answer:
                    continue
                found.append(((starts[i] + ends[j]).item(), i, j, window))
    score, start, end, window = max(found, key=lambda row: row[0])
    null, null_window = min(nulls)
    if null - score > threshold:
        return Span(0, 0, null, null - score, null_window)
    return Span(start, end, score, null - score, window)
