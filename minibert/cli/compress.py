"""From a teacher and labelled texts to a small int8 classifier: a whole recipe.

    minibert compress recipe.toml
    minibert compress recipe.toml --set student.layers=2 --set out=smaller

A small recipe is

    out = "run"
    [data]
    train = "mails.tsv"            # .tsv, .csv or .jsonl; here with a header line: text, label
    [teacher]
    model = "all-minilm-l6-v2"     # a Hugging Face directory, or what `minibert fetch` brought
    [student]
    layers = 4
    hidden = 312
    heads = 12
    ffn = 1200

and --show prints all fields there are, with the values they have. The run leaves RUN/teacher,
RUN/student, RUN/student-int8 and RUN/report.json, and prints a table with a bag of words beside the
models. Ctrl-C stops it; the same command goes on where it was. The steps pretrain, finetune,
distill and prune are commands of their own and take the same recipe. Paths are relative to the
current folder, and every file of texts has the same columns.
"""

from minibert.cli.recipes import add_dense, add_recipe_arguments, open_run, say


def add_arguments(parser):
    """The arguments of `minibert compress`."""
    add_recipe_arguments(parser)
    parser.add_argument(
        "--show", action="store_true", help="print the recipe with all its fields, and stop"
    )
    add_dense(parser)
    parser.add_argument(
        "--plan", action="store_true", help="print what would be done, and how long, and stop"
    )


def run(args):
    """Run the recipe."""
    from minibert.recipes import compress as steps
    from minibert.recipes.job import prunes
    from minibert.recipes.plan import format_plan, plan
    from minibert.recipes.recipe_file import format_recipe, read_recipe
    from minibert.recipes.results import report

    if args.show:
        print(format_recipe(read_recipe(args.recipe, args.settings)), end="")
        return
    job = open_run(args)
    say(format_plan(plan(job)))
    if args.plan:
        return
    if steps.is_pretrained(job.recipe):
        steps.pretrain(job)
    steps.finetune_teacher(job)
    steps.distill(job)
    steps.train_alone(job)
    if prunes(job.recipe):
        steps.prune(job)
    steps.quantize(job)
    if args.dense:
        steps.write_dense(job)
    report(job)
