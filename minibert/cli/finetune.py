"""The teacher of a recipe learns the labels.

Writes RUN/teacher, from RUN/pretrained or teacher.model.
A step that is done is not run again, and one that was interrupted goes on from its last checkpoint.
At the end, the table of all models that the run has so far, beside a bag of words.

    minibert finetune recipe.toml
"""

from minibert.cli.recipes import add_recipe_arguments, open_run


def add_arguments(parser):
    """The arguments of `minibert finetune`."""
    add_recipe_arguments(parser)


def run(args):
    """Run the step."""
    from minibert.recipes.compress import finetune_teacher
    from minibert.recipes.results import report

    job = open_run(args)
    finetune_teacher(job)
    report(job)
