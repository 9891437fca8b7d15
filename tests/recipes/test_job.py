"""What a recipe says, and what becomes of it: texts, teachers, students, stages."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from minibert import BertForSequenceClassification, BertTokenizer, load
from minibert.recipes import compress as steps
from minibert.recipes import stages
from minibert.recipes.job import open_job
from minibert.recipes.models import new_student
from minibert.recipes.plan import plan
from minibert.recipes.results import fit_words, report, words_predict

from .miniature import labelled_texts
from .small_runs import params, recipe_of, same, train, write


def test_a_student_of_the_teachers_layers(done, material):
    """The last layer from the last, no more positions than it is trained on, and the head."""
    sizes = ["student.start=teacher", "student.hidden=12", "student.ffn=16"]
    recipe = recipe_of(material, done.out, *sizes)
    teacher, layer_map = load(done.out / "teacher"), steps.layer_map_of(recipe)
    student = new_student(recipe, teacher, done.job.task, layer_map)
    for name, p in student.params.items():
        source = teacher.params[name.replace("layer.0", "layer.1")]
        assert np.array_equal(p, source[:12] if "position" in name else source), name
        assert not np.shares_memory(p, source)
    teacher.config = replace(teacher.config, labels=("a", "b", "c"))  # another task's classifier
    other = new_student(recipe, teacher, done.job.task, layer_map)
    assert not np.array_equal(
        other.params["classifier.weight"], student.params["classifier.weight"]
    )
    with pytest.raises(ValueError, match="sizes must be equal"):
        new_student(recipe_of(material, done.out, sizes[0]), teacher, done.job.task, layer_map)


def test_a_student_from_a_directory(done, material, tmp_path):
    """With the teacher's vocabulary only, and as many positions as the texts need."""
    start = tmp_path / "start"
    shutil.copytree(done.out / "student-alone", start)
    recipe = recipe_of(material, done.out, f'student.start="{start}"')
    teacher = load(done.out / "teacher")
    student = new_student(recipe, teacher, done.job.task, None)
    assert same(student.params, params(start))
    longer = recipe_of(material, done.out, f'student.start="{start}"', "data.max_length=14")
    with pytest.raises(ValueError, match=r"texts of 14 tokens.*takes 12"):
        new_student(longer, teacher, done.job.task, None)
    tokens = [*teacher.tokenizer.tokens[:5], *reversed(teacher.tokenizer.tokens[5:])]
    shutil.rmtree(start)
    model = load(done.out / "student-alone")
    model.tokenizer = BertTokenizer(tokens)
    model.save_pretrained(start)
    with pytest.raises(ValueError, match="another vocabulary"):
        new_student(recipe, teacher, done.job.task, None)


def test_every_field_reaches_its_stage(material, tmp_path, monkeypatch):
    """What each stage is told: its texts, teacher, losses, temperature, optimizer, dropout."""
    seen = {}

    def fit(step, batches, *, description, **others):
        seen[description] = (step, batches, others)
        return []

    monkeypatch.setattr(stages, "fit", fit)
    write(tmp_path / "test.tsv", labelled_texts()[45:])
    changes = [
        "student.layers=2",
        "distill.layer_map=bottom",
        "distill.embedding=false",
        "distill.pad=all",
        "distill.tau=2.5",
        "data.unlabelled_limit=7",
        f'data.test="{tmp_path / "test.tsv"}"',
        "teacher.dropout=0.25",
        "student.attention_dropout=0.5",
        "stages.recover.optimizer=bert",
        "stages.finetune.weight_decay=0.125",
        "stages.pretrain.steps=2",
        "save_every=5",
        "int8.enabled=false",
        "stages.task_predictions.keep=best",
    ]
    job, _ = train(recipe_of(material, tmp_path / "run", *changes))
    assert list(seen) == [
        "pretrain",
        "finetune",
        "general",
        "task_inside",
        "task_predictions",
        "alone",
        "recover",
    ]
    texts = {name: len(batches.examples.ids) for name, (_, batches, _) in seen.items()}
    assert texts == {
        "pretrain": 47,
        "finetune": 40,
        "general": 47,
        "task_inside": 47,
        "task_predictions": 47,
        "alone": 40,
        "recover": 47,
    }
    step = {name: step for name, (step, _, _) in seen.items()}
    assert step["general"].objective.teacher.head is None
    assert step["task_inside"].objective.teacher.head == "classification"
    for name in ("general", "task_inside"):
        spec = step[name].objective.spec
        assert (spec.layer_map, spec.embedding, spec.attention, spec.pad) == (
            (1, 2),
            False,
            True,
            "all",
        )
    assert step["task_predictions"].objective.tau == 2.5
    assert step["recover"].objective.objective.tau == 2.5
    assert type(step["recover"].optimizer).__name__ == "BertAdam"
    assert step["finetune"].optimizer.weight_decay == 0.125
    assert step["finetune"].model.config.dropout == 0.25
    assert step["general"].model.config.dropout == 0.25, "as the teacher's"
    assert step["general"].model.config.attention_dropout == 0.5
    assert all(others["save_every"] == 5 for _, _, others in seen.values())
    scored = {name for name, (_, _, others) in seen.items() if others["validate"]}
    assert scored == {"task_predictions"}
    assert not (job.out / "student-int8").exists()
    found = report(job)
    assert found["texts"]["test"] == 15, "of the test file"
    words = fit_words(job.task)
    right = np.mean(words_predict(words, job.task.test.inputs) == job.task.test.labels)
    assert found["rows"][0]["accuracy"] == pytest.approx(right)


