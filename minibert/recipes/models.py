"""The models that a recipe begins with: the teacher as it is found, the student untrained."""

import warnings
from dataclasses import replace

import numpy as np

from minibert.config import BertConfig
from minibert.interop import read_head
from minibert.model import init_params
from minibert.model.params import layer_prefix
from minibert.pretrained import BertForMaskedLM, BertForSequenceClassification, BertModel
from minibert.recipes.task import resolve
from minibert.text import BertTokenizer, train_vocab


def new_teacher(recipe, texts):
    """A teacher that knows nothing yet, with a vocabulary trained on the texts."""
    sizes = recipe.teacher
    length = recipe.data.max_length
    tokenizer = BertTokenizer(train_vocab(texts, sizes.vocab), model_max_length=length)
    config = BertConfig.uniform(
        vocab=len(tokenizer),
        hidden=sizes.hidden,
        n_layers=sizes.layers,
        heads=sizes.heads,
        ffn=sizes.ffn,
        positions=length,
    )
    return BertForMaskedLM(with_dropout(config, sizes), tokenizer=tokenizer, seed=recipe.seed)


def found_teacher(recipe, kind=None):
    """The teacher of a recipe that names a directory.

    Parameters
    ----------
    recipe : Recipe
    kind : type, optional
        BertForMaskedLM to pre-train it further; by default a classifier if it is one, else a
        BertModel.
    """
    folder = resolve(recipe.teacher.model, "teacher.model")
    if kind is None:
        is_classifier = read_head(folder) == "classification"
        kind = BertForSequenceClassification if is_classifier else BertModel
    model = kind.from_pretrained(folder)
    if model.tokenizer is None:
        raise ValueError(f"{folder} has no vocab.txt or tokenizer.json; a teacher needs its own")
    if model.is_quantized:
        raise ValueError(f"{folder} is an int8 model; a teacher is trained, which needs floats")
    model.config = with_dropout(model.config, recipe.teacher)
    return model


def classifier_for(model, task, seed):
    """A classifier of the task's classes with the body of another model, copied.

    The head is copied, too, if it has just these classes, and is new otherwise.
    """
    config = replace(model.config, classes=task.classes, labels=task.names)
    keep_head = model.head == "classification" and model.config.labels == task.names
    fresh = init_params(config, seed, "classification")
    params = {
        name: model.params[name].copy()
        if name in model.params and (keep_head or not name.startswith("classifier"))
        else p
        for name, p in fresh.items()
    }
    return BertForSequenceClassification(config, params, tokenizer=model.tokenizer)


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
    wanted, length = recipe.student, student_length(recipe, teacher)
    size = teacher.config.layers[0]
    tokenizer = BertTokenizer(
        teacher.tokenizer.tokens, **teacher.tokenizer.settings | {"model_max_length": length}
    )
    if wanted.start not in ("new", "teacher"):
        model = BertModel.from_pretrained(resolve(wanted.start, "student.start"))
        if model.config.vocab != teacher.config.vocab:
            raise ValueError(
                f"student.start={wanted.start} has {model.config.vocab} words, the teacher "
                f"{teacher.config.vocab}; the two must share a vocabulary"
            )
        model = BertModel(with_dropout(model.config, wanted), model.params, tokenizer=tokenizer)
        return classifier_for(model, task, recipe.seed)
    config = BertConfig.uniform(
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
    config = with_dropout(config, wanted)
    model = BertForSequenceClassification(config, tokenizer=tokenizer, seed=recipe.seed)
    if wanted.start == "teacher":
        copy_layers(model, teacher, layer_map(config.n_layers, teacher.config.n_layers))
    return model


def student_length(recipe, teacher):
    """Tokens that the student takes: no more than it is trained on."""
    return min(recipe.data.max_length, teacher.config.positions)


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
        if source.startswith("classifier") and teacher.head != "classification":
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


def save_quietly(model, folder, dense=False):
    """Save without the warning about what only minibert reads, which a recipe says itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save_pretrained(folder, dense)


def with_dropout(config, wanted):
    """The config with the dropout rates that a recipe says (negative: as they are)."""
    rates = {name: getattr(wanted, name) for name in ("dropout", "attention_dropout")}
    return replace(config, **{name: rate for name, rate in rates.items() if rate >= 0})
