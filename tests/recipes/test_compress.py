"""`minibert compress` in small: what a run leaves, how it goes on, and what stops it."""

import json
import shutil
import signal
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from minibert import BertForMaskedLM, BertForSequenceClassification, BertTokenizer, load
from minibert import kernels as F
from minibert.cli import main
from minibert.config import BertConfig
from minibert.prune import sparsity
from minibert.prune.magnitude import layer_matrices
from minibert.recipes import compress as steps
from minibert.recipes import stages
from minibert.recipes.job import open_job, validator
from minibert.recipes.recipe_file import read_recipe
from minibert.recipes.results import report
from minibert.text import train_vocab

from .miniature import labelled_texts

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


@pytest.fixture(autouse=True)
def plain_kernels():
    """Compiling kernels would be most of the time here."""
    with F.use("numpy"):
        yield


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """A masked language model to start from, and files of labelled and of other texts."""
    folder = tmp_path_factory.mktemp("material")
    pairs = labelled_texts()
    tokenizer = BertTokenizer(train_vocab([text for text, _ in pairs], 120), model_max_length=16)
    config = BertConfig.uniform(
        vocab=len(tokenizer), hidden=12, n_layers=2, heads=2, ffn=16, positions=16
    )
    BertForMaskedLM(config, tokenizer=tokenizer, seed=1).save_pretrained(folder / "mlm")
    write(folder / "train.tsv", pairs[:40])
    write(folder / "dev.tsv", pairs[40:])
    (folder / "more.txt").write_bytes("\n".join(text for text, _ in pairs[10:30]).encode())
    return folder


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


@pytest.fixture(scope="module")
def done(material, tmp_path_factory):
    with F.use("numpy"):
        return run(recipe_of(material, tmp_path_factory.mktemp("runs") / "run"))


def params(folder):
    return load(folder).params


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def test_what_a_run_leaves(done):
    found = json.loads((done.out / "report.json").read_text(encoding="utf-8"))
    assert found == done.report
    assert [row["name"] for row in found["rows"]] == ROWS
    for row in found["rows"]:
        low, high = row["intervals"]["accuracy"]
        assert low <= row["accuracy"] <= high
        assert row["parameters"] > 0
        assert row["bytes"] > 0
        assert row["latency_ms_1"] > 0
    assert found["labels"] == sorted({label for _, label in labelled_texts()})
    assert found["texts"] == {"train": 40, "test": 20, "unlabelled": 20}
    assert (done.out / "report.txt").read_text(encoding="utf-8").rstrip() in done.said[-1]
    assert "bag-of-words" in done.said[-1]


def test_models_are_what_the_table_says(done):
    """Every folder loads, has the labels, and gives the accuracy that was reported."""
    pairs = labelled_texts()[40:]
    names = done.report["labels"]
    for row in done.report["rows"][1:]:
        model = load(done.out / row["name"])
        assert isinstance(model, BertForSequenceClassification)
        assert list(model.config.label_names()) == names
        batch = model.tokenizer([text for text, _ in pairs], truncation=True, max_length=12)
        predicted = model(**batch).logits.argmax(-1)
        right = np.mean([names[p] == label for p, (_, label) in zip(predicted, pairs, strict=True)])
        assert right == pytest.approx(row["accuracy"]), row["name"]
    student, unpruned = (load(done.out / name) for name in ("student", "student-unpruned"))
    assert student.config.layers[0].heads == 1
    assert student.config.layers[0].ffn == 6
    assert unpruned.config.layers[0].heads == 2
    assert student.config.positions == 12, "no longer than it was trained on"
    assert (
        sparsity({n: p for n, p in student.params.items() if n in layer_matrices(student.params)})
        > 0.2
    )
    assert load(done.out / "student-int8").is_quantized
    assert not student.is_quantized


def test_a_run_that_is_done_is_not_run_again(done, material):
    before = {
        file: file.stat().st_mtime_ns
        for file in done.out.rglob("*.safetensors")
        if file.parent.name.startswith(("teacher", "student"))
    }
    again = run(recipe_of(material, done.out))
    assert {file: file.stat().st_mtime_ns for file in before} == before
    without = ("latency_ms_1", "latency_ms_32")
    rows = [
        [{k: v for k, v in row.items() if k not in without} for row in report["rows"]]
        for report in (done.report, again.report)
    ]
    assert rows[0] == rows[1]


