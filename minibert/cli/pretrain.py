"""The teacher learns to predict hidden words in all texts of a recipe.

Starts from teacher.model, or, where the recipe names none, from a new model of the sizes in
[teacher] with a vocabulary of its own. Writes RUN/pretrained. Needs stages.pretrain.epochs above 0
where there is a teacher.model.
A step that is done is not run again, and one that was interrupted goes on from its last checkpoint.

    minibert pretrain recipe.toml
"""

from minibert.cli.recipes import add_recipe_arguments, open_run


def add_arguments(parser):
    """The arguments of `minibert pretrain`."""
    add_recipe_arguments(parser)


def run(args):
    """Run the step."""
    from minibert.recipes.compress import pretrain

    pretrain(open_run(args))
