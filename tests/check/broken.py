"""A model with one mistake in it, as a checkpoint where it can hold it, else as its activations.

Each function takes a classifier and returns the other model (or a dict of activations), the tensor
at which its numbers leave the model's, the cause, and words that must be in the sentence.
"""

from dataclasses import replace

import numpy as np
from model.small import batch

from minibert import kernels as F
from minibert.check.activations import activations
from minibert.model.block import join_heads, split_heads
from minibert.pretrained import BertForSequenceClassification

LAYER = "encoder.layer."


def like(m, config=None, **others):
    """The same model with other parameters (``bert.`` left out of their names, _ for .)."""
    return BertForSequenceClassification(config or m.config, m.params | others)


def param(name):
    return f"bert.{LAYER}{name}"


def dump(m, *, only=None, length=5, **changed):
    """The activations of a model in float32, with its inputs, as a file would have them."""
    ids, segments, keep = batch(m.config, rows=3, length=length)
    given = {"input_ids": ids, "token_type_ids": segments, "attention_mask": keep.astype(np.int64)}
    run = {"ids": ids, "segments": segments, "keep": keep} | changed
    found = activations({n: p.astype(np.float64) for n, p in m.params.items()}, m.config,
                        run["ids"], run["segments"], run["keep"], m.head)
    found = {n: a.astype(np.float32) for n, a in found.items() if only is None or only(n)}
    return given | found


def transposed(m):
    name = param("1.attention.self.value.weight")
    return (like(m, **{name: m.params[name].T.copy()}), "encoder.layer.1.attention.self.value",
            "transposed-weight", ["encoder.layer.1.attention.self.value", "transposed"])


def all_transposed(m):
    square = {n: p.T.copy() for n, p in m.params.items() if p.ndim == 2 and len(set(p.shape)) == 1}
    return (like(m, **square), "encoder.layer.0.attention.self.query",
            "transposed-weight", ["every square weight"])


def transposed_pooler(m):
    name = "bert.pooler.dense.weight"
    return (like(m, **{name: m.params[name].T.copy()}), "pooler.dense",
            "transposed-weight", ["pooler.dense"])


def query_key(m):
    new = {}
    for kind in ("weight", "bias"):
        q, k = (param(f"1.attention.self.{n}.{kind}") for n in ("query", "key"))
        new |= {q: m.params[k], k: m.params[q]}
    return (like(m, **new), "encoder.layer.1.attention.self.query",
            "query-key-swapped", ["query and key are swapped in layer 1"])


def all_query_key(m):
    def name(n):
        to = {"query": "key", "key": "query"}
        return ".".join(to.get(part, part) for part in n.split("."))

    params = {name(n): p for n, p in m.params.items()}
    return (dump(like(m, **params)), "encoder.layer.0.attention.self.query",
            "query-key-swapped", ["query and key are swapped in every layer"])


def query_key_scores(m):
    attention = F.attention_forward
    with F.swap(attention=(lambda q, k, v, *a, **o: attention(k, q, v, *a, **o), None)):
        return (dump(m), "encoder.layer.0.attention.self.scores",
                "query-key-swapped", ["in the scores of every layer"])


def other_gelu(m):
    with F.swap(gelu=(F.gelu_tanh_forward, None)):
        return dump(m), "encoder.layer.0.intermediate", "other-gelu", ["tanh"]


def eps_in_config(m):
    return (like(m, replace(m.config, eps=1e-5)), "embeddings", "other-eps", ["eps is 1e-05, not"])


def odd_eps(m):
    return like(m, replace(m.config, eps=0.0123)), "embeddings", "other-eps", ["eps is 0.0123, not"]


def eps_in_file(m):
    return (dump(like(m, replace(m.config, eps=1e-3))), "embeddings", "other-eps",
            ["eps is 0.001, not"])


