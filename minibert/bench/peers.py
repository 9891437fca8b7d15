"""The other engines: the same weights, the same inputs, called as their own users would.

The only file that imports torch, transformers, onnxruntime and tokenizers, and only once they are
needed. Every peer runs in the faster of the ways that it offers (attention as two products or
fused, AdamW as a loop or fused), which the row's note names.
"""

import importlib.metadata
import importlib.util
import logging
import os
import tempfile
import warnings
from pathlib import Path

from minibert.model.params import init_params

ENGINES = ("torch", "onnxruntime")
NEEDS = {
    "torch": ("torch", "transformers"),
    "onnxruntime": ("onnxruntime", "onnx", "torch", "transformers"),  # torch writes the ONNX file
    "transformers": ("transformers",),
    "tokenizers": ("tokenizers",),
}
ATTENTION = ("sdpa", "eager")
SCORES = "minibert-scores"  # the name of an attention that returns its scores


# ---- which there are


def torch_alone(chosen):
    """Those of the chosen peers that a suite without ONNX Runtime compares with."""
    return tuple(peer for peer in chosen if peer == "torch")


def missing(peer):
    """What has to be installed before this peer can run; empty if nothing.

    Parameters
    ----------
    peer : str
        One of `NEEDS`.

    Returns
    -------
    list of str
    """
    return [name for name in NEEDS[peer] if importlib.util.find_spec(name) is None]


def parse(text):
    """The engines to compare with.

    Parameters
    ----------
    text : str or None
        Names with commas between; "none"; None for all that are installed.

    Returns
    -------
    tuple of str

    Raises
    ------
    ValueError
        A name is unknown.
    ImportError
        What was asked for is not installed; the message says how to.
    """
    if text is None:
        return tuple(peer for peer in ENGINES if not missing(peer))
    if text.strip() == "none":
        return ()
    asked = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in asked:
        if name not in ENGINES:
            raise ValueError(f"--against {name!r} is unknown; there are {', '.join(ENGINES)}, none")
        if lacking := missing(name):
            raise ImportError(
                f"--against {name}: not installed; pip install {' '.join(lacking)}, "
                "or leave it out of --against"
            )
    return asked


def versions(peers):
    """The versions of all that these peers need, by distribution."""
    found = {}
    for name in (name for peer in peers for name in NEEDS[peer]):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # installed under another name
            found[name] = "unknown"
    return found


def set_threads(peers, n):
    """Let every peer that has been chosen use n threads; before any of them runs."""
    os.environ["RAYON_NUM_THREADS"] = str(n)  # of tokenizers
    if "torch" in peers or "onnxruntime" in peers:
        import torch

        torch.set_num_threads(n)


# ---- PyTorch


def torch_model(config, params, implementation="sdpa"):
    """transformers' BertForSequenceClassification with these weights, in evaluation mode.

    Parameters
    ----------
    config : BertConfig
    params : dict of str to ndarray
        With or without a classifier; where it has none, a random one.
    implementation : str
        Of attention: "eager", "sdpa" or `SCORES`.
    """
    import torch
    import transformers

    size = config.layers[0]
    shape = transformers.BertConfig(
        vocab_size=config.vocab,
        hidden_size=config.hidden,
        num_hidden_layers=config.n_layers,
        num_attention_heads=size.heads,
        intermediate_size=size.ffn,
        max_position_embeddings=config.positions,
        hidden_dropout_prob=config.dropout,
        attention_probs_dropout_prob=config.attention_dropout,
        layer_norm_eps=config.eps,
        num_labels=config.classes,
        attn_implementation=implementation,
    )
    model = transformers.BertForSequenceClassification(shape)
    given = params
    if "classifier.weight" not in params:
        given = init_params(config, head="classification") | params
    model.load_state_dict({name: torch.from_numpy(p) for name, p in given.items()})
    return model.eval()


def torch_int8_model(model):
    """The model with its linear layers in int8; activations are quantized as they come.

    Parameters
    ----------
    model : as `torch_model` returns it
        Not changed.
    """
    import torch
    from torch.ao.quantization import quantize_dynamic

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it will move to another package
        return quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)


def torch_inference(model, ids, mask=None):
    """A function that returns (hidden (B,L,D), logits (B,C)) as arrays."""
    import torch

    ids = torch.from_numpy(ids)
    mask = None if mask is None else torch.from_numpy(mask)

    def run():
        with torch.inference_mode():
            out = model.bert(ids, attention_mask=mask)
            logits = model.classifier(out.pooler_output)
        return out.last_hidden_state.numpy(), logits.numpy()

    return run


def torch_attention(q, k, v):
    """A function that returns softmax(q k^T / sqrt(K)) v as an array."""
    import torch

    q, k, v = (torch.from_numpy(a) for a in (q, k, v))

    def run():
        with torch.inference_mode():
            return torch.nn.functional.scaled_dot_product_attention(q, k, v).numpy()

    return run


def torch_int8_product(x, w):
    """A function that returns x w^T in int32 as an array; both are int8."""
    import torch

    x, w = torch.from_numpy(x), torch.from_numpy(w)
    return lambda: torch._int_mm(x, w.T).numpy()


