"""What a compression run is told, as frozen dataclasses; recipe_file.py reads them from TOML.

Every field has a default but the data and the teacher, so a recipe says only what is special
to it; `minibert compress --show` prints all.
"""

import dataclasses
from dataclasses import dataclass, field


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
class Stage:
    """How long and how fast one stage trains.

    Parameters
    ----------
    steps : int
        Updates. If 0, `epochs` says it.
    lr : float
        Highest learning rate.
    batch_size : int
    warmup : float
        Share of the steps during which the rate rises.
    schedule : {"linear", "cosine", "constant"}
        What the rate does after that.
    optimizer : {"adamw", "bert"}
    weight_decay : float
    keep : {"last", "best"}
        The model after the last update, or the best on the dev texts (for stages that train a
        classifier's answers). Without a test file the table then flatters the models: it is about
        the texts by which they were chosen.
    epochs : float
        Passes over the stage's texts. With steps and epochs at 0 the stage is left out.
    """

    steps: int = 0
    lr: float = 5e-5
    batch_size: int = 32
    warmup: float = 0.1
    schedule: str = "linear"
    optimizer: str = "adamw"
    weight_decay: float = 0.01
    keep: str = "last"
    epochs: float = 0.0

    @property
    def is_on(self):
        """Whether it trains at all."""
        return self.steps > 0 or self.epochs > 0


@dataclass(frozen=True)
class Stages:
    """The stages in their order; the learning rates of Jiao et al. 2020 where they say one.

    Parameters
    ----------
    pretrain : Stage
        Masked language modelling: the teacher learns to predict masked tokens.
    finetune : Stage
        The teacher learns the labels.
    general, task_inside : Stage
        Transformer-layer distillation: the student learns attention scores, hidden states and
        embeddings of the pre-trained, then of the fine-tuned teacher.
    task_predictions : Stage
        Prediction-layer distillation: the student learns the fine-tuned teacher's logits.
    recover : Stage
        The pruned student goes on with that.
    alone : Stage
        An equal student learns the labels without distillation, for comparison.
    """

    pretrain: Stage = Stage(lr=1e-4)
    finetune: Stage = Stage(epochs=3.0, lr=3e-5)
    general: Stage = Stage()
    task_inside: Stage = Stage(epochs=10.0, schedule="constant")
    task_predictions: Stage = Stage(epochs=3.0, lr=3e-5)
    recover: Stage = Stage(epochs=1.0, lr=3e-5)
    alone: Stage = Stage()


@dataclass(frozen=True)
class Prune:
    """What is cut.

    Parameters
    ----------
    heads, neurons : float
        Structured pruning: shares of each layer's heads and feed-forward neurons that stay.
    zeros : float
        Unstructured pruning: the sparsity of what stays, by magnitude.
    """

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