def mask_ignored(m):
    _, _, keep = batch(m.config, rows=3)
    return (dump(m, keep=np.ones_like(keep)), "encoder.layer.0.attention.self.probabilities",
            "mask-ignored", ["mask is ignored"])


def segments_ignored(m):
    _, segments, _ = batch(m.config, rows=3)
    return (dump(m, segments=np.zeros_like(segments)), "embeddings.token_type_embeddings",
            "segments-ignored", ["every token is in segment 0"])


def segments_all_zero(m):
    name = "bert.embeddings.token_type_embeddings.weight"
    return (like(m, **{name: np.tile(m.params[name][:1], (2, 1))}),
            "embeddings.token_type_embeddings", "segments-ignored", ["every token is in segment 0"])


def segments_left_out(m):
    name = "bert.embeddings.token_type_embeddings.weight"
    return (like(m, **{name: np.zeros_like(m.params[name])}), "embeddings.token_type_embeddings",
            "segments-ignored", ["embeddings are left out"])


def shifted(m, order, **others):
    """Layer i with the weights of layer order[i]."""
    new = {}
    for name, p in m.params.items():
        for i, j in enumerate(order):
            if name.startswith(param(f"{j}.")):
                new[name.replace(param(f"{j}."), param(f"{i}."), 1)] = p
    return like(m, **new)


def layers_shifted(m):
    N = m.config.n_layers
    other = shifted(m, [min(i + 1, N - 1) for i in range(N)])
    return (other, "encoder.layer.0.attention.self.query", "layers-shifted",
            ["layer i runs with the weights of layer i+1", "nearest"])


def layers_shifted_back(m):
    N = m.config.n_layers
    other = shifted(m, [(i - 1) % N for i in range(N)])
    return (dump(other), "encoder.layer.0.attention.self.query", "layers-shifted",
            ["layer i runs with the weights of layer i-1", "circle"])


def layers_swapped(m):
    other = shifted(m, [0, 2, 1, *range(3, m.config.n_layers)])
    return (other, "encoder.layer.1.attention.self.query", "layers-shifted",
            ["the layers 1 and 2 are swapped"])


def names_shifted(m):
    found = dump(m)
    states = {f"hidden_states.{i}": found[f"{LAYER}{i}.output"] for i in range(m.config.n_layers)}
    inputs = {n: a for n, a in found.items() if "_" in n and "." not in n}
    return (inputs | states, "hidden_states.0", "layers-shifted",
            ["hidden_states.0 is hidden_states.1"])


def pre_ln(m):
    ids, segments, keep = batch(m.config, rows=3)
    found = dump(m, only=lambda n: n.startswith("embeddings"))
    p = {n.removeprefix("bert."): a.astype(np.float64) for n, a in m.params.items()}

    def linear(x, name):
        y = x @ p[f"{name}.weight"].T + p[f"{name}.bias"]
        found[name] = y.astype(np.float32)
        return y

    def norm(x, name):
        mu, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        return p[f"{name}.weight"] * (x - mu) / np.sqrt(var + m.config.eps) + p[f"{name}.bias"]

    x = activations(m.params, m.config, ids, segments, keep, until="embeddings")["embeddings"]
    for i, size in enumerate(m.config.layers):
        layer = f"{LAYER}{i}."
        h = norm(x, f"{layer}attention.output.LayerNorm")
        q, k, v = (split_heads(linear(h, f"{layer}attention.self.{n}"), size.heads)
                   for n in ("query", "key", "value"))
        s = q @ k.swapaxes(-1, -2) / np.sqrt(size.head_size)
        s = np.where(keep[:, None, None], s, -np.inf)
        e = np.exp(s - s.max(-1, keepdims=True))
        c = join_heads(e / e.sum(-1, keepdims=True) @ v)
        x = x + linear(c, f"{layer}attention.output.dense")
        h = linear(norm(x, f"{layer}output.LayerNorm"), f"{layer}intermediate.dense")
        x = x + linear(F.gelu_forward(h)[0], f"{layer}output.dense")
        found[f"hidden_states.{i + 1}"] = x.astype(np.float32)
    return (found, "encoder.layer.0.attention.self.query", "pre-ln", ["pre-LN, x + f(LN(x))"])


