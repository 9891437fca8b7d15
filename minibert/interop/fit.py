"""Holding what a file says against what the model needs, before anything is made of its size."""

from minibert.config import BertConfig
from minibert.interop.tensors import FLOATS
from minibert.model import parameter_shapes

SHOWN = 10


def read_config(path, values, found):
    """The config that a file of JSON holds.

    Parameters
    ----------
    path : path
        For the message.
    values : object
        What the JSON is.
    found : collection
        The model's tensors; a layer has 16, which bounds how many layers are believed.

    Raises
    ------
    ValueError
        It is not the config of a BERT.
    """
    if not isinstance(values, dict):
        raise ValueError(f"{path} holds a {type(values).__name__}, not the config of a BERT")
    kind = values.get("model_type", "bert")
    if kind != "bert":
        raise ValueError(f"{path} is the config of a {kind!r}; only 'bert' is read")
    n_layers, sizes = values.get("num_hidden_layers"), values.get("layer_sizes")
    for key, n in (("num_hidden_layers", n_layers), ("layer_sizes", sizes)):
        n = len(n) if isinstance(n, list) else n
        if isinstance(n, int) and 4 * n > len(found):  # a few may be missing, and are listed then
            raise ValueError(
                f"{path}: {key} makes {n} layers, with {len(found)} tensors in the weights; is it "
                "the config of another model, or are these no BERT's weights?"
            )
    try:
        return BertConfig.from_dict(values)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from None


def check_fit(path, found, config, head, optional=(), quantized=()):
    """Hold names, types and shapes of what a file holds against what the config says.

    Parameters
    ----------
    path : path
        For the message.
    found : dict of str to Stored
    config : BertConfig
    head : str or None
    optional : collection of str
        Names that may be missing.
    quantized : collection of str
        Names that are in int8, with scales that were checked.

    Raises
    ------
    ValueError
        A parameter is missing, has another shape, or is not made of floating-point numbers.
    """
    wanted = parameter_shapes(config, head)
    missing = [name for name in wanted if name not in found and name not in optional]
    wrong = []
    for name, shape in wanted.items():
        if name in found and found[name].shape != shape:
            wrong.append(f"{name} is {found[name].shape}, wanted {shape}")
        elif name in found and found[name].kind not in FLOATS and name not in quantized:
            wrong.append(f"{name} is {found[name].kind}, wanted floating-point numbers")
    problems = [f"missing: {listed(missing)}"] * bool(missing) + [listed(wrong, "; ")] * bool(wrong)
    if problems:
        raise ValueError(f"{path} does not fit its config: {'; '.join(problems)}")


def listed(names, between=", "):
    """The first few of a list, and how many more there are.

    Examples
    --------
    >>> listed([f"x{i}" for i in range(12)])
    'x0, x1, x2, x3, x4, x5, x6, x7, x8, x9 and 2 more'
    """
    # A foreign file's names may be long, or hold what would move a terminal's cursor.
    shown = [n if n.isprintable() and len(n) < 200 else f"{n[:60]!r}..." for n in names[:SHOWN]]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return between.join(shown) + more
