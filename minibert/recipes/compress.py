"""A recipe's steps: from a teacher and labelled texts to a small int8 classifier.

    pretrain   -> RUN/pretrained          only where the recipe says so, or there is no teacher
    finetune   -> RUN/teacher
    distill    -> RUN/student             RUN/student-unpruned where pruning follows
    prune      -> RUN/student
    quantize   -> RUN/student-int8
    report     -> RUN/report.json, report.txt

and, where it is asked for, RUN/student-dense for transformers.

Each step reads what the one before it wrote, so that each can be run alone, and one whose folder
is there is not run again. An interrupted step goes on from its last checkpoint.
"""

import dataclasses
import json
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minibert.distill import TinyBertSpec, bottom_map, top_map, uniform_map
from minibert.eval import accuracy, pearson
from minibert.interop import read_head
from minibert.interop.tensors import read_tensors, write_tensors
from minibert.pretrained import BertForMaskedLM, BertForSequenceClassification, BertModel
from minibert.recipes.examples import Epochs, MaskedEpochs, encode, join, predict_logits
from minibert.recipes.models import classifier_for, found_teacher, new_student, new_teacher
from minibert.recipes.stages import (
    Run,
    Stage,
    distill_inside,
    distill_predictions,
    finetune,
    with_logits,
)
from minibert.recipes.stages import prune as cut_and_recover
from minibert.recipes.task import Task, digest, read_task, resolve
from minibert.text import write_text

LAYER_MAPS = {"uniform": uniform_map, "top": top_map, "bottom": bottom_map}


class Job(NamedTuple):
    """A recipe at work."""

    recipe: object
    out: Path
    task: Task
    run: Run
    say: object  # prints a line
    encoded: dict  # texts as ids, which takes long for many


def open_job(recipe, *, progress=True, say=print):
    """Read the recipe's texts and open its folder.

    Raises
    ------
    ValueError
        The folder was begun with another recipe or other texts.
    """
    out = Path(recipe.out)
    task = read_task(recipe.data, recipe.seed, _teacher_classes(recipe))
    out.mkdir(parents=True, exist_ok=True)
    _check_same_run(out / "run.json", recipe)
    run = Run(recipe.seed, out, progress, {}, resume=True, save_every=recipe.save_every or None)
    sizes = f"{len(task.train.inputs)} texts to train on, {len(task.dev.inputs)} to validate"
    if task.test is not task.dev:
        sizes += f", {len(task.test.inputs)} to test"
    what = f"{len(task.names)} classes" if task.names else "numbers"
    say(f"{sizes}, {len(task.unlabelled)} without labels; {what}")
    return Job(recipe, out, task, run, say, {})


def pretrain(job):
    """The teacher learns to predict hidden words in all texts."""
    folder, stage = job.out / "pretrained", job.recipe.stages.pretrain
    is_new = not job.recipe.teacher.model
    if _there(job, folder) or not (is_new or is_on(stage)):
        return
    texts = _flat(job.task.train.inputs + job.task.unlabelled)
    if is_new:
        model = new_teacher(job.recipe, texts)
    else:
        model = found_teacher(job.recipe, BertForMaskedLM)
    examples = encode_inputs(job, model, texts)
    job.run.train(
        "pretrain",
        model,
        MaskedEpochs(examples, stage.batch_size, job.recipe.seed, model.tokenizer),
        in_updates(stage, examples),
    )
    _save(job, model, folder)


def finetune_teacher(job):
    """The teacher learns the labels."""
    folder, stage = job.out / "teacher", job.recipe.stages.finetune
    if _there(job, folder):
        return
    start = pretrained_teacher(job)
    teacher = classifier_for(start, job.task, job.recipe.seed)
    if is_on(stage):
        examples = encode_inputs(job, teacher, job.task.train.inputs, job.task.train.labels)
        stage = in_updates(stage, examples)
        finetune(job.run, "finetune", teacher, examples, stage, validator(job))
    elif start.head != "classification" or start.config.classes != job.task.classes:
        raise ValueError(
            "stages.finetune is switched off, but teacher.model is no classifier of these "
            f"{job.task.classes} classes; give it epochs"
        )
    elif start.config.labels != job.task.names:
        job.say(f"the teacher's classes have no names; in their order: {', '.join(job.task.names)}")
        teacher.params |= {n: start.params[n] for n in ("classifier.weight", "classifier.bias")}
    _save(job, teacher, folder)