def resplit(split, join):
    attention = F.attention_forward

    def other(q, k, v, *args, **options):
        H = q.shape[1]
        q, k, v = (split(join_heads(x), H) for x in (q, k, v))
        attended, cache = attention(q, k, v, *args, **options)
        return attended._replace(context=split_heads(join(attended.context), H)), cache

    return F.swap(attention=(other, None))


def heads_last(m):
    def split(x, H):
        return np.stack([x[..., h::H] for h in range(H)], 1)

    def join(x):
        return np.stack(list(x.swapaxes(0, 1)), -1).reshape(len(x), x.shape[2], -1)

    with resplit(split, join):
        return (dump(m), "encoder.layer.0.attention.self.scores", "head-order",
                ["(B,L,K,H)", "in every layer"])


def heads_reshaped(m):
    with resplit(lambda x, H: x.reshape(len(x), H, x.shape[1], -1), join_heads):
        return (dump(m), "encoder.layer.0.attention.self.scores", "head-order",
                ["without a transpose", "in every layer"])


def heads_permuted(m, order, output=False):
    new = {}
    for i in range(m.config.n_layers):
        for kind in ("weight", "bias"):
            for n in ("query", "key", "value"):
                new[param(f"{i}.attention.self.{n}.{kind}")] = (
                    m.params[param(f"{i}.attention.self.{n}.{kind}")][order])
        name = param(f"{i}.attention.output.dense.weight")
        new |= {name: m.params[name][:, order]} if output else {}
    return like(m, **new)


def heads_in_rows(m):
    H, K = m.config.layers[0].heads, m.config.layers[0].head_size
    order = [h * K + k for k in range(K) for h in range(H)]
    return (heads_permuted(m, order), "encoder.layer.0.attention.self.query", "head-order",
            ["(K,H) for (H,K)", "query, key and value", "in every layer"])


def whole_heads(m):
    H, K = m.config.layers[0].heads, m.config.layers[0].head_size
    order = np.roll(np.arange(H * K).reshape(H, K), 1, 0).ravel()
    return (heads_permuted(m, order, output=True), "encoder.layer.0.attention.self.query",
            "head-order", [f"whole heads: {H - 1}, 0", "and the columns of the output"])


def label_order(m):
    order = [1, 2, 0]
    new = {f"classifier.{kind}": m.params[f"classifier.{kind}"][order]
           for kind in ("weight", "bias")}
    return (like(m, **new), "classifier", "label-order",
            ["output 0 of OTHER is output 1 (maybe) of REFERENCE"])


def label_order_in_file(m):
    found = dump(m, only=lambda n: n == "classifier")
    found["logits"] = found.pop("classifier")[:, ::-1]
    return found, "logits", "label-order", ["output 0 of OTHER is output 2 (yes) of REFERENCE"]


BROKEN = (
    transposed, all_transposed, transposed_pooler, query_key, all_query_key, query_key_scores,
    other_gelu, eps_in_config, odd_eps, eps_in_file, mask_ignored, segments_ignored,
    segments_all_zero, segments_left_out, layers_shifted, layers_shifted_back, layers_swapped,
    names_shifted, pre_ln, heads_last, heads_reshaped, heads_in_rows, whole_heads, label_order,
    label_order_in_file,
)  # fmt: skip


def check(m, broken, **options):
    """That `trace` locates and names a mistake."""
    from minibert.check.trace import trace

    other, first, cause, words = broken(m)
    found = trace(m, other, **options)
    assert not found
    said = str(found)
    assert found.first.name == first, said
    assert found.causes, said
    assert found.causes[0].cause == cause, said
    assert all(word in found.causes[0].says for word in words), said
    assert found.causes[0].next is None, said
    return found
