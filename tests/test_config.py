import json
from dataclasses import FrozenInstanceError, replace

import pytest

from minibert.config import PRESETS, BertConfig, LayerSize, preset, with_layers

pytestmark = pytest.mark.quick

PRUNED = (LayerSize(3, 7, 11), LayerSize(2, 5, 19))


def small(**changes):
    return BertConfig.uniform(
        **dict(vocab=17, hidden=14, n_layers=3, heads=2, ffn=11) | changes
    )


def test_uniform():
    config = small()
    assert config.layers == (LayerSize(heads=2, head_size=7, ffn=11),) * 3
    assert config.n_layers == 3
    assert config.is_uniform


@pytest.mark.parametrize("layers", [
    PRUNED,
    (LayerSize(2, 7, 11), LayerSize(2, 7, 13)),  # another ffn
    (LayerSize(1, 7, 11),) * 2,  # all alike, but a head was removed from each
])
def test_pruned_is_not_uniform(layers):
    config = with_layers(small(), layers)
    assert config.layers == layers
    assert not config.is_uniform
    assert replace(config, layers=small().layers) == small()


def test_presets():
    shapes = {
        name: (c.n_layers, c.hidden, c.layers[0].heads, c.layers[0].head_size, c.layers[0].ffn)
        for name, c in ((name, preset(name)) for name in PRESETS)
    }
    assert shapes == {
        "bert-base": (12, 768, 12, 64, 3072),
        "tinybert-4l-312": (4, 312, 12, 26, 1200),
        "tinybert-6l-768": (6, 768, 12, 64, 3072),
    }
    config = preset("bert-base")
    assert (config.vocab, config.positions, config.segments) == (30522, 512, 2)
    assert (config.eps, config.dropout, config.attention_dropout) == (1e-12, 0.1, 0.1)


def test_preset_with_changes():
    config = preset("tinybert-4l-312", vocab=100, n_layers=2, classes=5, pooler="tinybert")
    assert (config.vocab, config.n_layers, config.classes, config.pooler) == (100, 2, 5, "tinybert")
    assert preset("tinybert-4l-312").vocab == 30522, "the preset itself was changed"


@pytest.mark.parametrize("config", [
    small(classes=3, labels=("b", "a", "军事")),
    small(classes=12, labels=tuple(f"class {i}" for i in range(12))),  # "10" sorts before "2"
    small(positions=9, segments=1, eps=1e-5, dropout=0.0, attention_dropout=0.3, init_std=0.5,
          classifier_dropout=0.7, pad_id=4, pooler="tinybert", labels=("no", "yes")),
    with_layers(small(labels=("no", "yes")), PRUNED),
], ids=["labels", "12 labels", "every field", "pruned"])
def test_json_and_back(config):
    assert BertConfig.from_dict(json.loads(config.to_json())) == config


def test_json_is_hugging_faces():
    values = json.loads(small(classes=3).to_json())
    expected = {
        "model_type": "bert", "vocab_size": 17, "hidden_size": 14, "num_hidden_layers": 3,
        "num_attention_heads": 2, "intermediate_size": 11, "max_position_embeddings": 512,
        "type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_act": "gelu", "pad_token_id": 0,
        "id2label": {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"},
        "label2id": {"LABEL_0": 0, "LABEL_1": 1, "LABEL_2": 2},
    }
    assert {key: values[key] for key in expected} == expected
    assert "layer_sizes" not in values


def test_unknown_keys_are_ignored_and_missing_ones_have_defaults():
    needed = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads",
              "intermediate_size")
    values = {key: small().to_dict()[key] for key in needed}
    config = BertConfig.from_dict(values | {"transformers_version": "4.2", "use_cache": True})
    assert config.layers == small().layers
    assert (config.classes, config.positions, config.pooler) == (2, 512, "hf")


@pytest.mark.parametrize("key", ["vocab_size", "hidden_size", "num_hidden_layers"])
def test_missing_key(key):
    values = small().to_dict()
    del values[key]
    with pytest.raises(ValueError, match=key):
        BertConfig.from_dict(values)


def test_other_activation():
    with pytest.raises(ValueError, match="gelu_new"):
        BertConfig.from_dict(small().to_dict() | {"hidden_act": "gelu_new"})


HOSTILE = {
    "vocab_size": [None, 0, -3, 17.0, "17", True, [17], {}, 10**30, float("nan")],
    "hidden_size": [None, 0, 14.0, "14", False, 10**30],
    "num_hidden_layers": [None, 0, 3.0, True, "3", 10**9],
    "num_attention_heads": [None, 0, 3, 2.0, -2],
    "intermediate_size": [None, 0, 11.5, "x"],
    "max_position_embeddings": [None, 0, -1, 9.0, [], True],
    "type_vocab_size": [0, 2.0, "2"],
    "layer_norm_eps": [None, 0, -1e-12, float("nan"), float("inf"), "1e-12", True],
    "hidden_dropout_prob": [None, 1, -0.1, float("nan"), "0.1", [0.1], True],
    "attention_probs_dropout_prob": [1.0, -1, {}],
    "classifier_dropout": [1.0, -0.1, "0.1", True, [], float("nan")],
    "initializer_range": [0, -0.02, float("inf"), 10**400, "x", None],
    "pad_token_id": [-1, 17, 0.0, "0", True],
    "pooler": ["mean", None, 3, [], {}],
    "hidden_act": ["relu", None, 3, []],
    "position_embedding_type": ["relative_key", None],
    "is_decoder": [True, "no"],
    "id2label": [5, "no", ["no", "yes"], [], {"0": "no", "2": "yes"}, {"1": "no"}, {"-1": "no"},
                 {"a": "no"}, {"0.0": "no"}, {"0": 1}, {"0": None}, {"0": ["no"]},
                 {"00": "no", "1": "yes"}, True],
    "num_labels": [0, 2.0, "2", True, 10**6 + 1, 2**27],
    "problem_type": ["multi_label_classification", "other", 3, [], {}, False],
    "layer_sizes": [None, 3, "abc", [], [3], [[2, 7]], [[2, 7, 11, 1]], [[2, 7, 0]],
                    [[2.0, 7, 11]], [["a", "b", "c"]], {"0": [2, 7, 11]}],
}