def distill(job):
    """The student learns the teacher's inside, then its predictions."""
    recipe, stages = job.recipe, job.recipe.stages
    folder = job.out / ("student-unpruned" if prunes(recipe) else "student")
    if _there(job, folder):
        return
    teacher = _read(job, "teacher")
    begins = pretrained_teacher(job) if is_on(stages.general) else teacher
    student = new_student(recipe, begins, job.task, layer_map_of(recipe))
    texts = all_texts(job, teacher)
    spec = loss_spec(recipe, student, teacher)
    if is_on(stages.general):
        stage = in_updates(stages.general, texts)
        distill_inside(job.run, "general", student, begins, texts, stage, spec)
    if is_on(stages.task_inside):
        stage = in_updates(stages.task_inside, texts)
        distill_inside(job.run, "task_inside", student, teacher, texts, stage, spec)
    if is_on(stages.task_predictions):
        taught = teacher_logits(job, teacher, texts)
        stage = in_updates(stages.task_predictions, texts)
        distill_predictions(
            job.run, "task_predictions", student, taught, stage, recipe.distill.tau, validator(job)
        )
    _save(job, student, folder)
    if is_on(stages.alone):
        alone = new_student(recipe, begins, job.task, layer_map_of(recipe))
        examples = encode_inputs(job, teacher, job.task.train.inputs, job.task.train.labels)
        stage = in_updates(stages.alone, examples)
        finetune(job.run, "alone", alone, examples, stage, validator(job))
        _save(job, alone, job.out / "student-alone")


def prune(job):
    """Heads, neurons and weights of the student are cut, and the rest recovers."""
    recipe, folder = job.recipe, job.out / "student"
    if not prunes(recipe) or _there(job, folder):
        return
    teacher, student = _read(job, "teacher"), _read(job, "student-unpruned")
    texts = all_texts(job, teacher)
    examples = encode_inputs(job, teacher, job.task.train.inputs, job.task.train.labels)
    stage = in_updates(recipe.stages.recover, texts)
    shares = dataclasses.asdict(recipe.prune)
    taught = teacher_logits(job, teacher, texts)
    student = cut_and_recover(
        job.run, "recover", student, examples, taught, stage, **shares, tau=recipe.distill.tau
    )
    _save(job, student, folder)


def quantize(job):
    """The student in int8."""
    folder = job.out / "student-int8"
    if job.recipe.int8.enabled and not _there(job, folder):
        _save(job, _read(job, "student").quantize(), folder)


def write_dense(job):
    """The student with zeros in place of what was removed, as transformers can read it."""
    folder = job.out / "student-dense"
    if not _there(job, folder):
        _read(job, "student").save_pretrained(folder, dense=True)
        job.say(f"{folder} is done")


def pretrained_teacher(job):
    """The teacher before it learns the labels."""
    if (job.out / "pretrained" / "config.json").exists():
        return BertModel.from_pretrained(job.out / "pretrained")
    if not job.recipe.teacher.model:
        raise ValueError("the recipe has no teacher.model: give one, or run `minibert pretrain`")
    return found_teacher(job.recipe)


def all_texts(job, model):
    """The training texts and those without labels, encoded for a model."""
    train = encode_inputs(job, model, job.task.train.inputs)
    return join(train, encode_inputs(job, model, job.task.unlabelled))


def teacher_logits(job, teacher, texts):
    """The texts with the teacher's logits, which are computed once a run."""
    file = job.out / "checkpoints" / "teacher-logits.safetensors"
    if file.exists():
        logits = read_tensors(file)[0]["logits"]
        if len(logits) == len(texts.ids):
            return texts.with_labels(logits)
    job.say(f"the teacher's predictions for {len(texts.ids)} texts")
    taught = with_logits(texts, teacher)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_tensors(file, {"logits": taught.labels}, {})
    return taught


def validator(job):
    """A function from a classifier to its accuracy, or correlation, on the dev texts."""

    def validate(model):
        examples = encode_inputs(job, model, job.task.dev.inputs)
        logits = predict_logits(model, examples)
        if job.task.names:
            return accuracy(logits.argmax(-1), job.task.dev.labels)
        return pearson(logits[:, 0], job.task.dev.labels)

    return validate


