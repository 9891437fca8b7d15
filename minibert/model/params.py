"""Parameters: a flat dict of arrays under Hugging Face's names, always with ``bert.`` in front.

Gradients are a dict with the same keys. A tied weight exists once.
"""

from collections.abc import Mapping

import numpy as np

EMBEDDINGS = "bert.embeddings."
POOLER = "bert.pooler.dense"

# The last linear layer of each head; "mlm" has none of its own, its decoder is the word table.
OUTPUT_LAYERS = {
    "classification": "classifier",
    "mlm": None,
    "next_sentence": "cls.seq_relationship",
    "tokens": "classifier",
    "span": "qa_outputs",
}
TRANSFORM = "cls.predictions.transform"
DECODER_BIAS = "cls.predictions.bias"


def layer_prefix(i):
    """What the names of layer i begin with."""
    return f"bert.encoder.layer.{i}."


def layer_view(params, i):
    """Layer i's parameters under short names; the arrays themselves, not copies."""
    return _LayerView(params, layer_prefix(i))


class _LayerView(Mapping):
    """The entries whose names begin with a prefix, by the rest of their names."""

    def __init__(self, params, prefix):
        self.params, self.prefix = params, prefix

    def __getitem__(self, name):
        return self.params[self.prefix + name]

    def __iter__(self):
        return (n[len(self.prefix) :] for n in self.params if n.startswith(self.prefix))

    def __len__(self):
        return sum(1 for _ in self)


def check_head(head):
    """A ValueError if there is no such head."""
    if head is not None and head not in tuple(OUTPUT_LAYERS):
        raise ValueError(f"head is {head!r}; it is None or one of {', '.join(OUTPUT_LAYERS)}")


def parameter_shapes(config, head=None):
    """The name and shape of every parameter of a model.

    Parameters
    ----------
    config : BertConfig
    head : {None, "classification", "mlm", "next_sentence", "tokens", "span"}

    Returns
    -------
    dict of str to tuple of int

    Examples
    --------
    >>> from minibert.config import preset
    >>> parameter_shapes(preset("tinybert-4l-312"), "span")["qa_outputs.weight"]
    (2, 312)
    """
    check_head(head)
    V, D = config.vocab, config.hidden
    shapes = {
        f"{EMBEDDINGS}word_embeddings.weight": (V, D),
        f"{EMBEDDINGS}position_embeddings.weight": (config.positions, D),
        f"{EMBEDDINGS}token_type_embeddings.weight": (config.segments, D),
    }

    def linear(name, outputs, inputs):
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = (outputs, inputs), (outputs,)

    def layernorm(name):
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = (D,), (D,)

    layernorm(f"{EMBEDDINGS}LayerNorm")
    for i, size in enumerate(config.layers):
        prefix, width = layer_prefix(i), size.heads * size.head_size
        for projection in ("query", "key", "value"):
            linear(f"{prefix}attention.self.{projection}", width, D)
        linear(f"{prefix}attention.output.dense", D, width)
        layernorm(f"{prefix}attention.output.LayerNorm")
        linear(f"{prefix}intermediate.dense", size.ffn, D)
        linear(f"{prefix}output.dense", D, size.ffn)
        layernorm(f"{prefix}output.LayerNorm")
    linear(POOLER, D, D)
    if head == "mlm":
        linear(f"{TRANSFORM}.dense", D, D)
        layernorm(f"{TRANSFORM}.LayerNorm")
        shapes[DECODER_BIAS] = (V,)
    elif head is not None:
        # Next sentence: yes and no. Span: start and end.
        outputs = config.classes if head in ("classification", "tokens") else 2
        linear(OUTPUT_LAYERS[head], outputs, D)
    return shapes


def init_params(config, seed=0, head=None, dtype=np.float32):
    """A new model: weights normal with standard deviation ``config.init_std``, biases 0, gamma 1.

    The row of [PAD] starts at zero, as in Hugging Face's BERT.

    Returns
    -------
    dict of str to ndarray
    """
    rng = np.random.default_rng(seed)
    params = {}
    for name, shape in parameter_shapes(config, head).items():
        if len(shape) == 2:
            params[name] = (rng.standard_normal(shape) * config.init_std).astype(dtype)
        elif name.endswith("LayerNorm.weight"):
            params[name] = np.ones(shape, dtype)
        else:
            params[name] = np.zeros(shape, dtype)
    params[f"{EMBEDDINGS}word_embeddings.weight"][config.pad_id] = 0.0
    return params


def count_parameters(config, head=None, pooler=True):
    """How many numbers the model holds.

    Examples
    --------
    >>> from minibert.config import preset
    >>> count_parameters(preset("tinybert-4l-312"))
    14350248
    """
    return sum(
        int(np.prod(shape))
        for name, shape in parameter_shapes(config, head).items()
        if pooler or not name.startswith(POOLER)
    )


def add_grads(total, grads):
    """Add a dict of gradients into another, in place; a name not there yet is taken over."""
    for name, g in grads.items():
        total[name] = total[name] + g if name in total else g
    return total