class TorchStep:
    """A training step in PyTorch: forward, backward, clipping to norm 1, AdamW.

    Parameters
    ----------
    config, params
        Of the model; its dropout rates are the config's.
    ids : ndarray (B,L)
    labels : ndarray (B,)
    lr : float
    implementation : str
        Of attention.
    fused : bool
        Whether AdamW goes through each parameter once; else its default.

    Attributes
    ----------
    grad_norm : float
        Of the last step, before clipping.
    """

    def __init__(self, config, params, ids, labels, lr, implementation="eager", fused=True):
        import torch

        self.torch, self.ids, self.labels = torch, torch.from_numpy(ids), torch.from_numpy(labels)
        self.model = torch_model(config, params, implementation).train()
        self._optimize(list(self.model.parameters()), lr, fused)

    def _optimize(self, parameters, lr, fused):
        self.parameters = parameters
        self.optimizer = self.torch.optim.AdamW(
            parameters, lr=lr, weight_decay=0.01, fused=fused or None
        )

    def __call__(self):
        loss = self.loss()
        loss.backward()
        norm = self.torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.grad_norm = float(norm)
        return float(loss.detach())

    def loss(self):
        return self.model(self.ids, labels=self.labels).loss


class TorchDistillation(TorchStep):
    """TinyBERT's step inside the network, D1 to D3 of the paper, and AdamW.

    Parameters
    ----------
    student, teacher : (BertConfig, dict of str to ndarray)
    projections : dict of str to ndarray (D_t,D_s)
        "hidden" and "embedding".
    layer_map : tuple of int
    ids : ndarray (B,L)
    lr : float
    """

    def __init__(self, student, teacher, projections, layer_map, ids, lr, fused=True):
        import torch

        self.torch, self.ids, self.layer_map = torch, torch.from_numpy(ids), layer_map
        _register_scores()
        self.model = torch_model(*student, SCORES).train().bert
        self.teacher = torch_model(*teacher, SCORES).bert
        self.projections = {
            name: torch.nn.Parameter(torch.from_numpy(p.copy())) for name, p in projections.items()
        }
        self._optimize([*self.model.parameters(), *self.projections.values()], lr, fused)

    def loss(self):
        wanted = {"output_hidden_states": True, "output_attentions": True}
        with self.torch.no_grad():
            taught = self.teacher(self.ids, **wanted)
        own = self.model(self.ids, **wanted)
        F = self.torch.nn.functional

        def hidden(m, g, part):
            projected = F.linear(own.hidden_states[m], self.projections[part])
            return F.mse_loss(projected, taught.hidden_states[g])

        loss = hidden(0, 0, "embedding")
        for m, g in enumerate(self.layer_map, 1):
            loss = loss + hidden(m, g, "hidden")
            loss = loss + F.mse_loss(own.attentions[m - 1], taught.attentions[g - 1])
        return loss


def _register_scores():
    """Teach transformers an attention that returns scores where others return probabilities."""
    import torch
    from transformers import AttentionInterface

    def attend(module, query, key, value, attention_mask, scaling=None, dropout=0.0, **_):
        s = query @ key.transpose(2, 3) * scaling
        p = torch.softmax(s, dim=-1)
        p = torch.nn.functional.dropout(p, dropout, module.training)
        return (p @ value).transpose(1, 2).contiguous(), s

    AttentionInterface.register(SCORES, attend)


# ---- ONNX Runtime


class OnnxModel:
    """The same model as an ONNX graph, exported by PyTorch, in a session with n threads.

    Parameters
    ----------
    model : as `torch_model` returns it
    masked : bool
        Whether the graph takes an attention mask.
    threads : int
    int8 : bool
        Whether the graph's weights are in int8, and activations quantized as they come.
    """

    def __init__(self, model, masked, threads, int8=False):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.onnx")
            _export(model, path, masked)
            path = _in_int8(path) if int8 else path
            self.session = onnxruntime.InferenceSession(
                path, options, providers=["CPUExecutionProvider"]
            )

    def inference(self, ids, mask=None):
        """A function that returns (hidden (B,L,D), logits (B,C))."""
        inputs = {"ids": ids} if mask is None else {"ids": ids, "mask": mask}
        return lambda: self.session.run(None, inputs)


def _export(model, path, masked):
    import torch

    class Both(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, ids, mask=None):
            out = self.model.bert(ids, attention_mask=mask)
            return out.last_hidden_state, self.model.classifier(out.pooler_output)

    ids = torch.arange(1, 15).reshape(2, 7)
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    names = ["ids", "mask"] if masked else ["ids"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Both().eval(),  # or the export puts the model back into training mode, with dropout
            (ids, mask) if masked else (ids,),
            str(path),
            dynamo=False,
            opset_version=18,
            input_names=names,
            output_names=["hidden", "logits"],
            dynamic_axes={name: {0: "B", 1: "L"} for name in (*names, "hidden")}
            | {"logits": {0: "B"}},
        )


def _in_int8(path):
    """The file beside it with the graph in int8, as ONNX Runtime's own tool makes it."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantized = path.with_name(f"int8-{path.name}")
    logging.disable(logging.WARNING)  # it advises a step that makes this graph no faster
    try:
        quantize_dynamic(path, quantized, weight_type=QuantType.QInt8)
    finally:
        logging.disable(logging.NOTSET)
    return quantized


# ---- tokenizers


def python_tokenizer(tokens):
    """transformers' BertTokenizer in Python: texts -> lists of ids."""
    from transformers import BertTokenizerLegacy

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "vocab.txt")
        path.write_text("".join(f"{token}\n" for token in tokens), encoding="utf-8", newline="\n")
        tokenizer = BertTokenizerLegacy(str(path), model_max_length=10**9)
    return lambda texts: tokenizer(texts)["input_ids"]


def rust_tokenizer(tokens):
    """The tokenizers library: texts -> lists of ids, on as many threads as `set_threads` said."""
    import tokenizers

    vocab = {token: i for i, token in enumerate(tokens)}
    library = tokenizers.BertWordPieceTokenizer(vocab)
    return lambda texts: [encoding.ids for encoding in library.encode_batch(texts)]
