"""Figures of a run, or of what a model attends to.

    minibert plot minibert-demo
    minibert plot --model minibert-demo/teacher --text "the room was cold" --out attention.png

Of a run's folder: the loss of every stage, from logs/*/metrics.csv, and accuracy against bytes and
against time, from report.json. Of a model and a text: the attention of its first and last layer, or
with two models the last layer of both. A figure is .png, .svg or .pdf.
"""

import csv
import json
from pathlib import Path

from minibert import plot
from minibert.cli.options import load_model

MEASURES = ("accuracy", "pearson")  # the first of a report's scores
COSTS = {"bytes": "bytes on disk", "latency_ms_1": "ms for one text"}


def add_arguments(parser):
    """The arguments of `minibert plot`."""
    parser.add_argument("run_folder", nargs="?", type=Path, metavar="RUN_FOLDER")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="PATH",
        help="a run: the folder for the figures, default RUN_FOLDER/figures; "
        "attention: the file, default attention.png",
    )
    parser.add_argument(
        "--format", choices=("png", "svg", "pdf"), default="png", help="of a run's figures"
    )
    parser.add_argument(
        "--model", action="append", metavar="PATH", help="once, or twice to compare two models"
    )
    parser.add_argument("--text", help="what the models read")


def run(args):
    """Draw and save."""
    if (args.run_folder is None) == (args.model is None):
        raise ValueError("plot: give either RUN_FOLDER, or --model and --text")
    if args.model is not None:
        if args.text is None or len(args.model) > 2:
            raise ValueError("plot: --model is given once or twice, together with --text")
        figures = {args.out or Path("attention.png"): attention(args.model, args.text)}
    else:
        folder = args.out or args.run_folder / "figures"
        drawn = figures_of_run(args.run_folder)
        figures = {folder / f"{name}.{args.format}": figure for name, figure in drawn.items()}
    for path, figure in figures.items():
        print(plot.save(figure, path))


def figures_of_run(folder):
    """The figures that a run's files are enough for, by name.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    FileNotFoundError
        The folder has neither metrics nor a report.
    """
    logs = sorted(folder.glob("logs/*/metrics.csv"))
    report = folder / "report.json"
    if not logs and not report.is_file():
        raise FileNotFoundError(f"{folder} has neither logs/*/metrics.csv nor report.json")
    figures = {}
    histories = {path.parent.name: read_metrics(path) for path in logs}
    histories = {name: rows for name, rows in histories.items() if rows}
    if histories:
        figures["loss"] = plot.loss_curves(histories)
    if report.is_file():
        rows = read_rows(report)
        measure = next((m for m in MEASURES if any(m in row for row in rows)), None)
        for field, label in COSTS.items():
            if any(row.get(measure) is not None and row.get(field) for row in rows):
                figures[f"{measure}-{field}"] = plot.accuracy_against(rows, field, label, measure)
    return figures


def read_metrics(path):
    """The rows of a metrics.csv as dicts of numbers; a last line that was cut short is left out."""
    with open(path, encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    try:
        whole = [line for line in lines if None not in line.values()]
        return [{name: float(value) for name, value in line.items()} for line in whole]
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} is no metrics.csv of a run: {error}") from None


def read_rows(path):
    """The rows of a report.json."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
        return [dict(row) for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is no report of a run: {error!r}") from None


def attention(paths, text):
    """Attention maps of one model's first and last layer, or of two models' last layers."""
    models = [load_model(path) for path in paths]
    tokens, maps = [], []
    for model in models:
        batch = model.tokenizer([text], truncation=True)
        tokens.append(model.tokenizer.convert_ids_to_tokens(batch["input_ids"][0]))
        maps.append(model(**batch, output_attentions=True).attentions)
    if len(models) == 1:
        last = len(maps[0]) - 1
        return plot.attention_maps(
            tokens[0], maps[0][0][0], maps[0][last][0], ("layer 0", f"layer {last}")
        )
    if tokens[0] != tokens[1]:
        raise ValueError(
            f"{paths[0]} reads {len(tokens[0])} tokens and {paths[1]} {len(tokens[1])} or others: "
            "only models with the same vocabulary can be compared"
        )
    return plot.attention_maps(tokens[0], maps[0][-1][0], maps[1][-1][0], tuple(paths))