def test_what_is_measured_is_not_learned_from(material, tmp_path):
    """A text of the dev part, given twice or without its label, is not in the training part."""
    pairs = labelled_texts()
    write(tmp_path / "twice.tsv", [*pairs[:30], *pairs[:30]])
    (tmp_path / "more.txt").write_bytes("\n".join(text for text, _ in pairs).encode())
    recipe = recipe_of(
        material,
        tmp_path / "run",
        f'data.train="{tmp_path / "twice.tsv"}"',
        'data.dev=""',
        f'data.unlabelled="{tmp_path / "more.txt"}"',
    )
    task = open_job(recipe, say=str).task
    assert task.dev.inputs
    assert not set(task.dev.inputs) & set(task.train.inputs)
    assert not set(task.dev.inputs) & set(task.unlabelled)
    assert len(task.unlabelled) == 60 - len(set(task.dev.inputs))
    write(tmp_path / "dev.tsv", pairs[25:35])
    said = []
    recipe = recipe_of(
        material,
        tmp_path / "b",
        f'data.train="{tmp_path / "twice.tsv"}"',
        f'data.dev="{tmp_path / "dev.tsv"}"',
    )
    open_job(recipe, say=said.append)
    assert "5 validation texts are among the training texts, too" in said
    assert any(line.startswith("3 classes: sport ") for line in said)


def test_labels_that_differ_by_a_space(material, tmp_path):
    write(tmp_path / "train.tsv", [*labelled_texts()[:40], ("A goal.", "sport ")])
    with pytest.raises(ValueError, match="'sport ' and 'sport' are different labels"):
        open_job(recipe_of(material, tmp_path / "run", f'data.train="{tmp_path}/train.tsv"'))


def test_labels_that_are_no_classes(material, tmp_path):
    lines = [
        "text\tlabel",
        *(f"{text}\t{i / 7:.3f}" for i, (text, _) in enumerate(labelled_texts())),
    ]
    (tmp_path / "scores.tsv").write_bytes("\n".join(lines).encode())
    with pytest.raises(ValueError, match=r"60 different labels for 60 texts.*task=\"regression\""):
        open_job(recipe_of(material, tmp_path / "run", f'data.train="{tmp_path}/scores.tsv"'))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (['teacher.model=""'], "no teacher.model, and stages.pretrain is switched off"),
        (["student.heads=3"], r"\[student\]: hidden=8 does not divide"),
        (["student.heads=4"], "attention loss compares head by head"),
        (["student.layers=3"], "student of 3 layers cannot learn from a teacher of 2"),
        (
            ["distill.attention=false", "distill.hidden=false", "distill.embedding=false"],
            "switches every loss off",
        ),
        (
            [
                f"stages.{name}.{field}=0"
                for name in ("general", "task_inside", "task_predictions")
                for field in ("steps", "epochs")
            ],
            "nothing is distilled",
        ),
    ],
)
def test_wrong_recipes_are_refused_before_anything_is_trained(material, tmp_path, changes, said):
    job = open_job(recipe_of(material, tmp_path / "run", *changes), say=str, progress=False)
    with pytest.raises(ValueError, match=said):
        plan(job)
    assert not list((tmp_path / "run").rglob("*.safetensors"))
    open_job(recipe_of(material, tmp_path / "run"), say=str)  # the folder is not taken


def test_predictions_alone_need_no_equal_heads(material, tmp_path):
    changes = [
        "student.heads=4",
        "stages.general.steps=0",
        "stages.task_inside.steps=0",
        "stages.task_inside.epochs=0",
        "stages.alone.steps=0",
    ]
    job, _ = train(recipe_of(material, tmp_path / "run", *changes))
    assert load(job.out / "student-unpruned").config.layers[0].heads == 4


def test_a_fine_tuned_teacher_is_taken_as_it_is(done, material, tmp_path):
    """Its classes keep their order, whatever order the file would give them."""
    model = load(done.out / "teacher")
    names = tuple(reversed(model.config.label_names()))
    config = replace(model.config, labels=names)
    BertForSequenceClassification(config, model.params, tokenizer=model.tokenizer).save_pretrained(
        tmp_path / "teacher"
    )
    changes = [
        f'teacher.model="{tmp_path / "teacher"}"',
        "stages.finetune.steps=0",
        "stages.finetune.epochs=0",
    ]
    job = open_job(recipe_of(material, tmp_path / "run", *changes), say=str, progress=False)
    assert job.task.names == names
    steps.finetune_teacher(job)
    assert same(params(tmp_path / "run" / "teacher"), model.params)
    write(tmp_path / "two.tsv", [(text, f"{label}!") for text, label in labelled_texts()[:40]])
    others = [*changes, f'data.train="{tmp_path / "two.tsv"}"', 'data.dev=""']
    job = open_job(recipe_of(material, tmp_path / "third", *others), say=str, progress=False)
    with pytest.raises(ValueError, match=r"those of the data .*sport!"):
        steps.finetune_teacher(job)
    changes[0] = f'teacher.model="{material / "mlm"}"'
    job = open_job(recipe_of(material, tmp_path / "other", *changes), say=str)
    with pytest.raises(ValueError, match="classes of the teacher are none"):
        steps.finetune_teacher(job)


def test_a_label_that_was_not_seen(material, tmp_path):
    pairs = labelled_texts()
    write(tmp_path / "dev.tsv", [*pairs[40:43], ("A goal.", "sports")])
    with pytest.raises(ValueError, match="'sports' was not seen in training"):
        open_job(recipe_of(material, tmp_path / "run", f'data.dev="{tmp_path}/dev.tsv"'))


def test_texts_longer_than_the_model_are_counted(material, tmp_path):
    said = []
    job = open_job(
        recipe_of(material, tmp_path / "run", "data.max_length=5"), say=said.append, progress=False
    )
    steps.finetune_teacher(job)
    assert any("of 40 texts are longer than 5 tokens: cut" in line for line in said)
