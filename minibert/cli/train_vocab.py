"""Train a WordPiece vocabulary on texts, and save it as a tokenizer.

    minibert train-vocab texts.txt --size 8000 --out tokenizer

Writes vocab.txt and tokenizer_config.json, which `BertTokenizer.from_pretrained` reads. Fewer
pieces come out where the texts have no more that occur --min-count times.
"""

import time
from pathlib import Path

from tqdm import tqdm

from minibert.cli.options import add_columns, read_texts
from minibert.text import BertTokenizer, basic_tokenize, train_vocab


def add_arguments(parser):
    """The arguments of `minibert train-vocab`."""
    parser.add_argument("file", metavar="FILE", help=".txt, .tsv, .csv or .jsonl")
    parser.add_argument(
        "--size", required=True, type=int, metavar="N", help="tokens, five special ones included"
    )
    parser.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="what to write")
    parser.add_argument("--cased", action="store_true", help="keep capitals and accents")
    parser.add_argument(
        "--min-count", type=int, default=2, metavar="N", help="leave out rarer pieces; default 2"
    )
    parser.add_argument(
        "--max-length", type=int, default=512, metavar="TOKENS", help="of the model; default 512"
    )
    add_columns(parser, label=False)


def run(args):
    """Train, save, and say what the vocabulary makes of the texts."""
    if args.min_count < 1 or args.max_length < 3:
        raise ValueError("--min-count is at least 1, --max-length at least 3")
    table = read_texts(args, args.file, "FILE")
    texts = table.texts + (table.pairs or [])
    start = time.perf_counter()
    rules = {"do_lower_case": not args.cased}
    with tqdm(texts, unit="text", disable=None) as bar:
        tokens = train_vocab(bar, args.size, min_count=args.min_count, **rules)
    seconds = time.perf_counter() - start
    tokenizer = BertTokenizer(tokens, model_max_length=args.max_length, **rules)
    tokenizer.save_pretrained(args.out)
    sample = texts[:: max(1, len(texts) // 1000)]
    pieces = [piece for text in sample for piece in tokenizer.tokenize(text)]
    words = sum(len(basic_tokenize(text, **tokenizer.rules)) for text in sample)
    unknown = pieces.count("[UNK]")
    found = f"{len(tokens)} tokens" if len(tokens) == args.size else (
        f"{len(tokens)} tokens, not {args.size} (the texts have no more),"
    )
    print(f"{found} from {len(texts)} texts in {seconds:.1f} s, in {args.out}")
    print(
        f"{len(pieces) / max(words, 1):.2f} pieces a word, {unknown / max(words, 1):.2%} of the "
        f"words unknown"
    )
