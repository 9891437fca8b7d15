"""The values of a config.json, each checked and named where it is wrong."""

from reprlib import repr as _shown  # of whatever a file holds, no more than a line

from minibert.config.sizes import LayerSize, is_number

# What else config.json may say about the mathematics, and the one thing that is computed here.
SUPPORTED = {
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "add_cross_attention": False,
}
PROBLEMS = (None, "single_label_classification", "regression")
MOST_LAYERS, MOST_CLASSES = 1000, 10**6  # in a file: far more than any BERT has


def check_supported(values):
    """A ValueError if a config.json says that something else is computed than is here."""
    if not isinstance(values, dict):
        raise ValueError(f"a config is an object of names and values, not {_shown(values)}")
    for key, only in SUPPORTED.items():
        if values.get(key, only) != only:
            raise ValueError(f"{key} is {_shown(values[key])}; only {only!r} is supported")
    if values.get("problem_type") not in PROBLEMS:
        raise ValueError(
            f"problem_type is {_shown(values['problem_type'])}; a text has just one of the classes "
            "here, or one number"
        )


def read_layers(values, hidden):
    """The layers that a config.json describes."""
    if "layer_sizes" in values:
        try:
            return tuple(LayerSize(*size) for size in values["layer_sizes"])
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"layer_sizes is {_shown(values['layer_sizes'])}; wanted [heads, head size, ffn] "
                f"of each layer ({error})"
            ) from None
    heads = whole(values, "num_attention_heads")
    n_layers = whole(values, "num_hidden_layers", high=MOST_LAYERS)
    if hidden % heads:
        raise ValueError(f"hidden_size={hidden} does not divide into num_attention_heads={heads}")
    return (LayerSize(heads, hidden // heads, whole(values, "intermediate_size")),) * n_layers


def read_labels(values):
    """The number of classes, and their names if they have any of their own."""
    id2label = values.get("id2label")
    if id2label is None or id2label == {}:
        return whole(values, "num_labels", 2, high=MOST_CLASSES), ()
    named = {str(key): name for key, name in id2label.items()} if type(id2label) is dict else {}
    keys = [str(i) for i in range(len(named))]
    names = [name for name in named.values() if isinstance(name, str)]
    if not named or named.keys() != set(keys) or len(names) < len(named):
        raise ValueError(f"id2label is {_shown(id2label)}; wanted a name for each of 0, 1, 2, ...")
    labels = tuple(named[key] for key in keys)
    if values.get("problem_type") == "regression" and len(labels) > 1:
        raise ValueError(f"problem_type is 'regression' of {len(labels)} numbers; one is supported")
    unnamed = labels == tuple(f"LABEL_{i}" for i in range(len(labels)))
    return len(labels), () if unnamed else labels


def whole(values, key, default=None, low=1, high=2**63):
    """A whole number out of a config.json."""
    if default is None and key not in values:
        raise ValueError(f"config.json has no {key!r}; is it a BERT's?")
    value = values.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{key} is {_shown(value)}; it is a whole number, {low} to {high}")
    return value


def number(values, key, default=None, low=0.0, high=1e30):
    """A number at least low and below high out of a config.json; None where that is the default."""
    value = values.get(key, default)
    if value is default is None:
        return None
    if not is_number(value) or not low <= value < high:
        raise ValueError(f"{key} is {_shown(value)}; it is a number from {low} to below {high}")
    return float(value)
