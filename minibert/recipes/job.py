"""A recipe at work: its texts, its folder, and what its steps share."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minibert.data.fetch import find
from minibert.eval import accuracy, pearson
from minibert.interop import read_outline
from minibert.interop.pair import CONFIG, WEIGHTS
from minibert.interop.tensors import read_tensors, write_tensors
from minibert.pretrained import BertForSequenceClassification
from minibert.recipes.examples import Epochs, decide, encode, join, predict_logits
from minibert.recipes.models import STARTS, save_quietly, text_length
from minibert.recipes.stages import Run, with_logits
from minibert.recipes.task import Task, digest, read_task
from minibert.text import write_text


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
        The folder was begun with another recipe, other texts or another teacher.
    """
    out = Path(recipe.out)
    task = read_task(recipe.data, recipe.seed, _teacher_classes(recipe))
    out.mkdir(parents=True, exist_ok=True)
    _check_same_run(out, recipe)
    run = Run(recipe.seed, out, progress, {}, resume=True, save_every=recipe.save_every or None)
    for line in task.summary():
        say(line)
    return Job(recipe, out, task, run, say, {})


def encode_inputs(job, model, inputs, labels=None):
    """The task's texts as a model's ids, cut to the recipe's length; says how many were cut."""
    length = text_length(job.recipe, model)
    key = (id(inputs), length)
    if key not in job.encoded:
        examples = job.encoded[key] = encode(model.tokenizer, inputs, max_length=length)
        if examples.n_cut:
            job.say(f"{examples.n_cut} of {len(inputs)} texts are longer than {length} tokens: cut")
    return job.encoded[key]._replace(labels=None if labels is None else np.asarray(labels))


def all_texts(job, model):
    """The training texts and those without labels, encoded for a model."""
    train = encode_inputs(job, model, job.task.train.inputs)
    return join(train, encode_inputs(job, model, job.task.unlabelled))


def teacher_logits(job, teacher, texts):
    """The texts with the logits of RUN/teacher, which are computed once a run."""
    file = job.out / "checkpoints" / "teacher-logits.safetensors"
    made_with = {"teacher": digest(job.out / "teacher" / WEIGHTS)}
    if file.exists():
        tensors, metadata = read_tensors(file)
        if metadata == made_with and len(tensors["logits"]) == len(texts.ids):
            return texts.with_labels(tensors["logits"])
    job.say(f"the teacher's predictions for {len(texts.ids)} texts")
    taught = with_logits(texts, teacher, show="teacher" if job.run.progress else None)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_tensors(file, {"logits": taught.labels}, made_with)
    return taught


def validator(job):
    """A function from a classifier to its accuracy, or correlation, on the dev texts."""
    measure = accuracy if job.task.names else pearson

    def validate(model):
        logits = predict_logits(model, encode_inputs(job, model, job.task.dev.inputs))
        return measure(decide(logits, job.task.kind), job.task.dev.labels)

    return validate


def in_updates(stage, examples):
    """The stage with its updates counted on these texts; at least one, if it is on at all."""
    epoch = len(Epochs(examples, stage.batch_size, 0))
    updates = stage.steps or max(int(stage.is_on), round(stage.epochs * epoch))
    return replace(stage, steps=updates)


def prunes(recipe):
    """Whether anything is to be cut."""
    return recipe.prune.heads < 1 or recipe.prune.neurons < 1 or recipe.prune.zeros > 0


def is_there(job, name):
    """Whether a step was done before."""
    folder = job.out / name
    if (folder / CONFIG).exists():
        return True
    if folder.is_dir() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is there, but holds no model; move it away")
    return False


def read_classifier(job, name):
    """A classifier that an earlier step wrote."""
    folder = job.out / name
    if not (folder / CONFIG).exists():
        raise FileNotFoundError(f"{folder} is not there yet; run the step that makes it first")
    return BertForSequenceClassification.from_pretrained(folder)


def save(job, model, name, *, dense=False, stages=()):
    """Write a step's model, and say so; the checkpoints of its stages are not needed any more."""
    folder = job.out / name
    part = folder.with_name(folder.name + ".part")  # weights and tokenizer appear together
    shutil.rmtree(part, ignore_errors=True)
    save_quietly(model, part, dense)
    part.replace(folder)
    for stage in stages:
        shutil.rmtree(job.out / "checkpoints" / stage, ignore_errors=True)
    only_ours = not (model.config.is_uniform or model.is_quantized or dense)
    why = "; its layers differ in width, for transformers see --dense" if only_ours else ""
    job.say(f"{folder} is done{why}")


def _teacher_classes(recipe):
    """The class names of a teacher that is a classifier, in its order."""
    if not recipe.teacher.model:
        return ()
    head, config = read_outline(find(recipe.teacher.model, "teacher.model"))
    return config.label_names() if head == "classification" else ()


def _check_same_run(out, recipe):
    """Hold the recipe against what the run was begun with; keep it where nothing is made yet."""
    begun, file = {"recipe": recipe.to_dict(), "sha256": _digests(recipe)}, out / "run.json"
    is_begun = any(out.glob(f"*/{CONFIG}")) or any(out.glob("checkpoints/**/*.safetensors"))
    if not (file.exists() and is_begun):
        write_text(file, json.dumps(begun, ensure_ascii=False, indent=2) + "\n")
        return
    try:
        there = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        raise ValueError(f"{file} is not JSON; delete {out} or choose another out") from None
    free = ("recipe.out", "recipe.save_every")
    now, then = dict(_leaves(begun)), dict(_leaves(there))
    odd = [k for k in now | then if now.get(k) != then.get(k) and k not in free]
    if odd:
        raise ValueError(
            f"{out} was begun with another {odd[0]}: {then.get(odd[0])!r} there, "
            f"{now.get(odd[0])!r} now; choose another out, or delete {out} to start anew"
        )


def _digests(recipe):
    """sha256 of the texts and of the models that a recipe names."""
    data, models = recipe.data, [recipe.teacher.model]
    if recipe.student.start not in STARTS:
        models.append(recipe.student.start)
    paths = {
        name: find(name, "data")
        for name in (data.train, data.dev, data.test, data.unlabelled)
        if name
    }
    paths |= {name: find(name, "model") / WEIGHTS for name in models if name}
    return {name: digest(path) for name, path in paths.items() if path.is_file()}


def _leaves(tree, prefix=""):
    """(dotted name, value) of nested dicts."""
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