@pytest.mark.parametrize(
    "stage", ["finetune", "task_inside", "task_predictions", "alone", "recover"]
)
def test_interrupted_anywhere_it_goes_on_to_the_same_bits(done, material, tmp_path, stage):
    """Ctrl-C after the second update of a stage; the same command again."""
    recipe = recipe_of(material, tmp_path / "run")
    stopped = []

    def interrupt(step, row):
        if row["step"] == 2:
            stopped.append(row)
            signal.raise_signal(signal.SIGINT)

    def fit(step, batches, *, description, **others):
        callbacks = [interrupt] if description == stage else []
        return real(step, batches, description=description, callbacks=callbacks, **others)

    real = stages.fit
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "fit", fit)
        with pytest.raises(KeyboardInterrupt):
            train(recipe)
    assert len(stopped) == 1
    train(recipe)
    for name in ROWS[1:-1]:
        assert same(params(tmp_path / "run" / name), params(done.out / name)), name


def test_another_recipe_or_other_texts_are_refused(done, material, tmp_path):
    with pytest.raises(ValueError, match=r"begun with another recipe\.seed: 3 there, 4 now"):
        open_job(recipe_of(material, done.out, "seed=4"), say=str)
    there = tmp_path / "material"
    shutil.copytree(material, there)
    recipe = recipe_of(there, tmp_path / "run")
    open_job(recipe, say=str)
    write(there / "train.tsv", labelled_texts()[:39])
    with pytest.raises(ValueError, match="begun with another sha256"):
        open_job(recipe, say=str)


def test_a_step_alone_wants_the_one_before(material, tmp_path):
    job = open_job(recipe_of(material, tmp_path / "run"), say=str)
    for step, missing in ((steps.distill, "teacher"), (steps.prune, "teacher")):
        with pytest.raises(FileNotFoundError, match=f"{missing} is not there yet"):
            step(job)


def test_a_student_of_the_teachers_layers(material, tmp_path):
    recipe = recipe_of(
        material,
        tmp_path / "run",
        'student.start="teacher"',
        "student.hidden=12",
        "student.ffn=16",
        "stages.general.steps=0",
        "stages.task_inside.steps=0",
        "stages.task_inside.epochs=0",
        "stages.task_predictions.steps=0",
        "stages.task_predictions.epochs=0",
        "stages.alone.steps=0",
    )
    job = open_job(recipe, say=str, progress=False)
    steps.finetune_teacher(job)
    steps.distill(job)
    teacher, student = (load(job.out / name) for name in ("teacher", "student-unpruned"))
    for name, p in student.params.items():
        source = teacher.params[name.replace("layer.0", "layer.1")]  # the last from the last
        assert np.array_equal(p, source[:12] if "position" in name else source), name
    with pytest.raises(ValueError, match="sizes must be equal"):
        steps.new_student(
            recipe_of(material, tmp_path / "b", 'student.start="teacher"'),
            teacher,
            job.task,
            steps.layer_map_of(recipe),
        )


def test_the_pruned_student_for_others(done):
    """Zeros in place of what was removed: wider, and the same function."""
    steps.write_dense(done.job)
    student, dense = (load(done.out / name) for name in ("student", "student-dense"))
    assert not student.config.is_uniform
    assert dense.config.is_uniform
    ids = np.arange(5, 16).reshape(1, 11)
    np.testing.assert_allclose(dense(ids).logits, student(ids).logits, atol=1e-6)


def test_unequal_heads_are_said_before_anything_is_trained(material, tmp_path):
    recipe = recipe_of(material, tmp_path / "run", "student.heads=4")
    job = open_job(recipe, say=str, progress=False)
    steps.finetune_teacher(job)
    with pytest.raises(ValueError, match=r"student\.heads is 4, the teacher has 2"):
        steps.distill(job)


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
    with pytest.raises(ValueError, match="no classifier of these 3 classes"):
        steps.finetune_teacher(job)


