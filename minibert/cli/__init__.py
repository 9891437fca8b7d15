"""The command `minibert`.

Each subcommand is a module of this package with two functions: `add_arguments(parser)`, and
`run(args)`, which returns the exit status (None is 0). Its docstring is its help page. Only the
module of the command that was asked for is imported, so that `minibert --version` is instant.
"""

import argparse
import importlib
import os
import sys
import warnings

from minibert._version import __version__

# name (of the module, too, with _ for -): one line of help
COMMANDS = {
    "bench": "how fast, beside PyTorch and ONNX Runtime, on this machine",
    "compress": "from a teacher and labelled texts to a small int8 classifier: a whole recipe",
    "demo": "teacher, student, distilled, pruned, int8: the whole path on one page",
    "distill": "a recipe's student learns from its teacher",
    "doctor": "what runs on this machine, what does not, and why",
    "evaluate": "how good a model is on labelled texts",
    "fetch": "bring a model or a data set into the cache folder",
    "finetune": "a recipe's teacher learns the labels",
    "plot": "figures of a run, or of what a model attends to",
    "predict": "classify texts, or predict a number from each",
    "pretrain": "a recipe's teacher learns to predict hidden words",
    "prune": "a recipe's student loses heads, neurons and weights, and recovers",
    "quantize": "a model in int8",
    "summary": "what a model is made of: parameters, bytes, zeros, FLOPs",
    "trace": "where a model's numbers leave a reference's, and what it looks like",
    "train-vocab": "a WordPiece vocabulary from texts",
    "verify": "every formula against reference outputs, its loop form and its gradient",
}


def main(argv=None):
    """Run the command line.

    Parameters
    ----------
    argv : list of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        0; 130 for Ctrl-C; 2 for bad input, with one line on stderr (MINIBERT_DEBUG=1 shows the
        traceback instead). Bad arguments exit with 2 too, through argparse.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a console that lacks a character shows its escape
            stream.reconfigure(errors="backslashreplace")
    argv = sys.argv[1:] if argv is None else list(argv)
    debug = os.environ.get("MINIBERT_DEBUG", "0") not in ("", "0")
    try:
        run, args = _parse(argv)
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            status = run(args) or 0
        sys.stdout.flush()  # so that a closed pipe shows here
        return status
    except KeyboardInterrupt:
        if debug:
            raise
        return 130
    except BrokenPipeError:  # `minibert ... | head`: the reader had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ValueError, OSError, ImportError, FloatingPointError) as error:
        if debug:
            raise
        print(f"minibert: error: {_sentence(error)}", file=sys.stderr)
        return 2


def _sentence(error):
    """What an error says; of the system's errors without their number, the file first."""
    plain = isinstance(error, OSError) and error.filename and error.strerror
    return f"{error.filename}: {error.strerror}" if plain else str(error)


def _show_warning(message, *_):
    """A warning as a line, without the place in our code that it is from."""
    print(f"minibert: warning: {message}", file=sys.stderr)


def _parse(argv):
    """(the command's run function, its arguments)."""
    parser = argparse.ArgumentParser(prog="minibert", description="TinyBERT from scratch in NumPy.")
    parser.add_argument("--version", action="version", version=f"minibert {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    asked = next((word for word in argv if not word.startswith("-")), None)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(
            name, help=summary, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        if name == asked:
            module = importlib.import_module(f"minibert.cli.{name.replace('-', '_')}")
            command.description = module.__doc__
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    args = parser.parse_args(argv)
    return args.run, args
