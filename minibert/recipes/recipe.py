"""What a compression run is told: a TOML file, checked field by field, as frozen dataclasses.

Every field has a default but the data and the teacher, so a recipe says only what is special
to it; `minibert compress --show` prints all. A field that does not exist is refused with the
nearest that does.
"""

import dataclasses
import difflib
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import tomli_w


@dataclass(frozen=True)
class Data:
    """Texts and labels.

    Parameters
    ----------
    train, dev, test, unlabelled : str
        Files (.tsv, .csv, .jsonl; without labels .txt, too). Without dev, a share of train is put
        aside; without test, dev is what the table reports. Unlabelled texts are learned from
        through the teacher.
    unlabelled_limit : int
        The first so many of them; 0: all.
    text, text_pair, label : str or int
        The columns: a name where the file has a header line, a number from 1 where it has none.
    task : {"classification", "regression"}
    dev_share : float
        Part of train that is put aside where there is no dev file.
    max_length : int
        Tokens a text, special ones included; longer texts are cut, and counted.
    """

    train: str = ""
    dev: str = ""
    test: str = ""
    unlabelled: str = ""
    unlabelled_limit: int = 0
    text: str | int = "text"
    text_pair: str | int = ""
    label: str | int = "label"
    task: str = "classification"
    dev_share: float = 0.1
    max_length: int = 128


@dataclass(frozen=True)
class Teacher:
    """The model to learn from: one that there is, or the size of one to be trained from nothing.

    Parameters
    ----------
    model : str
        A Hugging Face directory. Empty: a new model of the sizes below is pre-trained first.
    vocab : int
        Vocabulary of a new model, trained on the texts.
    layers, hidden, heads, ffn : int
        Sizes of a new model.
    dropout, attention_dropout : float
        Negative: as the model says, or .1 for a new one.
    """

    model: str = ""
    vocab: int = 8000
    layers: int = 4
    hidden: int = 128
    heads: int = 4
    ffn: int = 512
    dropout: float = -1.0
    attention_dropout: float = -1.0


@dataclass(frozen=True)
class Student:
    """The model that is made. It shares the teacher's vocabulary.

    Parameters
    ----------
    start : str
        "new": random weights. "teacher": every layer, the embeddings and the pooler are copied
        from the teacher's (which then must be as wide). Else a Hugging Face directory.
    layers, hidden, heads, ffn : int
        0: as the teacher has.
    dropout, attention_dropout : float
        Negative: as the teacher has.
    """

    start: str = "new"
    layers: int = 4
    hidden: int = 312
    heads: int = 12
    ffn: int = 1200
    dropout: float = -1.0
    attention_dropout: float = -1.0


@dataclass(frozen=True)
class Distill:
    """What the student learns of the teacher's inside, and at which temperature of its logits."""

    attention: bool = True
    hidden: bool = True
    embedding: bool = True
    pad: str = "exact"
    layer_map: str = "uniform"
    tau: float = 1.0


@dataclass(frozen=True)
class Training:
    """One stage's training.

    Parameters
    ----------
    epochs : float
        Passes over its texts; 0 leaves the stage out.
    steps : int
        Updates; if above 0, instead of epochs.
    lr, batch_size, warmup, schedule
        See `stages.Stage`.
    optimizer : {"adamw", "bert"}
    weight_decay : float
    keep : {"last", "best"}
        The model after the last update, or the best on the dev texts (for stages that train a
        classifier's answers). Without a test file the table then flatters the models: it is about
        the texts by which they were chosen.
    """

    epochs: float = 3.0
    steps: int = 0
    lr: float = 5e-5
    batch_size: int = 32
    warmup: float = 0.1
    schedule: str = "linear"
    optimizer: str = "adamw"
    weight_decay: float = 0.01
    keep: str = "last"


@dataclass(frozen=True)
class Stages:
    """The stages in their order; the learning rates of Jiao et al. 2020 where they say one.

    Parameters
    ----------
    pretrain : Training
        The teacher learns to predict hidden words.
    finetune : Training
        The teacher learns the labels.
    general, task_inside : Training
        The student learns the inside of the pre-trained, then of the fine-tuned teacher.
    task_predictions : Training
        The student learns the fine-tuned teacher's logits.
    recover : Training
        The pruned student goes on with that.
    alone : Training
        An equal student learns the labels without a teacher, for comparison.
    """

    pretrain: Training = Training(epochs=0.0, lr=1e-4)
    finetune: Training = Training(lr=3e-5)
    general: Training = Training(epochs=0.0)
    task_inside: Training = Training(epochs=10.0, schedule="constant")
    task_predictions: Training = Training(lr=3e-5)
    recover: Training = Training(epochs=1.0, lr=3e-5)
    alone: Training = Training(epochs=0.0)


@dataclass(frozen=True)
class Prune:
    """Shares that stay of each layer's heads and neurons, and share of zeros among the rest."""

    heads: float = 1.0
    neurons: float = 1.0
    zeros: float = 0.0


@dataclass(frozen=True)
class Int8:
    """Whether the student is quantized at the end."""

    enabled: bool = True


@dataclass(frozen=True)
class Recipe:
    """A whole run.

    Parameters
    ----------
    out : str
        The run's folder.
    seed : int
    save_every : int
        Updates between two checkpoints; 0: about once a minute.
    """

    out: str = "run"
    seed: int = 1
    save_every: int = 0
    data: Data = field(default_factory=Data)
    teacher: Teacher = field(default_factory=Teacher)
    student: Student = field(default_factory=Student)
    distill: Distill = field(default_factory=Distill)
    stages: Stages = field(default_factory=Stages)
    prune: Prune = field(default_factory=Prune)
    int8: Int8 = field(default_factory=Int8)

    def to_dict(self):
        """The recipe as TOML has it, every field said."""
        return dataclasses.asdict(self)


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
POSITIVE = ("data.max_length", "teacher.vocab", "batch_size", "tau")
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
        except FileNotFoundError:
            raise FileNotFoundError(f"no recipe {path}") from None
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
        raise ValueError(f"recipe: {name} is {value!r}; it is {wanted}")
    last = name.rpartition(".")[2]
    choices = CHOICES.get(name) or CHOICES.get(last)
    wanted = None
    if choices and value not in choices:
        near = difflib.get_close_matches(str(value), choices, 1)
        wanted = f"one of {', '.join(choices)}" + (f"; did you mean {near[0]!r}?" if near else "")
    elif value == "best" and name.split(".")[-2] in WITHOUT_SCORE:
        wanted = "last: there is nothing to be scored in this stage"
    elif name in SHARES and not 0 < value <= 1:
        wanted = "a share in (0, 1]"
    elif (name in FRACTIONS or last in FRACTIONS) and not 0 <= value < 1:
        wanted = "a share in [0, 1)"
    elif (name in POSITIVE or last in POSITIVE) and not value > 0:
        wanted = "above 0"
    elif (name in NOT_NEGATIVE or last in NOT_NEGATIVE) and not 0 <= value < float("inf"):
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
