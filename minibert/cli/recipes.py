"""What the commands that follow a recipe have in common: their arguments, and opening the run."""

from pathlib import Path


def add_recipe_arguments(parser):
    """RECIPE, --set and --quiet."""
    parser.add_argument(
        "recipe", nargs="?", type=Path, metavar="RECIPE", help="a TOML file; see `compress --show`"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="settings",
        metavar="NAME=VALUE",
        help="change a field of the recipe, such as --set stages.finetune.lr=1e-4; may be repeated",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bars")


def add_dense(parser):
    """--dense."""
    parser.add_argument(
        "--dense",
        action="store_true",
        help="also write RUN/student-dense: the pruned student with zeros for what was removed, "
        "which transformers reads",
    )


def open_run(args):
    """The run that the arguments name, ready for its next step."""
    from minibert.recipes.job import open_job
    from minibert.recipes.recipe_file import read_recipe

    if args.recipe is None and not args.settings:
        raise ValueError("give a recipe, or --set data.train=FILE --set teacher.model=FOLDER")
    recipe = read_recipe(args.recipe, args.settings)
    return open_job(recipe, progress=not args.quiet, say=say)


def say(line):
    """Print at once, so that a log that is being followed shows it."""
    print(line, flush=True)