def loss_spec(recipe, student, teacher):
    """Which losses between which layers; checked before anything is trained."""
    settings = recipe.distill
    layer_map = layer_map_of(recipe)(student.config.n_layers, teacher.config.n_layers)
    if settings.attention:
        for m, t in enumerate(layer_map):
            ours, theirs = student.config.layers[m].heads, teacher.config.layers[t - 1].heads
            if ours != theirs:
                raise ValueError(
                    f"student.heads is {ours}, the teacher has {theirs}: the attention loss "
                    f"compares head by head; set student.heads={theirs} or distill.attention=false"
                )
    return TinyBertSpec(
        layer_map, settings.attention, settings.hidden, settings.embedding, settings.pad
    )


def encode_inputs(job, model, inputs, labels=None):
    """Texts as a model's ids, cut to the recipe's length; says how many were cut."""
    length = min(job.recipe.data.max_length, model.config.positions)
    key = (id(inputs), length)
    if key not in job.encoded:
        examples = job.encoded[key] = encode(model.tokenizer, inputs, max_length=length)
        if examples.n_cut:
            job.say(f"{examples.n_cut} of {len(inputs)} texts are longer than {length} tokens: cut")
    return job.encoded[key]._replace(labels=None if labels is None else np.asarray(labels))


def in_updates(training, examples):
    """How a stage trains on these texts, in updates."""
    epoch = len(Epochs(examples, training.batch_size, 0))
    values = dataclasses.asdict(training)
    epochs, steps = values.pop("epochs"), values.pop("steps")
    return Stage(**values | {"steps": steps or max(1, round(epochs * epoch))})


def layer_map_of(recipe):
    """Its function from numbers of layers to g(1), ..., g(M)."""
    return LAYER_MAPS[recipe.distill.layer_map]


def is_on(training):
    """Whether a stage is to be run."""
    return training.epochs > 0 or training.steps > 0


def prunes(recipe):
    """Whether anything is to be cut."""
    return recipe.prune.heads < 1 or recipe.prune.neurons < 1 or recipe.prune.zeros > 0


def _flat(inputs):
    """Texts, those of pairs one by one."""
    return [text for item in inputs for text in ([item] if isinstance(item, str) else item)]


def _there(job, folder):
    """Whether a step was done before."""
    if (folder / "config.json").exists():
        job.say(f"{folder} is there already")
        return True
    return False


def _read(job, name):
    """A classifier that an earlier step wrote."""
    folder = job.out / name
    if not (folder / "config.json").exists():
        raise FileNotFoundError(f"{folder} is not there yet; run the step that makes it first")
    return BertForSequenceClassification.from_pretrained(folder)


def _save(job, model, folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what only minibert reads is said here, in our words
        model.save_pretrained(folder)
    only_ours = not model.config.is_uniform and not model.is_quantized
    why = "; its layers differ in width, for transformers see --dense" if only_ours else ""
    job.say(f"{folder} is done{why}")


def _teacher_classes(recipe):
    """The class names of a teacher that has some, in its order."""
    if not recipe.teacher.model:
        return ()
    folder = resolve(recipe.teacher.model, "teacher.model")
    if read_head(folder) != "classification":
        return ()
    return BertForSequenceClassification.from_pretrained(folder).config.labels


def _check_same_run(file, recipe):
    """Keep what the run was begun with, or hold the recipe against it."""
    names = (recipe.data.train, recipe.data.dev, recipe.data.test, recipe.data.unlabelled)
    begun = {
        "recipe": recipe.to_dict(),
        "sha256": {name: digest(resolve(name, "data")) for name in names if name},
    }
    if not file.exists():
        write_text(file, json.dumps(begun, ensure_ascii=False, indent=2) + "\n")
        return
    try:
        there = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        raise ValueError(
            f"{file} is not JSON; delete {file.parent} or choose another out"
        ) from None
    free = ("recipe.out", "recipe.save_every")
    now, then = dict(_leaves(begun)), dict(_leaves(there))
    odd = [k for k in now | then if now.get(k) != then.get(k) and k not in free]
    if odd:
        raise ValueError(
            f"{file.parent} was begun with another {odd[0]}: {then.get(odd[0])!r} there, "
            f"{now.get(odd[0])!r} now; choose another out, or delete {file.parent} to start anew"
        )


def _leaves(tree, prefix=""):
    """(dotted name, value) of nested dicts."""
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
