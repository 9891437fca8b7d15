"""A recipe in small: a few updates a stage, on sixty texts."""

from types import SimpleNamespace

import numpy as np

from minibert import load
from minibert.recipes import compress as steps
from minibert.recipes.job import open_job
from minibert.recipes.recipe_file import read_recipe
from minibert.recipes.results import report

ROWS = ["bag-of-words", "teacher", "student-alone", "student-unpruned", "student", "student-int8"]


SETTINGS = [
    "seed=3",
    "data.max_length=12",
    "student.layers=1",
    "student.hidden=8",
    "student.heads=2",
    "student.ffn=12",
    "prune.heads=0.5",
    "prune.neurons=0.5",
    "prune.zeros=0.25",
    "stages.finetune.steps=4",
    "stages.general.steps=3",
    "stages.task_inside.steps=3",
    "stages.task_predictions.steps=3",
    "stages.alone.steps=2",
    "stages.recover.steps=3",
]


def write(path, pairs):
    lines = ["text\tlabel", *(f"{text}\t{label}" for text, label in pairs)]
    path.write_bytes("\n".join(lines).encode())


def recipe_of(material, out, *changes):
    return read_recipe(
        None,
        [
            *SETTINGS,
            f'data.train="{material / "train.tsv"}"',
            f'data.dev="{material / "dev.tsv"}"',
            f'data.unlabelled="{material / "more.txt"}"',
            f'teacher.model="{material / "mlm"}"',
            f'out="{out}"',
            *changes,
        ],
    )


def train(recipe):
    """All steps but the report."""
    said = []
    job = open_job(recipe, progress=False, say=said.append)
    steps.pretrain(job)
    steps.finetune_teacher(job)
    steps.distill(job)
    steps.train_alone(job)
    steps.prune(job)
    steps.quantize(job)
    return job, said


def run(recipe):
    job, said = train(recipe)
    return SimpleNamespace(report=report(job), said=said, out=job.out, job=job)


def params(folder):
    return load(folder).params


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)
