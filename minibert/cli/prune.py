"""The student of a recipe loses heads, neurons and weights, and recovers.

Reads RUN/student-unpruned, writes RUN/student.
A step that is done is not run again, and one that was interrupted goes on from its last checkpoint.
At the end, the table of all models that the run has so far, beside a bag of words.

    minibert prune recipe.toml
"""

from minibert.cli.recipes import add_dense, add_recipe_arguments, open_run


def add_arguments(parser):
    """The arguments of `minibert prune`."""
    add_recipe_arguments(parser)
    add_dense(parser)


def run(args):
    """Run the step."""
    from minibert.recipes.compress import prune, write_dense
    from minibert.recipes.results import report

    job = open_run(args)
    prune(job)
    if args.dense:
        write_dense(job)
    report(job)
