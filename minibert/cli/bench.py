"""How fast this library is, beside PyTorch and ONNX Runtime, on this machine.

    minibert bench inference gemm
    minibert bench all --against torch,onnxruntime --json bench.json --out figures
    minibert bench attention --against none --quick

Outputs are compared before anything is timed (exit status 1 if they differ), weights and inputs are
random, engines run in turns and the figures are medians. `x torch` is PyTorch's time over ours, so
that above 1 we are ahead; `must` and `go for` are what the library wants to reach; `of peak` is the
share of the rate of one large matrix product, measured in the same turns. Quartiles are in the
JSON. `python -c "help('minibert.bench')"` says more.
"""

import argparse
import importlib
import json
import sys
import warnings
from contextlib import redirect_stdout
from pathlib import Path

from minibert import plot
from minibert.bench import SUITES, busy, peers, table
from minibert.bench.compare import MismatchError
from minibert.bench.figures import draw
from minibert.bench.run import Run
from minibert.cli import doctor
from minibert.cli.output import text_output
from minibert.kernels import get_threads, set_threads


def add_arguments(parser):
    """The arguments of `minibert bench`."""
    parser.add_argument(
        "works",
        nargs="+",
        choices=(*SUITES, "all"),
        metavar="WORK",
        help=f"one or several of {', '.join(SUITES)}; or all",
    )
    parser.add_argument(
        "--against",
        metavar="PEERS",
        help="torch, onnxruntime, both with a comma between, or none; default: what is installed",
    )
    parser.add_argument("--threads", type=_whole, metavar="N", help="default: all processors")
    parser.add_argument("--quick", action="store_true", help="fewer sizes, shorter runs")
    parser.add_argument("--seconds", type=_positive, help="a row; default 5, or 1.5")
    parser.add_argument("--repeat", type=_whole, metavar="TURNS", help="exactly so many a row")
    parser.add_argument(
        "--data", type=Path, metavar="FILE", help="texts in place of those of `minibert fetch`"
    )
    parser.add_argument("--json", metavar="FILE", help="all figures; - is standard output")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="plots")


def run(args):
    """Measure, print as it goes, and write what was asked for."""
    run = Run(
        peers=peers.parse(args.against),
        threads=args.threads or get_threads(),
        quick=args.quick,
        seconds=args.seconds,
        repeat=args.repeat,
        data=args.data,
    )
    if args.data is not None and not args.data.is_file():
        raise FileNotFoundError(f"--data: there is no file {args.data}")
    if args.json not in (None, "-") and not Path(args.json).parent.is_dir():
        raise FileNotFoundError(f"--json: there is no folder for {args.json}")
    set_threads(run.threads)
    peers.set_threads(run.peers, run.threads)
    suites = SUITES if "all" in args.works else tuple(dict.fromkeys(args.works))
    others = busy.Others()
    machine = {found.name: found.detail for found in doctor.examine()}
    _warn(others, run.threads)
    rows, others = {}, busy.Others()
    try:
        with redirect_stdout(sys.stderr if args.json == "-" else sys.stdout):
            for name in ("cpu", "kernels", "float levels"):
                print(f"{name}: {machine.get(name, '')}")
            print(f"threads: {run.threads}")
            for name in suites:
                rows[name] = _suite(name, run)
    except MismatchError as mismatch:
        print(f"minibert: error: {mismatch}", file=sys.stderr)
        return 1
    _warn(others, run.threads)
    if args.json:
        with text_output(args.json) as stream:
            report = _report(run, rows)
            report |= {"machine": machine, "processors_in_use_by_others": others.processors()}
            json.dump(report, stream, indent=1)
            stream.write("\n")
    if args.out:
        for name, figure in draw(rows).items():
            print(plot.save(figure, args.out / f"{name}.png"), file=sys.stderr)
    return 0


def _warn(others, threads):
    """Say so where the machine is not ours alone."""
    processors = others.processors() or 0.0
    if processors > busy.LIMIT * threads:
        warnings.warn(
            f"other programs use {processors:.1f} processors: engines whose threads wait for one "
            "another suffer most, so the ratios are not to be trusted",
            stacklevel=2,
        )


def _suite(name, run):
    """The rows of a suite; each is shown as soon as it is there."""
    suite = importlib.import_module(f"minibert.bench.{name}")
    columns = suite.columns(run.peers)
    print(f"\n{name}\n{table.header(columns)}")
    rows = []
    for row in suite.rows(run):
        print(table.line(row, columns), flush=True)
        rows.append(row)
    return rows


def _report(run, rows):
    needed = (*run.peers, *(["transformers", "tokenizers"] if run.peers else []))
    settings = {k: v for k, v in vars(run).items() if k != "data"}
    return {
        "peers": peers.versions([peer for peer in needed if not peers.missing(peer)]),
        "settings": settings | {"data": None if run.data is None else str(run.data)},
        "rows": [row.to_dict() | {"suite": name} for name in rows for row in rows[name]],
    }


def _whole(text):
    value = int(text) if text.isascii() and text.isdigit() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return value


def _positive(text):
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value
