"""BertConfig: the shape of a model, to and from the config.json of Hugging Face."""

import json
from dataclasses import dataclass, field, replace

from minibert.config.reading import check_supported, number, read_labels, read_layers, whole
from minibert.config.sizes import LayerSize, check_heads, check_positive, is_number


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
    classifier_dropout : float, optional
        Dropout rate before the classifier of texts or tokens; `dropout` where not given.

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
    classifier_dropout: float | None = None

    def __post_init__(self):
        object.__setattr__(self, "layers", tuple(self.layers))
        object.__setattr__(self, "labels", tuple(self.labels))
        for name in ("vocab", "hidden", "positions", "segments", "classes"):
            check_positive(name, getattr(self, name))
        if not isinstance(self.pad_id, int) or not 0 <= self.pad_id < self.vocab:
            raise ValueError(f"pad_id is {self.pad_id!r}; it is a word, 0 to {self.vocab - 1}")
        for name, usual in (("eps", 1e-12), ("init_std", 0.02)):
            value = getattr(self, name)
            if not is_number(value) or not 0.0 < value < float("inf"):
                raise ValueError(f"{name} is {value!r}; it is a number above 0, such as {usual}")
        for name in ("dropout", "attention_dropout", "classifier_dropout"):
            rate = self.head_dropout if name == "classifier_dropout" else getattr(self, name)
            if not is_number(rate) or not 0.0 <= rate < 1.0:
                raise ValueError(f"{name} is {rate!r}; a rate is a number in [0, 1)")
        if not self.layers or not all(isinstance(size, LayerSize) for size in self.layers):
            raise ValueError(f"layers is {self.layers!r}; wanted one or more LayerSize")
        if self.pooler not in ("hf", "tinybert"):
            raise ValueError(f'pooler is {self.pooler!r}; it is "hf" or "tinybert"')
        if self.labels and len(self.labels) != self.classes:
            raise ValueError(f"labels has {len(self.labels)} names for classes={self.classes}")

    @classmethod
    def uniform(cls, *, vocab, hidden, n_layers, heads, ffn, **others):
        """A config whose layers are all alike, with heads of size hidden / heads."""
        check_heads(hidden, heads)
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

    @property
    def head_dropout(self):
        """The dropout rate before a classifier."""
        return self.dropout if self.classifier_dropout is None else self.classifier_dropout

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
            "classifier_dropout": self.classifier_dropout,
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
            A key that BERT needs is missing or has a value that it cannot have, the activation is
            not the GELU of the paper, or a text may have several labels; the message names the key.
        """
        check_supported(values)
        vocab, hidden = whole(values, "vocab_size"), whole(values, "hidden_size")
        if values.get("pad_token_id") is None:
            values = values | {"pad_token_id": 0}
        classes, labels = read_labels(values)
        return cls(
            vocab,
            hidden,
            read_layers(values, hidden),
            positions=whole(values, "max_position_embeddings", 512),
            segments=whole(values, "type_vocab_size", 2),
            classes=classes,
            eps=number(values, "layer_norm_eps", 1e-12, low=1e-30),
            dropout=number(values, "hidden_dropout_prob", 0.1, high=1.0),
            attention_dropout=number(values, "attention_probs_dropout_prob", 0.1, high=1.0),
            init_std=number(values, "initializer_range", 0.02, low=1e-30),
            pad_id=whole(values, "pad_token_id", low=0, high=vocab - 1),
            pooler=values.get("pooler", "hf"),
            labels=labels,
            classifier_dropout=number(values, "classifier_dropout", high=1.0),
        )

    def to_json(self):
        """`to_dict` as text."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=2) + "\n"

    def label_names(self):
        """The C label names; LABEL_0 ... where none were given."""
        return self.labels or tuple(f"LABEL_{i}" for i in range(self.classes))


def with_layers(config, layers):
    """The same model with other layer sizes, as pruning leaves them."""
    return replace(config, layers=tuple(layers))
