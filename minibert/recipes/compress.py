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
from minibert.recipes.examples import MaskedEpochs, encode
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
from minibert.recipes.models import (
    classifier_from,
    found_teacher,
    new_student,
    new_teacher,
    text_length,
)
from minibert.recipes.stages import distill_inside, distill_predictions, finetune
from minibert.recipes.stages import prune as cut_and_recover

LAYER_MAPS = {"uniform": uniform_map, "top": top_map, "bottom": bottom_map}


def pretrain(job):
    """The teacher learns to predict masked tokens in all texts."""
    stage = job.recipe.stages.pretrain
    if not is_pretrained(job.recipe):
        job.say("stages.pretrain is switched off")
    elif is_there(job, "pretrained"):
        job.say(f"{job.out / 'pretrained'} is there already")
    else:
        model, examples = untrained_teacher(job)
        batches = MaskedEpochs(examples, stage.batch_size, job.recipe.seed, model.tokenizer)
        job.run.train("pretrain", model, batches, in_updates(stage, examples))
        save(job, model, "pretrained", stages=["pretrain"])


def finetune_teacher(job):
    """The teacher learns the labels."""
    stage = job.recipe.stages.finetune
    if is_there(job, "teacher"):
        job.say(f"{job.out / 'teacher'} is there already")
        return
    teacher = classifier_from(pretrained_teacher(job), job.recipe.seed, job.task)
    if stage.is_on:
        examples = encode_inputs(job, teacher, job.task.train.inputs, job.task.train.labels)
        stage = in_updates(stage, examples)
        finetune(job.run, "finetune", teacher, examples, stage, validator(job))
    save(job, teacher, "teacher", stages=["finetune"])


def distill(job):
    """The student learns the teacher's layers, then its predictions."""
    recipe, stages = job.recipe, job.recipe.stages
    name = "student-unpruned" if prunes(recipe) else "student"
    if is_there(job, name):
        job.say(f"{job.out / name} is there already")
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
    save(job, student, name, stages=["general", "task_inside", "task_predictions"])


def train_alone(job):
    """An equal student learns the labels without a teacher, for comparison."""
    recipe = job.recipe
    if not recipe.stages.alone.is_on or is_there(job, "student-alone"):
        return
    begins = student_begins(job)
    student = new_student(recipe, begins, job.task, layer_map_of(recipe))
    examples = encode_inputs(job, begins, job.task.train.inputs, job.task.train.labels)
    stage = in_updates(recipe.stages.alone, examples)
    finetune(job.run, "alone", student, examples, stage, validator(job))
    save(job, student, "student-alone", stages=["alone"])


def prune(job):
    """Heads, neurons and weights of the student are cut, and the rest recovers."""
    recipe = job.recipe
    if not prunes(recipe):
        job.say("the recipe prunes nothing: [prune] says which shares stay")
        return
    if is_there(job, "student"):
        job.say(f"{job.out / 'student'} is there already")
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
    save(job, student, "student", stages=["recover"])


def quantize(job):
    """The student in int8."""
    if job.recipe.int8.enabled and not is_there(job, "student-int8"):
        save(job, read_classifier(job, "student").quantize(), "student-int8")


def write_dense(job):
    """The student with zeros in place of what was removed, as transformers can read it."""
    if not is_there(job, "student-dense"):
        save(job, read_classifier(job, "student"), "student-dense", dense=True)


def is_pretrained(recipe):
    """Whether there is a stage of pre-training, which a new teacher needs."""
    is_new, stage = not recipe.teacher.model, recipe.stages.pretrain
    if is_new and not stage.is_on:
        raise ValueError(
            "the recipe has no teacher.model, and stages.pretrain is switched off: name a model, "
            "or give stages.pretrain epochs, for a new one"
        )
    return stage.is_on


def untrained_teacher(job):
    """The masked language model that pre-training starts from, and all texts as its ids."""
    recipe = job.recipe
    texts = _flat(job.task.train.inputs + job.task.unlabelled)
    if recipe.teacher.model:
        model = found_teacher(recipe, BertForMaskedLM)
    else:
        model = new_teacher(recipe, texts)
    return model, encode(model.tokenizer, texts, max_length=text_length(recipe, model))


def pretrained_teacher(job):
    """The teacher before it learns the labels; if it is not to learn them, it knows them."""
    recipe, names = job.recipe, job.task.names
    if is_pretrained(recipe):
        if not is_there(job, "pretrained"):
            raise FileNotFoundError(f"{job.out / 'pretrained'} is not there: run `pretrain` first")
        model = BertModel.from_pretrained(job.out / "pretrained")
    else:
        model = found_teacher(recipe)
    if recipe.stages.finetune.is_on:
        return model
    theirs = model.config.label_names() if model.head == "classification" else ()
    if model.config.classes == job.task.classes and theirs and not names:
        return model
    if theirs != names:
        raise ValueError(
            f"stages.finetune is switched off, but the classes of the teacher are "
            f"{', '.join(theirs) or 'none'}, those of the data {', '.join(names) or 'numbers'}"
        )
    model.config = dataclasses.replace(model.config, labels=names)
    return model


def student_begins(job):
    """The teacher whose sizes, and perhaps layers, the student takes over."""
    general = job.recipe.stages.general.is_on
    return pretrained_teacher(job) if general else read_classifier(job, "teacher")


def loss_spec(recipe, student, teacher):
    """Which losses between which layers, or None; checked before anything is trained."""
    settings, stages = recipe.distill, recipe.stages
    inside = stages.general.is_on or stages.task_inside.is_on
    if not (inside or stages.task_predictions.is_on):
        raise ValueError(
            "nothing is distilled: the stages general, task_inside and "
            "task_predictions are all switched off"
        )
    if not inside:
        return None
    losses = (settings.attention, settings.hidden, settings.embedding)
    if not any(losses):
        raise ValueError("[distill] switches every loss off that general and task_inside train by")
    layer_map = layer_map_of(recipe)(student.config.n_layers, teacher.config.n_layers)
    for m, t in enumerate(layer_map):
        ours, theirs = student.config.layers[m].heads, teacher.config.layers[t - 1].heads
        if settings.attention and ours != theirs:
            raise ValueError(
                f"student.heads is {ours}, the teacher has {theirs}: the attention loss "
                f"compares head by head; set student.heads={theirs} or distill.attention=false"
            )
    return TinyBertSpec(layer_map, *losses, settings.pad)


def layer_map_of(recipe):
    """Its function from numbers of layers to g(1), ..., g(M)."""
    return LAYER_MAPS[recipe.distill.layer_map]


def _flat(inputs):
    """Texts, those of pairs one by one."""
    return [text for item in inputs for text in ([item] if isinstance(item, str) else item)]
