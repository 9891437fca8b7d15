"""Arguments that several commands share, and reading the model that they name."""

import warnings

from minibert.data import parse_column, read_table
from minibert.data.fetch import find
from minibert.pretrained import load


def add_columns(parser, *, label=True):
    """--text, --text-pair and --label: where in a file the texts and labels are.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    label : bool
        Whether there is a --label.
    """
    columns = parser.add_argument_group(
        "columns",
        "Names, if the file begins with a header line (in .jsonl: keys), or numbers from 1, if it "
        "has none. A .txt file is one text a line and has no columns.",
    )
    columns.add_argument(
        "--text", type=parse_column, default="text", metavar="COLUMN", help='default "text"'
    )
    columns.add_argument(
        "--text-pair",
        type=parse_column,
        metavar="COLUMN",
        help="the second text, where a pair is classified",
    )
    if label:
        columns.add_argument(
            "--label", type=parse_column, default="label", metavar="COLUMN", help='default "label"'
        )


def add_batching(parser):
    """--max-length and --batch-size."""
    parser.add_argument(
        "--max-length",
        type=int,
        metavar="TOKENS",
        help="cut longer texts; default: what the model can take",
    )
    parser.add_argument("--batch-size", type=int, default=32, metavar="TEXTS", help="default 32")


def read_texts(args, path, what):
    """The texts, or pairs, of a file, by the columns that the arguments name."""
    return read_table(find(path, what), text=args.text, text_pair=args.text_pair, label=None)


def load_model(path):
    """A model that is ready to be run on texts, from a directory or a file.

    Parameters
    ----------
    path : path

    Raises
    ------
    FileNotFoundError, ValueError
        There is no such model, or it is broken; it has no tokenizer, or another model's; or a part
        of it was never trained.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        try:
            model = load(find(path, "--model"))
        except UserWarning as warning:  # what is new is random, and so would the answers be
            raise ValueError(f"{warning}. Fine-tune it first") from None
    if model.tokenizer is None:
        raise ValueError(
            f"{path} has no tokenizer; copy vocab.txt (or tokenizer.json) and "
            "tokenizer_config.json into the directory"
        )
    return model


def load_classifier(path):
    """The same for a model that classifies texts, or predicts a number from them."""
    model = load_model(path)
    if model.head != "classification":
        raise ValueError(
            f"{path} holds a {type(model).__name__}, which has no classifier; fine-tune it first"
        )
    return model
