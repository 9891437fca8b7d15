"""The shape of a model: BertConfig, and the presets whose sizes the papers print."""

import json
from dataclasses import dataclass, field, replace
from reprlib import repr as _shown  # of whatever a file holds, no more than a line

__all__ = ["PRESETS", "BertConfig", "LayerSize", "preset"]


# What else config.json may say about the mathematics, and the one thing that is computed here.
SUPPORTED = {
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "add_cross_attention": False,
}
MOST_LAYERS = 1000  # in a file: far more than any BERT has


@dataclass(frozen=True)
class LayerSize:
    """The inner sizes of one Transformer layer; pruning may leave layers of different sizes.

    Parameters
    ----------
    heads : int
        Attention heads H.
    head_size : int
        Size of one head K. Before pruning H * K = D.
    ffn : int
        Feed-forward size F.
    """

    heads: int
    head_size: int
    ffn: int

    def __post_init__(self):
        for name in ("heads", "head_size", "ffn"):
            _check_positive(f"LayerSize.{name}", getattr(self, name))


@dataclass(frozen=True)
class BertConfig:
    """The architecture and the training-time constants of a BERT.

    Parameters
    ----------
    vocab, hidden : int
        Vocabulary size V and hidden size D.
    layers : tuple of LayerSize
        One entry a layer, so N = len(layers).
    positions, segments : int
        Longest sequence, and number of segment (token type) embeddings.
    classes : int
        Number of classes C of a classification head; 1 means regression.
    eps : float
        Added to the variance inside LayerNorm.
    dropout, attention_dropout : float
        Dropout rates on activations and on attention probabilities.
    init_std : float
        Standard deviation (not the variance) of the initial weights.
    pad_id : int
        The word id whose embedding receives no gradient from look-ups.
    pooler : {"hf", "tinybert"}
        What a classification head does to the pooled vector: "hf" drops out, "tinybert" applies
        relu. A teacher fine-tuned one way gives other logits the other way.
    labels : tuple of str
        Names of the classes in the order of the logits; empty where they have none.

    Examples
    --------
    >>> config = BertConfig.uniform(vocab=100, hidden=12, n_layers=2, heads=3, ffn=24)
    >>> config.layers[0]
    LayerSize(heads=3, head_size=4, ffn=24)
    """

    vocab: int
    hidden: int
    layers: tuple[LayerSize, ...]
    positions: int = 512
    segments: int = 2
    classes: int = 2
    eps: float = 1e-12
    dropout: float = 0.1
    attention_dropout: float = 0.1
    init_std: float = 0.02
    pad_id: int = 0
    pooler: str = "hf"
    labels: tuple[str, ...] = field(default=())

    def __post_init__(self):
        object.__setattr__(self, "layers", tuple(self.layers))
        object.__setattr__(self, "labels", tuple(self.labels))
        for name in ("vocab", "hidden", "positions", "segments", "classes"):
            _check_positive(name, getattr(self, name))
        if not isinstance(self.pad_id, int) or not 0 <= self.pad_id < self.vocab:
            raise ValueError(f"pad_id is {self.pad_id!r}; it is a word, 0 to {self.vocab - 1}")
        if not self.eps > 0.0:
            raise ValueError(f"eps is {self.eps!r}; it is a small number above 0, such as 1e-12")
        for name in ("dropout", "attention_dropout"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ValueError(f"{name} is {getattr(self, name)!r}; a rate lies in [0, 1)")
        if not self.layers or not all(isinstance(size, LayerSize) for size in self.layers):
            raise ValueError(f"layers is {self.layers!r}; wanted one or more LayerSize")
        if self.pooler not in ("hf", "tinybert"):
            raise ValueError(f'pooler is {self.pooler!r}; it is "hf" or "tinybert"')
        if self.labels and len(self.labels) != self.classes:
            raise ValueError(f"labels has {len(self.labels)} names for classes={self.classes}")

    @classmethod
    def uniform(cls, *, vocab, hidden, n_layers, heads, ffn, **others):
        """A config whose layers are all alike, with heads of size hidden / heads."""
        _check_heads(hidden, heads)
        return cls(vocab, hidden, (LayerSize(heads, hidden // heads, ffn),) * n_layers, **others)

    @property
    def n_layers(self):
        """Number of layers N."""
        return len(self.layers)

    @property
    def is_uniform(self):
        """Whether all layers are alike and their heads together are as wide as the model."""
        size = self.layers[0]
        return set(self.layers) == {size} and size.heads * size.head_size == self.hidden

    def to_dict(self):
        """The config.json of Hugging Face's BERT; layers of unequal size add ``layer_sizes``."""
        size = self.layers[0]
        values = {
            "model_type": "bert",
            "vocab_size": self.vocab,
            "hidden_size": self.hidden,
            "num_hidden_layers": self.n_layers,
            "num_attention_heads": size.heads,
            "intermediate_size": size.ffn,
            "hidden_act": "gelu",
            "max_position_embeddings": self.positions,
            "type_vocab_size": self.segments,
            "layer_norm_eps": self.eps,
            "hidden_dropout_prob": self.dropout,
            "attention_probs_dropout_prob": self.attention_dropout,
            "initializer_range": self.init_std,
            "pad_token_id": self.pad_id,
            "pooler": self.pooler,
            "id2label": {str(i): name for i, name in enumerate(self.label_names())},
            "label2id": {name: i for i, name in enumerate(self.label_names())},
        }
        if not self.is_uniform:
            values["layer_sizes"] = [[s.heads, s.head_size, s.ffn] for s in self.layers]
        return values

    @classmethod
    def from_dict(cls, values):
        """The inverse of `to_dict`; keys it does not know are ignored.

        Raises
        ------
        ValueError
            A key that BERT needs is missing or has a value that it cannot have, or the activation
            is not the GELU of the paper; the message names the key.
        """
        if not isinstance(values, dict):
            raise ValueError(f"a config is an object of names and values, not {_shown(values)}")
        for key, only in SUPPORTED.items():
            if values.get(key, only) != only:
                raise ValueError(f"{key} is {_shown(values[key])}; only {only!r} is supported")
        vocab, hidden = _whole(values, "vocab_size"), _whole(values, "hidden_size")
        if values.get("pad_token_id") is None:
            values = values | {"pad_token_id": 0}
        classes, labels = _read_labels(values)
        return cls(
            vocab,
            hidden,
            _read_layers(values, hidden),
            positions=_whole(values, "max_position_embeddings", 512),
            segments=_whole(values, "type_vocab_size", 2),
            classes=classes,
            eps=_number(values, "layer_norm_eps", 1e-12, low=1e-30),
            dropout=_number(values, "hidden_dropout_prob", 0.1, high=1.0),
            attention_dropout=_number(values, "attention_probs_dropout_prob", 0.1, high=1.0),
            init_std=_number(values, "initializer_range", 0.02),
            pad_id=_whole(values, "pad_token_id", low=0, high=vocab - 1),
            pooler=values.get("pooler", "hf"),
            labels=labels,
        )

    def to_json(self):
        """`to_dict` as text."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=2) + "\n"

    def label_names(self):
        """The C label names; LABEL_0 ... where none were given."""
        return self.labels or tuple(f"LABEL_{i}" for i in range(self.classes))


def _read_layers(values, hidden):
    """The layers that a config.json describes."""
    if "layer_sizes" in values:
        try:
            return tuple(LayerSize(*size) for size in values["layer_sizes"])
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"layer_sizes is {_shown(values['layer_sizes'])}; wanted [heads, head size, ffn] "
                f"of each layer ({error})"
            ) from None
    heads = _whole(values, "num_attention_heads")
    n_layers = _whole(values, "num_hidden_layers", high=MOST_LAYERS)
    if hidden % heads:
        raise ValueError(f"hidden_size={hidden} does not divide into num_attention_heads={heads}")
    return (LayerSize(heads, hidden // heads, _whole(values, "intermediate_size")),) * n_layers


def _read_labels(values):
    """The number of classes, and their names if they have any of their own."""
    id2label = values.get("id2label")
    if id2label is None or id2label == {}:
        return _whole(values, "num_labels", 2), ()
    named = {str(key): name for key, name in id2label.items()} if type(id2label) is dict else {}
    keys = [str(i) for i in range(len(named))]
    names = [name for name in named.values() if isinstance(name, str)]
    if not named or named.keys() != set(keys) or len(names) < len(named):
        raise ValueError(f"id2label is {_shown(id2label)}; wanted a name for each of 0, 1, 2, ...")
    labels = tuple(named[key] for key in keys)
    unnamed = labels == tuple(f"LABEL_{i}" for i in range(len(labels)))
    return len(labels), () if unnamed else labels


def _whole(values, key, default=None, low=1, high=2**63):
    """A whole number out of a config.json."""
    if default is None and key not in values:
        raise ValueError(f"config.json has no {key!r}; is it a BERT's?")
    value = values.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{key} is {_shown(value)}; it is a whole number, {low} to {high}")
    return value


def _number(values, key, default, low=0.0, high=1e30):
    """A number at least low and below high out of a config.json."""
    value = values.get(key, default)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not low <= value < high:
        raise ValueError(f"{key} is {_shown(value)}; it is a number from {low} to below {high}")
    return float(value)


def _check_heads(hidden, heads):
    _check_positive("heads", heads)
    if hidden % heads:
        raise ValueError(f"hidden={hidden} does not divide into heads={heads} equal heads")


def _check_positive(name, value):
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} is {value!r}; it is a whole number of at least 1")


PRESETS = {
    "bert-base": dict(hidden=768, n_layers=12, heads=12, ffn=3072),
    "tinybert-4l-312": dict(hidden=312, n_layers=4, heads=12, ffn=1200),
    "tinybert-6l-768": dict(hidden=768, n_layers=6, heads=12, ffn=3072),
}


def preset(name, **changes):
    """A published architecture by name, with any field changed.

    Parameters
    ----------
    name : {"bert-base", "tinybert-4l-312", "tinybert-6l-768"}
        Devlin et al. 2018; Jiao et al. 2020, section 4.1.
    **changes
        Fields of `BertConfig`, or n_layers, heads, ffn.

    Examples
    --------
    >>> preset("tinybert-4l-312", classes=10).layers[0].head_size
    26
    """
    if name not in PRESETS:
        raise ValueError(f"preset {name!r} is unknown; there are {', '.join(PRESETS)}")
    return BertConfig.uniform(**({"vocab": 30522} | PRESETS[name] | changes))


def with_layers(config, layers):
    """The same model with other layer sizes, as pruning leaves them."""
    return replace(config, layers=tuple(layers))