@pytest.mark.parametrize(("key", "value"), [
    (key, value) for key, values in HOSTILE.items() for value in values], ids=str)
def test_a_hostile_value_is_named(key, value):
    """Whatever JSON holds: a ValueError of one line that names the key."""
    values = small().to_dict()
    if key == "num_labels":
        del values["id2label"]
    with pytest.raises(ValueError, match="layers is" if value == [] and key == "layer_sizes"
                       else key) as found:
        BertConfig.from_dict(values | {key: value})
    assert len(str(found.value)) < 250


def test_the_problem_is_a_class_or_a_number():
    """transformers' other kind, several classes at once, has other losses and other answers."""
    three, one = small(classes=3).to_dict(), small(classes=1).to_dict()
    for values in (three, three | {"problem_type": None},
                   three | {"problem_type": "single_label_classification"}):
        assert BertConfig.from_dict(values) == small(classes=3)
    assert BertConfig.from_dict(one | {"problem_type": "regression"}).classes == 1
    with pytest.raises(ValueError, match="problem_type is 'regression' of 3 numbers; one is"):
        BertConfig.from_dict(three | {"problem_type": "regression"})


def test_dropout_before_the_classifier():
    """Null in a file means that it is that of all activations."""
    assert small(dropout=0.3).head_dropout == 0.3
    assert small(dropout=0.3, classifier_dropout=0.0).head_dropout == 0.0
    assert small().to_dict()["classifier_dropout"] is None
    values = small(classifier_dropout=0.5).to_dict()
    assert BertConfig.from_dict(values).head_dropout == 0.5
    del values["classifier_dropout"]
    assert BertConfig.from_dict(values).classifier_dropout is None


@pytest.mark.parametrize("values", [None, 3, "bert", [], [["vocab_size", 3]], float("nan")])
def test_a_config_that_is_no_object(values):
    with pytest.raises(ValueError, match="a config is an object"):
        BertConfig.from_dict(values)


def test_labels_in_the_forms_that_files_have():
    values = small().to_dict()
    del values["id2label"]
    assert BertConfig.from_dict(values).classes == 2
    assert BertConfig.from_dict(values | {"num_labels": 5}).classes == 5
    assert BertConfig.from_dict(values | {"num_labels": 5, "id2label": None}).classes == 5
    named = BertConfig.from_dict(values | {"id2label": {1: "yes", 0: "no"}})
    assert named.labels == ("no", "yes")
    assert BertConfig.from_dict(values | {"pad_token_id": None}).pad_id == 0


@pytest.mark.parametrize(("changes", "message"), [
    ({"heads": 3}, "hidden=14 does not divide into heads=3"),
    ({"n_layers": 0}, r"layers is \(\)"),
    ({"hidden": 0}, "is 0; it is a whole number of at least 1"),
    ({"vocab": 17.0}, r"vocab is 17\.0"),
    ({"ffn": True}, "ffn is True"),
    ({"heads": -2}, "heads is -2"),
    ({"heads": 0}, "heads is 0"),
    ({"classes": 0}, "classes is 0"),
    ({"dropout": 1.0}, r"dropout is 1\.0"),
    ({"dropout": None}, "dropout is None; a rate is a number"),
    ({"dropout": True}, "dropout is True"),
    ({"attention_dropout": -0.1}, r"attention_dropout is -0\.1"),
    ({"attention_dropout": "0.1"}, r"attention_dropout is '0\.1'"),
    ({"classifier_dropout": 1.0}, r"classifier_dropout is 1\.0"),
    ({"classifier_dropout": "x"}, "classifier_dropout is 'x'"),
    ({"eps": "x"}, "eps is 'x'; it is a number above 0, such as 1e-12"),
    ({"eps": 0.0}, r"eps is 0\.0"),
    ({"eps": float("nan")}, "eps is nan"),
    ({"eps": float("inf")}, "eps is inf"),
    ({"init_std": -1.0}, r"init_std is -1\.0; .* such as 0\.02"),
    ({"init_std": None}, "init_std is None"),
    ({"pooler": "mean"}, "pooler is 'mean'"),
    ({"classes": 3, "labels": ("a", "b")}, "labels has 2 names for classes=3"),
])
def test_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        small(**changes)


def test_unknown_preset_names_the_known_ones():
    with pytest.raises(ValueError, match="tinybert-4l-312"):
        preset("tinybert-4")


def test_configs_are_values():
    assert small() == small()
    assert len({small(), small(), small(classes=3)}) == 2
    with pytest.raises(FrozenInstanceError):
        small().vocab = 3


def test_label_names():
    assert small(classes=3).label_names() == ("LABEL_0", "LABEL_1", "LABEL_2")
    assert small(labels=("no", "yes")).label_names() == ("no", "yes")
