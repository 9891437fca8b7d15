"""The student of a recipe learns from RUN/teacher.

Stages: general, task_inside, task_predictions; and, for comparison, alone. Writes RUN/student, or
RUN/student-unpruned where the recipe prunes.
A step that is done is not run again, and one that was interrupted goes on from its last checkpoint.
At the end, the table of all models that the run has so far, beside a bag of words.

    minibert distill recipe.toml
"""

from minibert.cli.recipes import add_recipe_arguments, open_run


def add_arguments(parser):
    """The arguments of `minibert distill`."""
    add_recipe_arguments(parser)


def run(args):
    """Run the step."""
    from minibert.recipes.compress import distill, train_alone
    from minibert.recipes.results import report

    job = open_run(args)
    distill(job)
    train_alone(job)
    report(job)
