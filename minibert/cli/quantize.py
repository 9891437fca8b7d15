"""A model in int8: a quarter of the bytes, and the same call.

    minibert quantize --model student --out student-int8.safetensors --data dev.tsv

A name that ends in .safetensors gives one file, which holds the tokenizer too; any other a
directory. Weights get one scale a row; activations are quantized when the model runs. With --data,
texts are run through both models and their outputs compared; no labels are needed.
"""

from pathlib import Path

import numpy as np

from minibert.cli.batches import cut_texts, length_limit, run_texts
from minibert.cli.options import add_batching, add_columns, load_model, read_texts
from minibert.cli.sizes import bytes_on_disk
from minibert.data.fetch import find
from minibert.pretrained import load
from minibert.quant import parameter_bytes


def add_arguments(parser):
    """The arguments of `minibert quantize`."""
    parser.add_argument("--model", required=True, metavar="PATH", help="in float")
    parser.add_argument("--out", required=True, type=Path, metavar="PATH", help="what to write")
    parser.add_argument("--data", metavar="FILE", help="texts to compare the two models on")
    add_columns(parser, label=False)
    add_batching(parser)


def run(args):
    """Quantize, save, compare."""
    path = find(args.model, "--model")
    if args.out.resolve() == path.resolve():
        raise ValueError(f"--out and --model are both {path}; the float model would be lost")
    model = load_model(path) if args.data else load(path)
    if model.is_quantized:
        raise ValueError(f"{args.model} is in int8 already")
    table = limit = None
    if args.data:
        limit = length_limit(model, args.max_length)
        table = read_texts(args, args.data, "--data")
    small = model.quantize()
    (small.save if args.out.suffix == ".safetensors" else small.save_pretrained)(args.out)
    disk = bytes_on_disk(path), bytes_on_disk(args.out)
    memory = parameter_bytes(model.params), parameter_bytes(small.params)
    for where, (before, after) in (("on disk", disk), ("in memory", memory)):
        print(f"{where:<9} {before:>13,} -> {after:>11,} bytes, {before / after:.2f} times smaller")
    if args.data:
        print(f"on {len(table.texts)} texts of {args.data}:")
        _compare(model, small, table, {"max_length": limit, "batch_size": args.batch_size})


def _compare(model, small, table, sizes):
    """Print how alike the outputs of the two models are."""
    classes = model.config.classes if model.head == "classification" else 0

    def pick(output):
        vector = output.last_hidden_state[:, 0]
        return np.concatenate([output.logits, vector], 1) if classes else vector

    both = zip(*(run_texts(m, pick, table, **sizes) for m in (model, small)), strict=True)
    cosines, distances, agrees, n_cut = [], [], [], 0
    for (a, cut), (b, _) in both:
        u, v = a[:, classes:], b[:, classes:]
        norms = np.linalg.norm(u, axis=1) * np.linalg.norm(v, axis=1)
        cosines.append((u * v).sum(1) / np.maximum(norms, 1e-30))
        if classes:
            a, b = a[:, :classes], b[:, :classes]
            distances.append(np.abs(a - b).max(1))
            agrees.append(a.argmax(1) == b.argmax(1))
        n_cut += cut
    cosine = np.concatenate(cosines)
    print(f"cosine of the last [CLS] vectors  mean {cosine.mean():.5f}, lowest {cosine.min():.5f}")
    if classes:
        print(f"largest difference of a logit     {np.concatenate(distances).max():.4g}")
    if classes > 1:
        print(f"same class                        {np.concatenate(agrees).mean():.2%}")
    if n_cut:
        print(cut_texts(n_cut, len(cosine), sizes["max_length"]))
