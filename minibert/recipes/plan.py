"""What a recipe will do and about how long it will take, before it starts."""

from typing import NamedTuple

import numpy as np

from minibert.recipes.compress import layer_map_of, loss_spec, pretrained_teacher
from minibert.recipes.examples import Epochs
from minibert.recipes.job import all_texts, encode_inputs, in_updates, prunes
from minibert.recipes.models import classifier_for, new_student
from minibert.recipes.objectives import PredictionDistillation, TransformerDistillation
from minibert.train import estimate_seconds, minutes


class Planned(NamedTuple):
    """One stage."""

    name: str
    updates: int
    seconds: float


def plan(job):
    """Every stage that is still to be done from the fine-tuning on, timed by a few of its steps.

    Nothing is changed: models of the right sizes are made for it, and thrown away.

    Returns
    -------
    list of Planned
    """
    recipe, stages, task = job.recipe, job.recipe.stages, job.task
    start = pretrained_teacher(job)
    teacher = classifier_for(start, task, recipe.seed)
    student = new_student(recipe, teacher, task, layer_map_of(recipe))
    labelled = encode_inputs(job, teacher, task.train.inputs, task.train.labels)
    texts = all_texts(job, teacher)
    taught = texts.with_labels(np.zeros((len(texts.ids), task.classes), np.float32))
    inside = TransformerDistillation(
        teacher, student.config, loss_spec(recipe, student, teacher), recipe.seed
    )
    student_folder = "student-unpruned" if prunes(recipe) else "student"
    rows = [
        ("finetune", "teacher", teacher, labelled, None),
        ("general", student_folder, student, texts, inside),
        ("task_inside", student_folder, student, texts, inside),
        ("task_predictions", student_folder, student, taught, PredictionDistillation()),
        ("alone", "student-alone", student, labelled, None),
    ]
    if prunes(recipe):
        rows.append(("recover", "student", student, taught, PredictionDistillation()))
    planned = []
    for name, folder, model, examples, objective in rows:
        training = getattr(stages, name)
        if not training.is_on or (job.out / folder / "config.json").exists():
            continue
        stage = in_updates(training, examples)
        step = job.run.first_step(model, stage, objective)
        batches = Epochs(examples, stage.batch_size, recipe.seed)
        planned.append(Planned(name, stage.steps, estimate_seconds(step, batches, stage.steps)))
    return planned


def format_plan(planned):
    """The plan as text, with the sum."""
    lines = [
        f"{row.name:<18}{row.updates:>7} updates  {minutes(row.seconds):>12}" for row in planned
    ]
    total = sum(row.seconds for row in planned)
    return "\n".join([*lines, f"{'in all, about':<34}{minutes(total):>12}"])
