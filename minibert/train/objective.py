"""The supervised objective: a batch with labels -> the loss of the model's head and all gradients.

The losses are those of `minibert.model.loss`: cross-entropy over texts, over labelled tokens or
over the places of a span, or the squared error of a regression.

Any callable `objective(model, batch, drop) -> (loss, parts, grads)` can stand in its place: `batch`
is a dict of arrays, `drop` says which dropout masks to use (None: no dropout), `parts` are named
summands to be logged, `grads` has the names of parameters as keys. An objective with parameters of
its own, such as the projections of distillation, has them in an attribute `params`, a dict of
arrays, and gives their gradients together with the model's.
"""

from minibert.model import Output, bert_backward, bert_forward, label_shape, loss_forward


def supervised(model, batch, drop):
    """Loss and gradients of the model's own head.

    Parameters
    ----------
    model : object
        With .params, .config and .head, as the classes of minibert.pretrained.
    batch : dict
        input_ids (B,L) and labels; optionally token_type_ids and attention_mask (B,L). Labels are
        (B,) classes, (B,) numbers for regression, (B,2) first and last places for a span, or for
        the masked language model and for tokens (B,L), -100 where there is nothing to predict.
    drop : Drop or None

    Returns
    -------
    loss : float
        Natural log.
    parts : dict
        Empty: the loss is its only part.
    grads : dict of str to ndarray

    Raises
    ------
    ValueError
        Without labels, or with labels of another shape than the head needs.
    """
    labels, ids = batch.get("labels"), batch["input_ids"]
    if labels is None:
        raise ValueError("labels: missing; a supervised step needs them")
    wanted = label_shape(model.head, ids.shape)
    if labels.shape != wanted:
        raise ValueError(
            f"labels: got shape {labels.shape}, wanted {wanted} for head {model.head!r} and "
            f"input_ids of shape {ids.shape}"
        )
    at = labels != -100 if model.head == "mlm" else None  # (B,L) logits of the masked tokens only
    out, cache = bert_forward(
        model.params,
        model.config,
        ids,
        batch.get("token_type_ids"),
        batch.get("attention_mask"),
        head=model.head,
        at=at,
        drop=drop,
    )
    loss, dlogits = loss_forward(
        out.logits, labels if at is None else labels[at], model.config, model.head
    )
    grads = bert_backward(Output(None, dlogits), model.params, model.config, cache)
    return float(loss), {}, grads
