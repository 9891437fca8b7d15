"""The supervised loss of each head.

    (1)  loss = mean over the rows that count of -log softmax(z)[label]
    (2)  loss = mean over the batch of (z - label)^2                          regression, C = 1
    (3)  loss = (1/2) sum over start and end of the mean over the texts
                that count of -log softmax over the places of z[:, side]      span

A row of (1) is a text, or for "mlm" and "tokens" a token; label -100 leaves it out, of the sum and
of the number it is divided by. In (3) the softmax goes over the L places of a text, those of its
padding among them, as in Hugging Face's BERT; so do its two rules for places outside the text: one
at L or beyond (an answer that was cut off) is not counted, a negative one counts as place 0.

Source: Devlin et al. 2018, sections 3.1, 4.1 and 4.2.
"""

import numpy as np

from minibert import kernels as F
from minibert.model.params import check_head


def label_shape(head, shape):
    """The shape of the labels of a batch of ids of this shape, (B,L)."""
    B, L = shape
    return {"mlm": (B, L), "tokens": (B, L), "span": (B, 2)}.get(head, (B,))


def loss_forward(logits, labels, config, head):
    """The supervised loss of a head.

    Parameters
    ----------
    logits : ndarray
        As `bert_forward` gives them.
    labels : ndarray
        Of int, of the shape of the logits without their last axis, -100 where nothing counts; for
        regression (C = 1) real numbers (B,); for "span" (B,2), each answer's first and last place.
    config : BertConfig
    head : {"classification", "mlm", "next_sentence", "tokens", "span"}

    Returns
    -------
    loss : scalar
        In nats. 0 where nothing counts.
    dlogits : ndarray, as logits
    """
    check_head(head)
    if head is None:
        raise ValueError("head is None: a model without a head has no loss")
    labels = np.asarray(labels)
    if head == "span":
        return _span_loss(logits, labels)
    if head == "classification" and config.classes == 1:
        target = labels.reshape(logits.shape).astype(logits.dtype)
        loss, cache = F.mse_forward(logits, target)  # (2)
        return loss, F.mse_backward(1.0, cache)[0]
    loss, cache = F.softmax_cross_entropy_forward(logits, labels)  # (1)
    return loss, F.softmax_cross_entropy_backward(1.0, cache)


def _span_loss(logits, labels):
    """Loss and gradient of (3), for logits (B,L,2) and labels (B,2)."""
    B, L, _ = logits.shape
    if labels.shape != (B, 2) or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"labels is {labels.dtype} {labels.shape}; wanted integers ({B}, 2), the first and the "
            "last place of each answer"
        )
    places = np.clip(labels, 0, L)  # (B,2)
    total, dlogits = 0.0, np.empty_like(logits)
    for side in (0, 1):
        loss, cache = F.softmax_cross_entropy_forward(
            np.ascontiguousarray(logits[..., side]), places[:, side], ignore_index=L
        )  # over (B,L)  (3)
        total = total + 0.5 * loss
        dlogits[..., side] = F.softmax_cross_entropy_backward(0.5, cache)  # (3')
    return total, dlogits