def test_pairs_and_numbers(material, tmp_path):
    """Regression on pairs of texts: a number for each, and its correlations in the table."""
    rng = np.random.default_rng(0)
    pairs = labelled_texts()
    lines = ["a\tb\tscore"]
    for text, label in pairs:
        other, other_label = pairs[rng.integers(len(pairs))]
        lines.append(f"{text}\t{other}\t{float(label == other_label) + rng.normal() / 10:.3f}")
    (tmp_path / "pairs.tsv").write_bytes("\n".join(lines).encode())
    recipe = recipe_of(
        material,
        tmp_path / "run",
        f'data.train="{tmp_path / "pairs.tsv"}"',
        'data.dev=""',
        'data.unlabelled=""',
        "data.dev_share=0.25",
        "data.text=a",
        "data.text_pair=b",
        "data.label=score",
        "data.task=regression",
        "data.max_length=16",
    )
    found = run(recipe)
    assert found.report["texts"] == {"train": 45, "test": 15, "unlabelled": 0}
    for row in found.report["rows"]:
        assert -1 <= row["pearson"] <= 1
        assert -1 <= row["spearman"] <= 1
    model = load(tmp_path / "run" / "student")
    assert model.config.classes == 1
    assert found.job.encoded, "texts are encoded once"
    (first, *_) = found.job.encoded.values()
    assert any(1 in row for row in first.segments), "the second text is in segment 1"


def test_a_teacher_from_nothing(material, tmp_path):
    recipe = recipe_of(
        material,
        tmp_path / "run",
        'teacher.model=""',
        "teacher.vocab=110",
        "teacher.layers=2",
        "teacher.hidden=8",
        "teacher.heads=2",
        "teacher.ffn=12",
        "stages.pretrain.steps=3",
    )
    found = run(recipe)
    assert [row["name"] for row in found.report["rows"]] == ROWS
    teacher = load(tmp_path / "run" / "teacher")
    assert teacher.config.vocab == len(teacher.tokenizer) <= 110
    (rows,) = [found.job.run.histories["pretrain"]]
    assert len(rows) == 3


def test_the_best_on_validation_texts_is_kept(material, tmp_path):
    recipe = recipe_of(
        material,
        tmp_path / "run",
        "stages.finetune.keep=best",
        "stages.finetune.steps=20",
        "stages.finetune.lr=0.04",
        "stages.finetune.schedule=constant",
    )
    job = open_job(recipe, say=str, progress=False)
    steps.finetune_teacher(job)
    history = job.run.histories["finetune"]
    scores = [row["score"] for row in history if "score" in row]
    assert len(scores) > 3
    model = load(job.out / "teacher")
    assert validator(job)(model) == max(scores)
    assert max(scores) > scores[-1], "else the last would do, and nothing is tested"


def test_pruning_without_recovery(material, tmp_path):
    """What stays is what was there, in the rows of the heads and neurons that stay."""
    recipe = recipe_of(
        material,
        tmp_path / "run",
        "stages.recover.steps=0",
        "stages.recover.epochs=0",
        "prune.zeros=0.0",
    )
    job, _ = train(recipe)
    assert "recover" not in job.run.histories
    before, after = (load(job.out / name).params for name in ("student-unpruned", "student"))
    name = "bert.encoder.layer.0.intermediate.dense.weight"
    assert len(after[name]) == 6
    assert all(any(np.array_equal(row, old) for old in before[name]) for row in after[name])


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


def test_nan_stops_and_says_where(material, tmp_path, capsys):
    """One line, exit status 2, the first tensor named; no model is written."""
    with np.errstate(all="ignore"):
        settings = [
            *SETTINGS,
            f"data.train={material / 'train.tsv'}",
            f"data.dev={material / 'dev.tsv'}",
            f"teacher.model={material / 'mlm'}",
            f"out={tmp_path / 'run'}",
            "stages.finetune.lr=1e30",
        ]
        status = main(["finetune", "--quiet", *(x for s in settings for x in ("--set", s))])
    assert status == 2
    (line,) = [x for x in capsys.readouterr().err.split("\n") if "error" in x]
    assert "not finite" in line
    assert "bert." in line or "classifier" in line
    assert not (tmp_path / "run" / "teacher").exists()


def test_plan_trains_nothing(material, tmp_path, capsys):
    settings = [
        *SETTINGS,
        f"data.train={material / 'train.tsv'}",
        f"teacher.model={material / 'mlm'}",
        f"out={tmp_path / 'run'}",
    ]
    assert main(["compress", "--plan", *(x for s in settings for x in ("--set", s))]) == 0
    out = capsys.readouterr().out
    for name in ("finetune", "general", "task_inside", "task_predictions", "alone", "recover"):
        assert f"\n{name} " in out
    assert "in all, about" in out
    assert not list((tmp_path / "run").rglob("*.safetensors"))
