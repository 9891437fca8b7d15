"""What a recipe will do and about how long it will take, before it starts."""

from typing import NamedTuple

import numpy as np

from minibert.recipes.compress import (
    is_pretrained,
    layer_map_of,
    loss_spec,
    pretrained_teacher,
    untrained_teacher,
)
from minibert.recipes.examples import Epochs, MaskedEpochs
from minibert.recipes.job import all_texts, encode_inputs, in_updates, is_there, prunes
from minibert.recipes.models import classifier_from, new_student
from minibert.recipes.objectives import PredictionDistillation, TransformerDistillation
from minibert.train import Checkpoints, estimate_seconds, minutes


class Planned(NamedTuple):
    """One stage."""

    name: str
    updates: int
    seconds: float


def plan(job):
    """Every stage that is still to be done, timed by a few of its steps.

    Nothing is changed: models of the right sizes are made for it, and thrown away.

    Returns
    -------
    list of Planned
    """
    recipe, task, rows = job.recipe, job.task, []
    if is_pretrained(recipe) and not is_there(job, "pretrained"):
        start, masked = untrained_teacher(job)
        stage = in_updates(recipe.stages.pretrain, masked)
        batches = MaskedEpochs(masked, stage.batch_size, recipe.seed, start.tokenizer)
        rows.append(("pretrain", "pretrained", start, masked, None, batches))
    else:
        start = pretrained_teacher(job)
    teacher = classifier_from(start, recipe.seed, task)
    begins = start if recipe.stages.general.is_on else teacher
    student = new_student(recipe, begins, task, layer_map_of(recipe))
    labelled = encode_inputs(job, teacher, task.train.inputs, task.train.labels)
    texts = all_texts(job, teacher)
    taught = texts.with_labels(np.zeros((len(texts.ids), task.classes), np.float32))
    spec = loss_spec(recipe, student, teacher)
    inside = spec and TransformerDistillation(teacher, student.config, spec, recipe.seed)
    folder = "student-unpruned" if prunes(recipe) else "student"
    rows += [
        ("finetune", "teacher", teacher, labelled, None, None),
        ("general", folder, student, texts, inside, None),
        ("task_inside", folder, student, texts, inside, None),
        ("task_predictions", folder, student, taught, PredictionDistillation(), None),
        ("alone", "student-alone", student, labelled, None, None),
    ]
    if prunes(recipe):
        rows.append(("recover", "student", student, taught, PredictionDistillation(), None))
    planned = [_timed(job, *row) for row in rows]
    return [row for row in planned if row.updates]


def _timed(job, name, folder, model, examples, objective, batches):
    """The stage as it is planned; of 0 updates, if nothing is left to be done."""
    stage = in_updates(getattr(job.recipe.stages, name), examples)
    done = Checkpoints(job.out / "checkpoints" / name).saved_steps()
    if is_there(job, folder) or done >= stage.steps:
        return Planned(name, 0, 0.0)
    step = job.run.first_step(model, stage, objective)
    step.step_count = done
    batches = batches or Epochs(examples, stage.batch_size, job.recipe.seed)
    return Planned(name, stage.steps - done, estimate_seconds(step, batches, stage.steps))


def format_plan(planned):
    """The plan as text, with the sum."""
    lines = [
        f"{row.name:<18}{row.updates:>7} updates  {minutes(row.seconds):>12}" for row in planned
    ]
    if not planned:
        return "all training is done"
    total = sum(row.seconds for row in planned)
    return "\n".join([*lines, f"{'in all, about':<34}{minutes(total):>12}"])
