"""A recipe's fields: defaults, changes, and what is said about wrong ones."""

import tomllib

import pytest

from minibert.recipes.recipe import Recipe
from minibert.recipes.recipe_file import format_recipe, read_recipe


@pytest.mark.quick
def test_what_is_not_said_keeps_its_default(tmp_path):
    """A stage has defaults of its own, also where another of its fields is said."""
    file = tmp_path / "recipe.toml"
    file.write_text("seed = 7\n[stages.task_inside]\nlr = 1\n[data]\ntext = 2\n", encoding="utf-8")
    recipe = read_recipe(file, ["stages.task_inside.epochs=2", 'out="a b"', "teacher.model=x/y"])
    assert (recipe.seed, recipe.data.text, recipe.out) == (7, 2, "a b")
    assert recipe.teacher.model == "x/y"
    stage = recipe.stages.task_inside
    assert (stage.lr, stage.epochs, stage.schedule) == (1.0, 2.0, "constant")
    assert isinstance(stage.lr, float)
    assert recipe.stages.finetune == Recipe().stages.finetune


def test_shown_and_read_again(tmp_path):
    recipe = read_recipe(None, ["student.layers=2", "data.label=3"])
    file = tmp_path / "all.toml"
    file.write_text(format_recipe(recipe), encoding="utf-8")
    assert read_recipe(file) == recipe
    assert tomllib.loads(format_recipe(recipe))["student"]["layers"] == 2


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("stages.finetune.learning_rate=1", "did you mean 'stages.finetune.lr'"),
        ("stage.finetune.lr=1", "did you mean 'stages'"),
        ("student.layer=3", "did you mean 'student.layers'"),
        ("epochs=3", "did you mean 'stages.pretrain.epochs'"),
        ("data.task=regresion", "did you mean 'regression'"),
        ("stages.recover.schedule=cos", "linear, cosine, constant"),
        ("prune.heads=2", "a share in (0, 1]"),
        ("prune.zeros=1", "a share in [0, 1)"),
        ("data.max_length=2", "at least 3"),
        ("teacher.vocab=0", "above 0"),
        ('out=""', "name of a folder"),
        ("out=2024", "in quotes"),
        ("stages.recover.keep=best", "nothing to be scored"),
        ("seed=-1", "at least 0"),
        ("stages.finetune.epochs=nan", "a finite number"),
        ("stages.finetune.lr=inf", "a finite number"),
        ("seed=1.5", "a whole number"),
        ("seed=true", "a whole number"),
        ("int8.enabled=1", "true or false"),
        ("stages.finetune.lr=fast", "a number"),
        ("data=3", "a table [data]"),
        ("seed.a=3", "seed is {'a': 3}"),
        ("nothing", "NAME=VALUE"),
        ("a..b=1", "NAME=VALUE"),
    ],
)
def test_wrong_fields_are_named(setting, said):
    with pytest.raises(ValueError, match=r"recipe|--set") as raised:
        read_recipe(None, [setting])
    assert said in str(raised.value)
    name = setting.partition("=")[0]
    assert name.partition(".")[0] in str(raised.value)


def test_best_is_a_word_like_others_elsewhere():
    assert read_recipe(None, ["out=best"]).out == "best"


def test_wrong_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="no recipe"):
        read_recipe(tmp_path / "none.toml")
    with pytest.raises(FileNotFoundError, match="no recipe"):
        read_recipe(tmp_path)
    file = tmp_path / "broken.toml"
    file.write_bytes(b"seed = = 3")
    with pytest.raises(ValueError, match="not TOML"):
        read_recipe(file)
    file.write_bytes(b"out = '\xff'")
    with pytest.raises(ValueError, match="not TOML"):
        read_recipe(file)
