"""Validation during training: the best model is kept, and every score."""

import numpy as np

from minibert.train import Checkpoints, fit

from .conftest import in_parts, linear_batches, linear_model, linear_step


def bias(model):
    """A score that rises and falls: the nearer the bias to 0.5, the higher."""
    return -abs(float(model.params["w.bias"][0]) - 0.5)


def test_validation_keeps_the_best_and_all_scores(tmp_path):
    seen = []

    def validate(model):
        seen.append((bias(model), model.params["w.bias"].copy()))
        return seen[-1][0]

    _, history = in_parts(
        linear_step, lambda: linear_batches(3), tmp_path, [9, 12], validate=validate,
        validate_every=3,
    )  # fmt: skip
    assert len(seen) == 7
    scores = {row["step"]: row["score"] for row in history if "score" in row}
    assert list(scores) == [3, 6, 9, 12, 15, 18, 20]
    assert list(scores.values()) == [score for score, _ in seen]
    best, kept = max(seen, key=lambda entry: entry[0])
    assert best > scores[20]  # otherwise the last would do
    model = linear_model()
    assert Checkpoints(tmp_path).load_best(model) == best
    assert np.array_equal(model.params["w.bias"], kept)
    lines = (tmp_path / "validation.csv").read_text(encoding="utf-8").split("\n")
    assert lines == ["step,score", *(f"{step},{score!r}" for step, score in scores.items()), ""]
    header = (tmp_path / "metrics.csv").read_text(encoding="utf-8").split("\n")[0]
    assert "score" not in header.split(",")


def test_about_ten_validations_and_one_at_the_end(capsys):
    history = fit(
        linear_step(), linear_batches(3), total_steps=23, validate=bias, description="student"
    )
    assert [row["step"] for row in history if "score" in row] == [*range(3, 24, 3), 23]
    assert f"student: 23/23: score {history[-1]['score']:.4f}\n" in capsys.readouterr().err


def test_a_new_run_forgets_old_scores(tmp_path):
    for validate in (bias, None):
        fit(
            linear_step(), linear_batches(3), total_steps=3, out=tmp_path, validate=validate,
            progress=False,
        )  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == ["env.json", "metrics.csv"]
