"""A BERT becomes a TinyBERT: teacher, student alone, student distilled, pruned, int8.

Trains all of them on this machine, in a few minutes and without network, and writes
./minibert-demo/: report.json and report.txt, the models, the training logs and the figures.
With --data it does the same on your own labelled texts.
"""

from pathlib import Path


def add_arguments(parser):
    """The arguments of `minibert demo`."""
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FILE",
        help="your own texts: one a line, then a tab, then the label; UTF-8. One fifth of them "
        "is put aside to test on",
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="default 1; the same seed gives the same report"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("minibert-demo"),
        help="the folder to write, default ./minibert-demo",
    )


def run(args):
    """Run the demo."""
    from minibert.recipes.demo import load_settings, run_demo
    from minibert.recipes.material import embedded_material, material_from_file

    if args.seed < 0:
        raise ValueError(f"--seed is {args.seed}; it is a whole number of at least 0")
    if args.data is None:
        settings = load_settings("embedded")
        material = embedded_material(args.seed, **settings["corpus"])
    else:
        settings = load_settings("data")
        material = material_from_file(args.data, args.seed)
    run_demo(args.out, material, settings, seed=args.seed)
