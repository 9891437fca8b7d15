"""The models that a recipe begins with: the teacher as it is found, the student untrained."""

import warnings
from dataclasses import replace

import numpy as np

from minibert.config import BertConfig
from minibert.data.fetch import find
from minibert.interop import read_head
from minibert.model import init_params
from minibert.model.params import layer_prefix
from minibert.pretrained import BertForMaskedLM, BertForSequenceClassification, BertModel
from minibert.text import BertTokenizer, train_vocab

STARTS = ("new", "teacher")  # what student.start can be beside a directory


def new_teacher(recipe, texts):
    """A teacher that knows nothing yet, with a vocabulary trained on the texts."""
    sizes = recipe.teacher
    length = recipe.data.max_length
    tokenizer = BertTokenizer(train_vocab(texts, sizes.vocab), model_max_length=length)
    config = _config_of(
        "teacher",
        sizes,
        vocab=len(tokenizer),
        hidden=sizes.hidden,
        n_layers=sizes.layers,
        heads=sizes.heads,
        ffn=sizes.ffn,
        positions=length,
    )
    return BertForMaskedLM(config, tokenizer=tokenizer, seed=recipe.seed)


def found_teacher(recipe, kind=None):
    """The teacher of a recipe that names a directory.

    Parameters
    ----------
    recipe : Recipe
    kind : type, optional
        BertForMaskedLM to pre-train it further; by default a classifier if it is one, else a
        BertModel.
    """
    folder = find(recipe.teacher.model, "teacher.model")
    model = (kind or _kind(folder)).from_pretrained(folder)
    if model.tokenizer is None:
        raise ValueError(f"{folder} has no vocab.txt or tokenizer.json; a teacher needs its own")
    if model.is_quantized:
        raise ValueError(f"{folder} is an int8 model; a teacher is trained, which needs floats")
    model.config = with_dropout(model.config, recipe.teacher)
    return model


def new_student(recipe, teacher, task, layer_map):
    """The student before its training; it has the teacher's tokenizer.

    Parameters
    ----------
    recipe : Recipe
    teacher : BertModel
    task : Task
    layer_map : callable
        (layers of the student, layers of the teacher) -> g(1), ..., g(M).
    """
    wanted, length = recipe.student, text_length(recipe, teacher)
    tokenizer = BertTokenizer(
        teacher.tokenizer.tokens, **teacher.tokenizer.settings | {"model_max_length": length}
    )
    if wanted.start not in STARTS:
        return _found_student(recipe, teacher, task, tokenizer)
    size = teacher.config.layers[0]
    config = _config_of(
        "student",
        wanted,
        vocab=teacher.config.vocab,
        hidden=wanted.hidden or teacher.config.hidden,
        n_layers=wanted.layers or teacher.config.n_layers,
        heads=wanted.heads or size.heads,
        ffn=wanted.ffn or size.ffn,
        positions=length,
        segments=teacher.config.segments,
        classes=task.classes,
        labels=task.names,
        eps=teacher.config.eps,
        dropout=teacher.config.dropout,
        attention_dropout=teacher.config.attention_dropout,
        pooler=teacher.config.pooler,
    )
    model = BertForSequenceClassification(config, tokenizer=tokenizer, seed=recipe.seed)
    if wanted.start == "teacher":
        copy_layers(model, teacher, layer_map(config.n_layers, teacher.config.n_layers))
    return model


def _kind(folder):
    """The class to read a directory with: as a classifier, if it is one."""
    is_classifier = read_head(folder) == "classification"
    return BertForSequenceClassification if is_classifier else BertModel


def _found_student(recipe, teacher, task, tokenizer):
    """A student that starts from a directory."""
    name, length = recipe.student.start, tokenizer.model_max_length
    folder = find(name, "student.start")
    model = _kind(folder).from_pretrained(folder)
    tokens = None if model.tokenizer is None else model.tokenizer.tokens
    if model.config.vocab != teacher.config.vocab or tokens not in (None, tokenizer.tokens):
        raise ValueError(
            f"student.start={name} has another vocabulary than the teacher, whose ids it must share"
        )
    if model.config.positions < length:
        raise ValueError(
            f"data.max_length makes texts of {length} tokens, but student.start={name} takes "
            f"{model.config.positions}"
        )
    model.config, model.tokenizer = with_dropout(model.config, recipe.student), tokenizer
    return classifier_from(model, recipe.seed, task)


def text_length(recipe, model):
    """Tokens a text for a model: the recipe's, if it can take as many."""
    return min(recipe.data.max_length, model.config.positions)


def copy_layers(student, teacher, layer_map):
    """Give the student copies of the teacher's embeddings, mapped layers and pooler.

    Raises
    ------
    ValueError
        The two differ in a size.
    """
    for name, p in student.params.items():
        source = name
        for m, g in enumerate(layer_map):
            if name.startswith(layer_prefix(m)):
                source = layer_prefix(g - 1) + name.removeprefix(layer_prefix(m))
        if source.startswith("classifier") and not knows_classes(teacher, student.config):
            continue
        found = teacher.params[source]
        if "position_embeddings" in name:
            found = found[: len(p)]
        if found.shape != p.shape:
            raise ValueError(
                f'student.start="teacher" copies layers, so that the sizes must be equal: {name} '
                f"is {p.shape} in the student, {source} {found.shape} in the teacher"
            )
        p[...] = np.asarray(found, p.dtype)


def knows_classes(model, config):
    """Whether a model is a classifier of just the classes of a config, in their order."""
    ours = model.config
    same = (ours.classes, ours.labels) == (config.classes, config.labels)
    return model.head == "classification" and same


def save_quietly(model, folder, dense=False):
    """Save without the warning about what only minibert reads, which a recipe says itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save_pretrained(folder, dense)


def _config_of(table, wanted, **values):
    """A config of a recipe's sizes; an error names the table that they are from."""
    try:
        return with_dropout(BertConfig.uniform(**values), wanted)
    except ValueError as error:
        raise ValueError(f"recipe, [{table}]: {error}") from None


def classifier_from(model, seed, task=None):
    """A classifier with the body of another model, copied.

    Its classes are the task's, or as the model's config says. The head is copied, too, if it has
    just these classes, and is new otherwise.
    """
    config = model.config
    if task is not None:
        config = replace(config, classes=task.classes, labels=task.names)
    keeps_head = knows_classes(model, config)
    params = {
        name: model.params[name].copy()
        if name in model.params and (keeps_head or not name.startswith("classifier"))
        else p
        for name, p in init_params(config, seed, "classification").items()
    }
    return BertForSequenceClassification(config, params, tokenizer=model.tokenizer)


def with_dropout(config, wanted):
    """The config with the dropout rates that a recipe says (negative: as they are)."""
    rates = {name: getattr(wanted, name) for name in ("dropout", "attention_dropout")}
    return replace(config, **{name: rate for name, rate in rates.items() if rate >= 0})
