"""BERT and TinyBERT's losses once more, in PyTorch, written from the papers' formulas.

The reference for the model's gradients: the forward pass alone, on a dict of tensors, so that
autograd does the backward. It shares no code with minibert and is written differently on purpose
(heads as an axis of the weights, einsum, autograd), so that one error is not made twice.

Sources: Devlin et al. 2018 (the model), Jiao et al. 2020 (equations 7 to 10, the losses), and
Hugging Face's BERT where the paper is silent (padding bias, no look-up gradient for [PAD]).
"""

import math

import torch

LAYER = "bert.encoder.layer.{}."
EMBEDDINGS = "bert.embeddings."
SITES_PER_LAYER = 3


def as_it_is(name, x):
    """Keeps no record of the steps."""
    return x


def encode(p, config, ids, segments=None, keep=None, masks=None, record=as_it_is):
    """The encoder.

    Parameters
    ----------
    p : dict of str to tensor
        Hugging Face's names; optionally ``....attention.head_mask`` (H,) in any layer.
    config : BertConfig
        Only its sizes, eps and rates are read.
    ids, segments : tensor of int (B,L)
    keep : tensor of bool (B,L)
    masks : dict of int to tensor of bool, optional
        Dropout by site: 0 after the embeddings, then for layer i at 1 + 3 i the attention
        probabilities, after it the attention's output and the feed-forward output, at last the
        pooled vector. Without it nothing is dropped. Or a function (x, site, rate) that drops.
    record : callable
        Called with the name and the value of every step of every layer.

    Returns
    -------
    hidden : list of N + 1 tensors (B,L,D)
    scores : list of N tensors (B,H,L,L)
        Before the padding bias.
    pooled : tensor (B,D)
    """
    L = ids.shape[1]
    word = torch.nn.functional.embedding(
        ids, p[EMBEDDINGS + "word_embeddings.weight"], padding_idx=config.pad_id
    )
    position = p[EMBEDDINGS + "position_embeddings.weight"][torch.arange(L)]
    kinds = torch.zeros_like(ids) if segments is None else segments
    segment = p[EMBEDDINGS + "token_type_embeddings.weight"][kinds]
    x = norm(word + position + segment, p, EMBEDDINGS + "LayerNorm", config.eps)
    x = drop(x, masks, 0, config.dropout)
    hidden, scores = [x], []
    for i, size in enumerate(config.layers):
        def of_layer(name, value, i=i):
            return record(f"layer.{i}.{name}", value)

        site = 1 + SITES_PER_LAYER * i
        x, s = layer(x, p, LAYER.format(i), size, config, keep, masks, site, of_layer)
        hidden.append(x)
        scores.append(s)
    first = hidden[-1].select(1, 0)
    pooled = torch.tanh(dense(first, p, "bert.pooler.dense"))
    return hidden, scores, pooled


def layer(x, p, name, size, config, keep, masks, site, record=as_it_is):
    """One layer: the new states and the scores."""
    H, K = size.heads, size.head_size

    def project(which):
        w = p[f"{name}attention.self.{which}.weight"].view(H, K, -1)
        b = p[f"{name}attention.self.{which}.bias"].view(H, 1, K)
        return torch.einsum("bld,hkd->bhlk", x, w) + b

    q, k, v = (record(which, project(which)) for which in ("query", "key", "value"))
    scores = torch.einsum("bhlk,bhsk->bhls", q, k) / math.sqrt(K)
    logits = scores
    if keep is not None:
        lowest = torch.finfo(scores.dtype).min
        hidden = (~keep).to(scores.dtype) * lowest
        logits = scores + hidden[:, None, None, :]
    weights = torch.exp(logits - logits.amax(-1, keepdim=True))
    weights = record("probabilities", weights / weights.sum(-1, keepdim=True))
    weights = drop(weights, masks, site, config.attention_dropout)
    context = torch.einsum("bhls,bhsk->bhlk", weights, v)
    if f"{name}attention.head_mask" in p:
        context = context * p[f"{name}attention.head_mask"].view(1, H, 1, 1)
    context = record("context", context)
    wo = p[f"{name}attention.output.dense.weight"].view(-1, H, K)
    joined = torch.einsum("bhlk,dhk->bld", context, wo) + p[f"{name}attention.output.dense.bias"]
    joined = drop(joined, masks, site + 1, config.dropout)
    x1 = norm(x + joined, p, f"{name}attention.output.LayerNorm", config.eps)
    x1 = record("attention_output", x1)
    inner = gelu(record("gelu_input", dense(x1, p, f"{name}intermediate.dense")))
    inner = record("gelu_output", inner)
    outer = drop(dense(inner, p, f"{name}output.dense"), masks, site + 2, config.dropout)
    return norm(x1 + outer, p, f"{name}output.LayerNorm", config.eps), scores


