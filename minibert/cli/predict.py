"""Classify texts, or predict a number from each.

    minibert predict --model minibert-demo/student-distilled --input mails.txt --output classes.tsv

The input is a .txt file, one text a line (an empty line is an empty text), or a .tsv, .csv or
.jsonl file with a column of texts. The output has a line for every text, in the same order and
without a header: the most likely label, then the probability of each label in the model's order,
between tabs. A model with one output predicts a number, and the line is that number.
"""

import sys
from pathlib import Path

from minibert import kernels as F
from minibert.cli.batches import cut_texts, length_limit, logits, run_texts
from minibert.cli.options import add_batching, add_columns, load_classifier, read_texts
from minibert.cli.output import text_output


def add_arguments(parser):
    """The arguments of `minibert predict`."""
    parser.add_argument(
        "--model", required=True, metavar="PATH", help="a model's directory, or its one file"
    )
    parser.add_argument("--input", required=True, metavar="FILE", help=".txt, .tsv, .csv or .jsonl")
    parser.add_argument(
        "--output", required=True, metavar="FILE", help='"-" is the standard output'
    )
    add_columns(parser, label=False)
    add_batching(parser)


def run(args):
    """Predict, and say how many texts were cut."""
    if args.output != "-" and Path(args.output).resolve() == Path(args.input).resolve():
        raise ValueError(f"--output and --input are both {args.input}; name another file")
    model = load_classifier(args.model)
    limit = length_limit(model, args.max_length)
    names = _names(model.config)
    table = read_texts(args, args.input, "--input")
    n_cut = 0
    with text_output(args.output) as stream:
        for z, cut in run_texts(
            model, logits, table, max_length=limit, batch_size=args.batch_size
        ):
            stream.writelines(_lines(z, names))
            n_cut += cut
    if n_cut:
        print(cut_texts(n_cut, len(table.texts), limit), file=sys.stderr)


def _names(config):
    """The names of the classes, which must not break the lines they stand in."""
    names = config.label_names()
    for name in names:
        if any(c in name for c in "\t\r\n"):
            raise ValueError(f"the label {name!r} cannot stand in a file of lines and tabs")
    return names


def _lines(z, names):
    """The output's lines for logits z (n, C)."""
    if len(names) == 1:
        yield from (f"{value:.6g}\n" for value in z[:, 0])
        return
    p, _ = F.softmax_forward(z)
    for best, row in zip(p.argmax(1), p, strict=True):
        yield "\t".join([names[best], *(f"{value:.6g}" for value in row)]) + "\n"
