"""How good a model is on labelled texts, with the uncertainty that their number leaves.

    minibert evaluate --model minibert-demo/teacher --data dev.tsv --text 1 --label 2

Classes: accuracy, F1 (of the second of two classes, else the mean over all) and Matthews'
correlation. Numbers: Pearson's and Spearman's correlation and the mean squared error. The interval
behind each is where it falls in 95 % of bootstrap samples of the texts.
"""

import json

import numpy as np

from minibert.cli.batches import cut_texts, length_limit, logits, run_texts
from minibert.cli.options import add_batching, add_columns, load_classifier
from minibert.data import label_indices, read_table
from minibert.data.fetch import find
from minibert.eval import format_scores, scores

TASKS = ("classification", "regression")


def add_arguments(parser):
    """The arguments of `minibert evaluate`."""
    parser.add_argument(
        "--model", required=True, metavar="PATH", help="a model's directory, or its one file"
    )
    parser.add_argument("--data", required=True, metavar="FILE", help=".tsv, .csv or .jsonl")
    add_columns(parser)
    parser.add_argument("--task", choices=TASKS, help="default: regression if there is one output")
    add_batching(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args):
    """Predict, compare, print."""
    model = load_classifier(args.model)
    limit = length_limit(model, args.max_length)
    task = TASKS[model.config.classes == 1]
    if args.task not in (None, task):
        raise ValueError(
            f"--task is {args.task}, but {args.model} has {model.config.classes} outputs: "
            f"it was made for {task}"
        )
    table = read_table(
        find(args.data, "--data"),
        text=args.text,
        text_pair=args.text_pair,
        label=args.label,
        numbers=task == "regression",
    )
    labels = table.labels
    if task == "classification":
        labels = label_indices(labels, class_names(model.config, labels), args.data)
    predicted, n_cut = [], 0
    for z, cut in run_texts(model, logits, table, max_length=limit, batch_size=args.batch_size):
        predicted.append(z[:, 0] if task == "regression" else z.argmax(1))
        n_cut += cut
    classes = model.config.classes if task == "classification" else None
    found = scores(np.concatenate(predicted), np.asarray(labels), task, classes=classes)
    if args.json:
        values = {name: score._asdict() for name, score in found.items()}
        report = {"task": task, "texts": len(labels), "cut": n_cut, "scores": values}
        print(json.dumps(report, indent=2))
        return
    print(f"{len(labels)} texts of {args.data}, {args.model}")
    print(format_scores(found))
    if n_cut:
        print(cut_texts(n_cut, len(labels), limit))


def class_names(config, labels):
    """The names that the labels in a file may have, in the order of the classes.

    A model that was saved without names calls its classes LABEL_0 and so on; in a file they may
    then stand as 0 and so on.
    """
    names = config.label_names()
    if not config.labels and not set(labels) & set(names):
        return tuple(str(i) for i in range(len(names)))
    return names
