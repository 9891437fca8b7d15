"""A recipe from a TOML file, every name, type and value checked.

A field that does not exist is refused with the nearest that does.
"""

import dataclasses
import difflib
import math
import tomllib
from pathlib import Path

import tomli_w

from minibert.data.names import nearest_name
from minibert.recipes.recipe import Recipe

# The values a field can have where not every text or number makes sense.
CHOICES = {
    "data.task": ("classification", "regression"),
    "distill.pad": ("exact", "all"),
    "distill.layer_map": ("uniform", "top", "bottom"),
    "schedule": ("linear", "cosine", "constant"),
    "optimizer": ("adamw", "bert"),
    "keep": ("last", "best"),
}
# Stages whose model has no answers to be scored, or not yet.
WITHOUT_SCORE = ("pretrain", "general", "task_inside", "recover")
SHARES = ("prune.heads", "prune.neurons")  # in (0, 1]
FRACTIONS = ("prune.zeros", "data.dev_share", "warmup")  # in [0, 1)
POSITIVE = ("teacher.vocab", "batch_size", "tau")
NOT_NEGATIVE = (
    "data.unlabelled_limit",
    "seed",
    "save_every",
    "epochs",
    "steps",
    "lr",
    "weight_decay",
    "student.layers",
    "student.hidden",
    "student.heads",
    "student.ffn",
)


def read_recipe(path=None, settings=()):
    """Read a recipe.

    Parameters
    ----------
    path : path, optional
        A TOML file; without one, all fields have their defaults.
    settings : iterable of str
        Changes on top of it, each "a.b=c" with c as TOML writes it (quotes around text may be
        left out).

    Returns
    -------
    Recipe

    Raises
    ------
    FileNotFoundError, ValueError
        There is no such file, it is not TOML, or a field is unknown or has a value that it cannot
        have.

    Examples
    --------
    >>> recipe = read_recipe(settings=["data.train=mails.tsv", "stages.finetune.lr=1e-4"])
    >>> recipe.data.train, recipe.stages.finetune.lr
    ('mails.tsv', 0.0001)
    >>> read_recipe(settings=["stages.finetune.learning_rate=1"])
    Traceback (most recent call last):
    ...
    ValueError: the recipe has no field 'stages.finetune.learning_rate'; did you mean \
'stages.finetune.lr'?
    """
    values = {}
    if path is not None:
        try:
            values = tomllib.loads(Path(path).read_bytes().removeprefix(b"\xef\xbb\xbf").decode())
        except (FileNotFoundError, IsADirectoryError):
            raise FileNotFoundError(f"no recipe {path}; it is a TOML file") from None
        except ValueError as error:
            raise ValueError(f"{path} is not TOML: {error}") from None
    for setting in settings:
        _set(values, setting)
    return _updated(Recipe(), values, "")


def format_recipe(recipe):
    """The recipe as TOML, every field said."""
    return tomli_w.dumps(recipe.to_dict())


def _set(values, setting):
    """Put one "a.b=c" into nested dicts."""
    key, sign, text = setting.partition("=")
    *tables, last = (part.strip() for part in key.split("."))
    if not sign or not all((*tables, last)):
        raise ValueError(
            f"--set {setting}: write it as NAME=VALUE, such as stages.finetune.lr=1e-4"
        )
    for table in tables:
        values = values.setdefault(table, {})
        if not isinstance(values, dict):
            raise ValueError(f"--set {setting}: {table} is a value, not a table")
    try:
        values[last] = tomllib.loads(f"value = {text}")["value"]
    except ValueError:
        values[last] = text.strip()


def _updated(present, values, prefix):
    """A dataclass with the changes of a dict, names and types checked.

    `prefix` is the names of the tables that it stands in. What is not said stays as it is in
    `present`, so that each stage has defaults of its own.
    """
    fields = {f.name: f.type for f in dataclasses.fields(present)}
    changes = {}
    for name, value in values.items():
        if name not in fields:
            raise ValueError(_unknown(prefix + name, fields))
        inner = getattr(present, name)
        if not dataclasses.is_dataclass(inner):
            changes[name] = _checked(prefix + name, value, fields[name])
        elif isinstance(value, dict):
            changes[name] = _updated(inner, value, f"{prefix}{name}.")
        else:
            raise ValueError(f"recipe: {prefix}{name} is {value!r}; it is a table [{name}]")
    return dataclasses.replace(present, **changes)


def _checked(name, value, kind):
    """The value as the field's type, or an error."""
    kinds = kind.__args__ if hasattr(kind, "__args__") else (kind,)
    if float in kinds and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) not in kinds:
        wanted = " or ".join(
            {str: "text", int: "a whole number", float: "a number", bool: "true or false"}[k]
            for k in kinds
        )
        hint = f" (in quotes: {name}='\"{value}\"')" if str in kinds else ""
        raise ValueError(f"recipe: {name} is {value!r}; it is {wanted}{hint}")
    last = name.rpartition(".")[2]
    choices = CHOICES.get(name) or CHOICES.get(last)
    wanted = None
    if choices and value not in choices:
        wanted = f"one of {', '.join(choices)}{nearest_name(str(value), choices)}"
    elif last == "keep" and value == "best" and name.split(".")[-2] in WITHOUT_SCORE:
        wanted = "last: there is nothing to be scored in this stage"
    elif isinstance(value, float) and not math.isfinite(value):
        wanted = "a finite number"
    elif name == "out" and not value:
        wanted = "the name of a folder"
    elif name == "data.max_length" and value < 3:
        wanted = "at least 3: two of a text's tokens are [CLS] and [SEP]"
    elif name in SHARES and not 0 < value <= 1:
        wanted = "a share in (0, 1]"
    elif (name in FRACTIONS or last in FRACTIONS) and not 0 <= value < 1:
        wanted = "a share in [0, 1)"
    elif (name in POSITIVE or last in POSITIVE) and not value > 0:
        wanted = "above 0"
    elif (name in NOT_NEGATIVE or last in NOT_NEGATIVE) and not value >= 0:
        wanted = "at least 0"
    if wanted:
        raise ValueError(f"recipe: {name} is {value!r}; it is {wanted}")
    return value


def _unknown(name, fields):
    """The sentence about a field that does not exist, with the nearest that does."""
    everything = list(_names(Recipe(), ""))
    prefix, _, last = name.rpartition(".")
    near = difflib.get_close_matches(last, fields, 1)
    guess = f"{prefix}.{near[0]}".removeprefix(".") if near else None
    if guess is None:  # perhaps it stands in another table
        ends = [other for other in everything if other.rpartition(".")[2] == last]
        guess = (ends or difflib.get_close_matches(name, everything, 1) or [None])[0]
    end = f"did you mean {guess!r}?" if guess else f"there are {', '.join(fields)}"
    return f"the recipe has no field {name!r}; {end}"


def _names(value, prefix):
    """Every dotted name of a dataclass's fields."""
    for f in dataclasses.fields(value):
        inner = getattr(value, f.name)
        if dataclasses.is_dataclass(inner):
            yield from _names(inner, f"{prefix}{f.name}.")
        else:
            yield prefix + f.name
