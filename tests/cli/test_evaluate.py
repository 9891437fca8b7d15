"""`minibert evaluate`: the scores are those of the model on the file's labels."""

import json

import numpy as np
import pytest

from .small import LABELS, classifier, command, probabilities, refused, write

TEXTS = ["the good film", "very bad", "天气", "a", "the very very good film a", "bad bad", "film"]


def labelled(path, labels, header=True):
    lines = ["text\tlabel"] * header + [f"{t}\t{a}" for t, a in zip(TEXTS, labels, strict=True)]
    return write(path, "\n".join(lines) + "\n")


def evaluated(capsys, *words):
    capsys.readouterr()
    assert command("evaluate", *words, "--json") == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.quick
def test_accuracy_of_known_answers(model, tmp_path, capsys):
    folder, m = model
    right = [LABELS[i] for i in probabilities(m, TEXTS).argmax(1)]
    wrong = [LABELS[(LABELS.index(name) + 1) % 3] for name in right[:2]]
    file = labelled(tmp_path / "dev.tsv", wrong + right[2:])
    report = evaluated(capsys, "--model", folder, "--data", file)
    assert (report["task"], report["texts"], report["cut"]) == ("classification", 7, 0)
    assert list(report["scores"]) == ["accuracy", "f1_macro", "matthews"]
    found = report["scores"]["accuracy"]
    assert found["value"] == pytest.approx(5 / 7)
    assert found["low"] < 5 / 7 < found["high"]
    assert command("evaluate", "--model", folder, "--data", file, "--max-length", 4) == 0
    out = capsys.readouterr().out
    assert "7 texts" in out
    assert "accuracy" in out
    assert "2 of 7 texts were longer than 4 tokens and were cut" in out


def test_columns_by_number(model, tmp_path, capsys):
    file = labelled(tmp_path / "dev.tsv", ["yes"] * 7, header=False)
    words = ["--model", model[0], "--data", file, "--text", 1, "--label", 2]
    assert evaluated(capsys, *words)["texts"] == 7


def test_a_model_without_names_knows_its_classes_by_number(tmp_path, capsys):
    m = classifier(tmp_path / "model", labels=(), classes=2)
    right = probabilities(m, TEXTS).argmax(1)
    for write_label in ("{}".format, "LABEL_{}".format):
        file = labelled(tmp_path / "dev.tsv", [write_label(i) for i in right])
        report = evaluated(capsys, "--model", tmp_path / "model", "--data", file)
        assert report["scores"]["accuracy"]["value"] == 1
        assert "f1" in report["scores"]


def test_a_label_that_was_not_seen_in_training(model, tmp_path, capsys):
    file = labelled(tmp_path / "dev.tsv", ["yes", "no", "Yes", "no", "no", "no", "no"])
    said = refused(capsys, "evaluate", "--model", model[0], "--data", file)
    assert "dev.tsv" in said
    assert "'Yes' was not seen in training" in said
    assert all(repr(name) in said for name in LABELS)


def test_numbers(tmp_path, capsys):
    m = classifier(tmp_path / "model", labels=("score",))
    z = [m(**m.tokenizer([text], truncation=True)).logits[0, 0] for text in TEXTS]
    file = labelled(tmp_path / "dev.tsv", [2 * value + 1 for value in z])
    report = evaluated(capsys, "--model", tmp_path / "model", "--data", file)
    assert report["task"] == "regression"
    for name in ("pearson", "spearman"):
        assert np.isclose(report["scores"][name]["value"], 1)
    words = ["evaluate", "--model", tmp_path / "model", "--data"]
    said = refused(capsys, *words, labelled(tmp_path / "bad.tsv", [1, 2, "x", 4, 5, 6, 7]))
    assert "bad.tsv, line 4" in said
    assert "1 outputs" in refused(capsys, *words, file, "--task", "classification")


def test_a_file_without_labels(model, tmp_path, capsys):
    words = ["evaluate", "--model", model[0], "--data"]
    assert "no label" in refused(capsys, *words, write(tmp_path / "dev.txt", "good\n"))
    assert "dev.tsv is empty" in refused(capsys, *words, write(tmp_path / "dev.tsv", ""))
