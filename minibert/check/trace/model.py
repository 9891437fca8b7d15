"""The models that are compared: read as they are, even where minibert would refuse to use them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from minibert import kernels as F
from minibert.check.activations import Variation
from minibert.config import BertConfig
from minibert.interop import read_directory, read_head
from minibert.interop.jsonfile import read_json
from minibert.interop.names import WORDS
from minibert.interop.pair import config_path
from minibert.pretrained.files import folder_tokenizer, read_one_file

ERF, TANH = "x Phi(x)", "the tanh form"
# What config.json calls an activation, and the op that it is.
GELUS = {
    "gelu": ERF, "gelu_python": ERF,
    "gelu_new": TANH, "gelu_pytorch_tanh": TANH, "gelu_fast": TANH,
}  # fmt: skip
OPS = {ERF: F.OPS["gelu_forward"], TANH: F.OPS["gelu_tanh_forward"]}
UNUSED = {  # what a config says of training alone, or twice
    "hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout",
    "initializer_range", "label2id",
}  # fmt: skip


class Model(NamedTuple):
    """A model to be run."""

    name: str
    params: dict
    config: BertConfig
    head: str | None
    tokenizer: object = None
    new: tuple = ()  # names of parameters that the files do not have
    gelu: str = ERF
    hidden_act: str = "gelu"

    @property
    def as_it_is(self):
        """The variations that make minibert's model this one."""
        if self.gelu == ERF:
            return ()
        return (Variation("gelu", "", ops={"gelu": lambda _: OPS[self.gelu]}),)


def read_model(path):
    """A folder or a file of `save`, in float64.

    Raises
    ------
    FileNotFoundError, ValueError
        See `minibert.interop.read_directory`.
    """
    path = Path(path)
    if path.is_file():
        params, config, head, tokenizer = read_one_file(path)
        return Model(str(path), exact(params), config, head, tokenizer)
    values = read_json(config_path(path)) if config_path(path).is_file() else {}
    act = values.get("hidden_act", "gelu") if isinstance(values, dict) else "gelu"
    known = isinstance(act, str) and act in GELUS
    head = read_head(path)
    params, config, new = read_directory(
        path, head, values | {"hidden_act": "gelu"} if known and act != "gelu" else None
    )
    if head in ("mlm", "tokens", "span"):  # nothing asks for their pooler
        new = [*new, "bert.pooler.dense.weight"]
    tokenizer = folder_tokenizer(path, config)
    return Model(
        str(path),
        exact(params),
        config,
        head,
        tokenizer,
        tuple(new),
        *((GELUS[act], act) if known else ()),
    )


def exact(params):
    """The parameters in float64; the table of words, by far the largest, is widened in use."""
    return {
        name: p.astype(np.float64) if isinstance(p, np.ndarray) and name != WORDS else p
        for name, p in params.items()
    }


def differing_fields(a, b):
    """What the configs of two models say otherwise: name -> (the first's, the second's)."""
    x, y = (m.config.to_dict() | {"hidden_act": m.hidden_act, "head": m.head} for m in (a, b))
    keys = [key for key in {**x, **y} if key not in UNUSED and x.get(key) != y.get(key)]
    return {key: (x.get(key), y.get(key)) for key in keys}


def configs_apart(a, b):
    """Sentences on what makes two models differ even where all that both compute agrees."""
    x, y = a.config.n_layers, b.config.n_layers
    return [f"REFERENCE has {x} layer{'s' * (x != 1)}, OTHER {y}"] if x != y else []


def labels_apart(a, b):
    """A sentence on two models that call their classes otherwise; None where one names none."""
    x, y = a.config.labels, b.config.labels
    if not x or not y or a.head != b.head or a.head is None or tuple(x) == tuple(y):
        return None
    what = "the labels are in another order" if sorted(x) == sorted(y) else "the labels differ"
    moved = [f"output {i} is {p} in REFERENCE, {q} in OTHER"
             for i, (p, q) in enumerate(zip(x, y, strict=False)) if p != q]  # fmt: skip
    moved += [f"{len(x)} of them and {len(y)}"] * (len(x) != len(y))
    more = f", and {len(moved) - 8} more" if len(moved) > 8 else ""
    return f"{what} in the config: {', '.join(moved[:8])}{more}"
