"""`minibert compress` in small: what a run leaves, how it goes on, and what stops it."""

import json
import shutil
import signal

import numpy as np
import pytest

from minibert import BertForMaskedLM, BertForSequenceClassification, load
from minibert.cli import main
from minibert.prune import sparsity
from minibert.prune.magnitude import layer_matrices
from minibert.recipes import compress as steps
from minibert.recipes import stages
from minibert.recipes.job import open_job, validator
from minibert.recipes.plan import plan

from .miniature import labelled_texts
from .small_runs import ROWS, SETTINGS, params, recipe_of, run, same, train, write


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


def test_the_plan_of_a_run_that_goes_on(material, tmp_path, monkeypatch):
    """Stages that are done are not in it, and of the one that was stopped what is left."""
    recipe = recipe_of(material, tmp_path / "run", "stages.pretrain.steps=3")
    job = open_job(recipe, say=str, progress=False)
    names = [
        "pretrain",
        "finetune",
        "general",
        "task_inside",
        "task_predictions",
        "alone",
        "recover",
    ]
    assert [row.name for row in plan(job)] == names
    steps.pretrain(job)
    steps.finetune_teacher(job)
    real = stages.fit

    def fit(step, batches, *, description, **others):
        ends = [lambda step, row: row["step"] == 2] if description == "task_inside" else []
        real(step, batches, description=description, callbacks=ends, **others)
        if ends:
            raise KeyboardInterrupt
        return []

    monkeypatch.setattr(stages, "fit", fit)
    with pytest.raises(KeyboardInterrupt):
        steps.distill(job)
    updates = {row.name: row.updates for row in plan(job)}
    assert updates == {"task_inside": 1, "task_predictions": 3, "alone": 2, "recover": 3}


def test_another_recipe_or_other_texts_are_refused(done, material, tmp_path):
    with pytest.raises(ValueError, match=r"begun with another recipe\.seed: 3 there, 4 now"):
        open_job(recipe_of(material, done.out, "seed=4"), say=str)
    there = tmp_path / "material"
    shutil.copytree(material, there)
    job = open_job(recipe_of(there, tmp_path / "run"), say=str, progress=False)
    job = open_job(recipe_of(there, tmp_path / "run", "seed=4"), say=str, progress=False)
    steps.finetune_teacher(job)  # until here nothing was made that a change would not fit
    write(there / "train.tsv", labelled_texts()[:39])
    with pytest.raises(ValueError, match="begun with another sha256"):
        open_job(job.recipe, say=str)
    shutil.copy(material / "train.tsv", there)
    BertForMaskedLM(
        load(there / "mlm").config, tokenizer=load(there / "mlm").tokenizer, seed=9
    ).save_pretrained(there / "mlm")
    with pytest.raises(ValueError, match=r"begun with another sha256.*mlm"):
        open_job(job.recipe, say=str)


def test_a_step_alone_wants_the_one_before(material, tmp_path):
    job = open_job(recipe_of(material, tmp_path / "run"), say=str)
    for step, missing in ((steps.distill, "teacher"), (steps.prune, "teacher")):
        with pytest.raises(FileNotFoundError, match=f"{missing} is not there yet"):
            step(job)


def test_the_pruned_student_for_others(done):
    """Zeros in place of what was removed: wider, and the same function."""
    steps.write_dense(done.job)
    student, dense = (load(done.out / name) for name in ("student", "student-dense"))
    assert not student.config.is_uniform
    assert dense.config.is_uniform
    ids = np.arange(5, 16).reshape(1, 11)
    np.testing.assert_allclose(dense(ids).logits, student(ids).logits, atol=1e-6)


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
        assert set(row["intervals"]) == {"pearson", "spearman", "mse"}
    model = load(tmp_path / "run" / "student")
    assert model.config.classes == 1
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


def test_single_steps_on_the_command_line(material, tmp_path, capsys):
    """Each goes on where the one before ended, and closes with the table of what there is."""
    settings = [
        *SETTINGS,
        f"data.train={material / 'train.tsv'}",
        f"data.dev={material / 'dev.tsv'}",
        f"teacher.model={material / 'mlm'}",
        f"out={tmp_path / 'run'}",
    ]
    words = ["--quiet", *(x for s in settings for x in ("--set", s))]
    assert main(["distill", *words]) == 2
    assert "teacher is not there yet" in capsys.readouterr().err
    for command, row in (
        ("finetune", "teacher"),
        ("distill", "student-alone"),
        ("prune", "student"),
    ):
        assert main([command, *words]) == 0
        lines = capsys.readouterr().out.split("\n")
        assert any(line.startswith("bag-of-words ") for line in lines)
        assert any(line.startswith(f"{row} ") for line in lines), command
    assert main(["prune", "--dense", *words]) == 0
    assert load(tmp_path / "run" / "student-dense").config.is_uniform
    assert main(["pretrain", *words]) == 0
    assert "stages.pretrain is switched off" in capsys.readouterr().out