def logits(p, config, head, x, pooled, at=None, masks=None):
    """What a head makes of the last states x (B,L,D) or the pooled vector (B,D)."""
    if head == "classification":
        return classify(p, config, pooled, masks)
    if head == "next_sentence":
        return follows(p, pooled)
    if head == "mlm":
        return predict_words(p, config, x if at is None else x[at])
    if head == "tokens":
        return label_tokens(p, config, x, masks)
    return find_span(p, x)


def classify(p, config, pooled, masks=None):
    """Logits (B,C) in either pooler convention."""
    if config.pooler == "tinybert":
        seen = torch.where(pooled > 0, pooled, 0.0)
    else:
        seen = drop(pooled, masks, 1 + SITES_PER_LAYER * len(config.layers), config.head_dropout)
    return dense(seen, p, "classifier")


def follows(p, pooled):
    """Next sentence: logits (B,2), the first for a text that does follow."""
    return dense(pooled, p, "cls.seq_relationship")


def label_tokens(p, config, x, masks=None):
    """Logits (B,L,C) of the last states, dropped out at the site after the last layer's."""
    site = 1 + SITES_PER_LAYER * len(config.layers)
    return dense(drop(x, masks, site, config.head_dropout), p, "classifier")


def find_span(p, x):
    """Logits (B,L,2): start and end."""
    return dense(x, p, "qa_outputs")


def predict_words(p, config, x):
    """Logits (..., V); the decoder's weight is the word table."""
    h = gelu(dense(x, p, "cls.predictions.transform.dense"))
    h = norm(h, p, "cls.predictions.transform.LayerNorm", config.eps)
    table = p[EMBEDDINGS + "word_embeddings.weight"]
    return torch.einsum("...d,vd->...v", h, table) + p["cls.predictions.bias"]


def dense(x, p, name):
    """x W^T + b."""
    return torch.einsum("...i,oi->...o", x, p[f"{name}.weight"]) + p[f"{name}.bias"]


def norm(x, p, name, eps):
    """LayerNorm with the biased variance."""
    mean = x.mean(-1, keepdim=True)
    variance = x.var(-1, unbiased=False, keepdim=True)
    return (x - mean) / torch.sqrt(variance + eps) * p[f"{name}.weight"] + p[f"{name}.bias"]


def gelu(x):
    """The erf form."""
    return x * (1 + torch.erf(x / math.sqrt(2))) / 2


def drop(x, masks, site, rate):
    """Dropout with an explicit mask, or by a function."""
    if callable(masks):
        return masks(x, site, rate)
    return x if masks is None or rate == 0 else torch.where(masks[site], x / (1 - rate), 0.0)


def cross_entropy(logits, labels):
    """Mean of -log p[label] over the labels that are not -100."""
    counted = labels != -100
    rows, labels = logits[counted], labels[counted]
    logp = rows - torch.logsumexp(rows, -1, keepdim=True)
    return -logp[torch.arange(len(labels)), labels].mean()


