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

from minibert.distill import TinyBertSpec, bottom_map, top_map, uniform_map
from minibert.pretrained import BertForMaskedLM, BertModel
from minibert.recipes.examples import MaskedEpochs
from minibert.recipes.job import (
    all_texts,
    encode_inputs,
    in_updates,
    is_there,
    prunes,
    read_classifier,
    save,
    teacher_logits,
    validator,
)
from minibert.recipes.models import classifier_for, found_teacher, new_student, new_teacher
from minibert.recipes.stages import distill_inside, distill_predictions, finetune
from minibert.recipes.stages import prune as cut_and_recover

LAYER_MAPS = {"uniform": uniform_map, "top": top_map, "bottom": bottom_map}


def pretrain(job):
    """The teacher learns to predict hidden words in all texts."""
    folder, stage = job.out / "pretrained", job.recipe.stages.pretrain
    is_new = not job.recipe.teacher.model
    if is_there(job, folder) or not (is_new or stage.is_on):
        return
    texts = _flat(job.task.train.inputs + job.task.unlabelled)
    if is_new:
        model = new_teacher(job.recipe, texts)
    else:
        model = found_teacher(job.recipe, BertForMaskedLM)
    examples = encode_inputs(job, model, texts)
    if stage.is_on:
        batches = MaskedEpochs(examples, stage.batch_size, job.recipe.seed, model.tokenizer)
        job.run.train("pretrain", model, batches, in_updates(stage, examples))
    save(job, model, folder)


def finetune_teacher(job):
    """The teacher learns the labels."""
    folder, stage = job.out / "teacher", job.recipe.stages.finetune
    if is_there(job, folder):
        return
    start = pretrained_teacher(job)
    teacher = classifier_for(start, job.task, job.recipe.seed)
    if stage.is_on:
        examples = encode_inputs(job, teacher, job.task.train.inputs, job.task.train.labels)
        stage = in_updates(stage, examples)
        finetune(job.run, "finetune", teacher, examples, stage, validator(job))
    elif start.head == "classification" and start.config.labels == job.task.names:
        pass  # it knows these very classes
    elif start.head != "classification" or start.config.classes != job.task.classes:
        raise ValueError(
            "stages.finetune is switched off, but teacher.model is no classifier of these "
            f"{job.task.classes} classes; give it epochs"
        )
    elif start.config.labels:
        raise ValueError(
            f"stages.finetune is switched off, but teacher.model's classes are "
            f"{', '.join(start.config.labels)}, those of the data {', '.join(job.task.names)}"
        )
    else:
        job.say(f"the teacher's classes have no names; in their order: {', '.join(job.task.names)}")
        teacher.params |= {n: start.params[n] for n in ("classifier.weight", "classifier.bias")}
    save(job, teacher, folder)


def distill(job):
    """The student learns the teacher's inside, then its predictions."""
    recipe, stages = job.recipe, job.recipe.stages
    folder = job.out / ("student-unpruned" if prunes(recipe) else "student")
    if is_there(job, folder):
        return
    teacher, begins = read_classifier(job, "teacher"), student_begins(job)
    student = new_student(recipe, begins, job.task, layer_map_of(recipe))
    texts = all_texts(job, teacher)
    spec = loss_spec(recipe, student, teacher)
    if stages.general.is_on:
        stage = in_updates(stages.general, texts)
        distill_inside(job.run, "general", student, begins, texts, stage, spec)
    if stages.task_inside.is_on:
        stage = in_updates(stages.task_inside, texts)
        distill_inside(job.run, "task_inside", student, teacher, texts, stage, spec)
    if stages.task_predictions.is_on:
        taught = teacher_logits(job, teacher, texts)
        stage = in_updates(stages.task_predictions, texts)
        distill_predictions(
            job.run, "task_predictions", student, taught, stage, recipe.distill.tau, validator(job)
        )
    save(job, student, folder)


def train_alone(job):
    """An equal student learns the labels without a teacher, for comparison."""
    recipe, folder = job.recipe, job.out / "student-alone"
    if not recipe.stages.alone.is_on or is_there(job, folder):
        return
    begins = student_begins(job)
    student = new_student(recipe, begins, job.task, layer_map_of(recipe))
    examples = encode_inputs(job, begins, job.task.train.inputs, job.task.train.labels)
    stage = in_updates(recipe.stages.alone, examples)
    finetune(job.run, "alone", student, examples, stage, validator(job))
    save(job, student, folder)


def prune(job):
    """Heads, neurons and weights of the student are cut, and the rest recovers."""
    recipe, folder = job.recipe, job.out / "student"
    if not prunes(recipe) or is_there(job, folder):
        return
    teacher, student = read_classifier(job, "teacher"), read_classifier(job, "student-unpruned")
    texts = all_texts(job, teacher)
    examples = encode_inputs(job, teacher, job.task.train.inputs, job.task.train.labels)
    stage = in_updates(recipe.stages.recover, texts)
    shares = dataclasses.asdict(recipe.prune)
    taught = teacher_logits(job, teacher, texts)
    student = cut_and_recover(
        job.run, "recover", student, examples, taught, stage, **shares, tau=recipe.distill.tau
    )
    save(job, student, folder)


def quantize(job):
    """The student in int8."""
    folder = job.out / "student-int8"
    if job.recipe.int8.enabled and not is_there(job, folder):
        save(job, read_classifier(job, "student").quantize(), folder)


def write_dense(job):
    """The student with zeros in place of what was removed, as transformers can read it."""
    folder = job.out / "student-dense"
    if not is_there(job, folder):
        save(job, read_classifier(job, "student"), folder, dense=True)


def pretrained_teacher(job):
    """The teacher before it learns the labels."""
    if (job.out / "pretrained" / "config.json").exists():
        return BertModel.from_pretrained(job.out / "pretrained")
    if not job.recipe.teacher.model:
        raise ValueError("the recipe has no teacher.model: give one, or run `minibert pretrain`")
    return found_teacher(job.recipe)


def student_begins(job):
    """The teacher whose sizes, and perhaps layers, the student takes over."""
    general = job.recipe.stages.general.is_on
    return pretrained_teacher(job) if general else read_classifier(job, "teacher")


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


def layer_map_of(recipe):
    """Its function from numbers of layers to g(1), ..., g(M)."""
    return LAYER_MAPS[recipe.distill.layer_map]


def _flat(inputs):
    """Texts, those of pairs one by one."""
    return [text for item in inputs for text in ([item] if isinstance(item, str) else item)]
