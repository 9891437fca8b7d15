"""The architectures whose sizes the papers print."""

from minibert.config.bert import BertConfig

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
