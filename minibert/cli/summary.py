"""What a model is made of: parameters, bytes and zeros part by part, and what a text costs.

    minibert summary minibert-demo/student-distilled
    minibert summary tinybert-4l-312

MODEL is a directory, a file, or the name of a published architecture (bert-base, tinybert-4l-312,
tinybert-6l-768). FLOPs are those of the encoder's matrix products, a multiply-add counted twice.
"""

import json
from pathlib import Path

from minibert.cli.sizes import bytes_on_disk, summarize
from minibert.config import PRESETS, preset
from minibert.data.fetch import find
from minibert.pretrained import load


def add_arguments(parser):
    """The arguments of `minibert summary`."""
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument(
        "--length", type=int, metavar="TOKENS", help="of a text; default 128, or what fits"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args):
    """Read the model, and print."""
    if args.model in PRESETS and not Path(args.model).exists():
        config = preset(args.model)
        summary = summarize(config, None, _length(args, config))
        disk = None
    else:
        path = find(args.model, "MODEL")
        model = load(path)
        summary = summarize(
            model.config, model.head, _length(args, model.config), model.params, model.tokenizer
        )
        disk = bytes_on_disk(path)
    summary = {"model": args.model, "bytes_on_disk": disk} | summary
    print(json.dumps(summary, indent=2) if args.json else format_summary(summary))


def _length(args, config):
    return min(128, config.positions) if args.length is None else args.length


def format_summary(summary):
    """The summary as a text table.

    Parameters
    ----------
    summary : dict
        From `minibert.cli.sizes.summarize`, with "model" and "bytes_on_disk".

    Returns
    -------
    str
    """
    total = {
        "part": "total",
        "size": "",
        "parameters": summary["parameters"],
        "bytes": summary["bytes_in_memory"],
        "zeros": summary["zeros"],
    }
    columns = [("", "", "parameters", "bytes", "zeros")]
    columns += [
        (
            row["part"],
            row["size"],
            f"{row['parameters']:,}",
            f"{row['bytes']:,}",
            "" if row["zeros"] is None else f"{row['zeros'] / max(row['parameters'], 1):.1%}",
        )
        for row in (*summary["parts"], total)
    ]
    widths = [max(map(len, column)) for column in zip(*columns, strict=True)]
    lines = [
        "  ".join([*map(str.ljust, row[:2], widths), *map(str.rjust, row[2:], widths[2:])]).rstrip()
        for row in columns
    ]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    lines = [lines[0], rule, *lines[1:-1], rule, lines[-1], ""]
    facts = dict(_facts(summary))
    width = max(map(len, facts))
    return "\n".join([*lines, *(f"{name:<{width}}  {value}" for name, value in facts.items())])


def _facts(summary):
    """(name, words) of what stands below the table."""
    yield "model", (
        f"{summary['model']}: {summary['layers']} layers, hidden size {summary['hidden']}, "
        f"{summary['positions']} positions, {summary['vocabulary']:,} words, {summary['weights']}"
    )
    yield "without pooler", f"{summary['parameters_without_pooler']:,} parameters"
    if summary["bytes_on_disk"] is not None:
        yield "on disk", f"{summary['bytes_on_disk']:,} bytes"
    yield f"FLOPs, {summary['length']} tokens", _flops(summary["flops"])
    if summary["head"]:
        yield "head", summary["head"]
    if summary["labels"]:
        yield "labels", ", ".join(summary["labels"])
    if "tokenizer" in summary:
        told = {k: v for k, v in summary["tokenizer"].items() if v not in (None, [])}
        yield "tokenizer", ", ".join(f"{name} {value}" for name, value in told.items())


def _flops(n):
    """"1.25 G" of 1250000000."""
    return f"{n / 1e9:,.2f} G" if n >= 1e9 else f"{n / 1e6:,.2f} M"