def span_error(logits, places):
    """Mean of the start's and the end's cross-entropy over the places; those cut off do not count.

    Logits (B,L,2), places (B,2).
    """
    L = logits.shape[1]
    sides = []
    for z, place in zip(logits.unbind(-1), places.unbind(-1), strict=True):
        place = torch.where(place < L, place.clamp(min=0), -100)
        sides.append(cross_entropy(z, place))
    return (sides[0] + sides[1]) / 2


def squared_error(logits, values):
    """Regression: the mean over the batch of (logit - value)^2."""
    return ((logits.view(-1) - values) ** 2).mean()


def tinybert_parts(student, teacher, layer_map, w_hidden, w_embedding, keep=None):
    """D1, D2 and D3 of TinyBERT, as the paper writes them.

    Parameters
    ----------
    student, teacher : tuple (hidden, scores)
        As `encode` returns them.
    layer_map : sequence of int
        g(1) .. g(M).
    w_hidden, w_embedding : tensor (D_t,D_s)
    keep : tensor of bool (B,L), optional
        If given, only tokens, and pairs of tokens, that are there count.

    Returns
    -------
    dict of str to scalar tensor
    """
    (h_s, a_s), (h_t, a_t) = student, teacher

    def mean_square(difference):  # (B,L,D)
        if keep is None:
            return difference.pow(2).sum() / difference.numel()
        kept = difference[keep]  # (tokens, D)
        return kept.pow(2).sum() / kept.numel()

    def mean_square_of_pairs(difference):  # (B,H,L,L)
        if keep is None:
            return difference.pow(2).sum() / difference.numel()
        total, count = 0.0, 0
        for of_text, here in zip(difference, keep, strict=True):
            kept = of_text[:, here][:, :, here]  # (H,L_b,L_b)
            total, count = total + kept.pow(2).sum(), count + kept.numel()
        return total / count

    pairs = list(enumerate(layer_map, 1))
    return {
        "attention": sum(mean_square_of_pairs(a_s[m - 1] - a_t[g - 1]) for m, g in pairs),
        "hidden": sum(mean_square(h_s[m] @ w_hidden.T - h_t[g]) for m, g in pairs),
        "embedding": mean_square(h_s[0] @ w_embedding.T - h_t[0]),
    }


def released_parts(student, teacher, keep, w, b):
    """The same losses as the code that TinyBERT's authors released computes them.

    The masked scores are compared, whatever is at or below -100 on either side as 0; every state
    of the student goes through one linear layer; layer m learns from the last layer of the m-th of
    M equal blocks of the teacher, so that M divides N.

    Parameters
    ----------
    student, teacher : tuple (hidden, scores)
        As `encode` returns them.
    keep : tensor of bool (B,L)
    w : tensor (D_t,D_s)
    b : tensor (D_t,)

    Returns
    -------
    dict of str to scalar tensor
    """
    (h_s, a_s), (h_t, a_t) = student, teacher
    assert len(a_t) % len(a_s) == 0
    block = len(a_t) // len(a_s)
    mask = ((1.0 - keep.to(w.dtype)) * -10000.0).unsqueeze(1).unsqueeze(2)

    def clean(scores):
        masked = scores + mask
        return torch.where(masked <= -1e2, torch.zeros_like(masked), masked)

    mse = torch.nn.functional.mse_loss
    taught_scores = [a_t[block * i + block - 1] for i in range(len(a_s))]
    taught_states = [h_t[block * i] for i in range(len(h_s))]
    fitted = [torch.nn.functional.linear(h, w, b) for h in h_s]
    of_states = [mse(p, t) for p, t in zip(fitted, taught_states, strict=True)]
    of_scores = [mse(clean(s), clean(t)) for s, t in zip(a_s, taught_scores, strict=True)]
    return {"attention": sum(of_scores), "hidden": sum(of_states[1:]), "embedding": of_states[0]}


def prediction(student, teacher, tau):
    """D4 on logits (B,C): the mean over B of -sum_c p_t log p_s, with no factor tau^2."""
    p_t = torch.softmax(teacher / tau, -1)
    return -(p_t * torch.log_softmax(student / tau, -1)).sum(-1).mean()
