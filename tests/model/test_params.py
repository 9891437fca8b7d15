import numpy as np
import pytest

from minibert.config import preset
from minibert.model import add_grads, count_parameters, init_params, layer_view, parameter_shapes

from .small import random_params, tiny, uniform, widths

pytestmark = pytest.mark.quick

SIZES = {  # with and without pooler, V = 30522
    "bert-base": (109_482_240, 108_891_648),
    "tinybert-4l-312": (14_350_248, 14_252_592),
    "tinybert-6l-768": (66_955_008, 66_364_416),
}


@pytest.mark.parametrize("name", SIZES)
def test_published_sizes(name):
    config = preset(name)
    assert (count_parameters(config), count_parameters(config, pooler=False)) == SIZES[name]


def test_the_papers_14_5_million():
    """The size that Jiao et al. print has the pre-training heads in it, the decoder tied."""
    config = preset("tinybert-4l-312")
    next_sentence = count_parameters(config, "next_sentence") - count_parameters(config)
    assert count_parameters(config, "mlm") + next_sentence == 14_479_676


@pytest.mark.parametrize(("head", "name", "outputs"), [
    ("classification", "classifier", 3), ("tokens", "classifier", 3),
    ("next_sentence", "cls.seq_relationship", 2), ("span", "qa_outputs", 2),
])
def test_a_head_is_one_layer(head, name, outputs):
    """Two outputs for yes and no, and for start and end, whatever the number of classes."""
    body = parameter_shapes(widths())
    shapes = parameter_shapes(widths(), head)
    assert {k: s for k, s in shapes.items() if k not in body} == {
        f"{name}.weight": (outputs, 13), f"{name}.bias": (outputs,)}


HEADS = [None, "classification", "mlm", "next_sentence", "tokens", "span"]


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("shape", [widths, uniform])
def test_count_is_the_number_of_initial_values(shape, head):
    config = shape()
    params = init_params(config, head=head)
    assert count_parameters(config, head) == sum(p.size for p in params.values())
    assert {name: p.shape for name, p in params.items()} == parameter_shapes(config, head)


def test_names_are_hugging_faces():
    names = set(init_params(uniform(n_layers=1), head="classification"))
    layer = "bert.encoder.layer.0."
    modules = {
        "bert.embeddings.LayerNorm", "bert.pooler.dense", "classifier",
        *(f"{layer}{m}" for m in (
            "attention.self.query", "attention.self.key", "attention.self.value",
            "attention.output.dense", "attention.output.LayerNorm", "intermediate.dense",
            "output.dense", "output.LayerNorm",
        )),
    }
    tables = ("word_embeddings", "position_embeddings", "token_type_embeddings")
    expected = {f"{m}.{kind}" for m in modules for kind in ("weight", "bias")}
    assert names == expected | {f"bert.embeddings.{t}.weight" for t in tables}


def test_shapes_of_layers_of_different_widths():
    shapes = parameter_shapes(widths())
    second = {k.removeprefix("bert.encoder.layer.1."): s for k, s in shapes.items() if ".1." in k}
    assert second["attention.self.query.weight"] == (10, 13)
    assert second["attention.output.dense.weight"] == (13, 10)
    assert second["intermediate.dense.weight"] == (19, 13)
    assert second["output.dense.weight"] == (13, 19)


def test_initial_values():
    config = uniform(vocab=500, hidden=60, ffn=200)
    params = init_params(config, seed=3, head="classification")
    assert {p.dtype for p in params.values()} == {np.dtype(np.float32)}
    words = params["bert.embeddings.word_embeddings.weight"]
    assert not words[config.pad_id].any()
    assert words[1:].std() == pytest.approx(0.02, rel=0.02), "0.02 is the standard deviation"
    assert params["bert.encoder.layer.0.output.dense.weight"].std() == pytest.approx(0.02, rel=0.03)
    for name, p in params.items():
        if p.ndim == 1:
            assert (p == ("LayerNorm.weight" in name)).all(), name


def test_seed_decides_the_initial_values():
    first, again, other = (init_params(tiny(), seed=seed) for seed in (1, 1, 2))
    name = "bert.pooler.dense.weight"
    assert all(np.array_equal(first[k], again[k]) for k in first)
    assert not np.array_equal(first[name], other[name])
    assert init_params(tiny(), dtype=np.float64)[name].dtype == np.float64


def test_layer_view_is_a_view():
    params = random_params(uniform(n_layers=12, hidden=3, ffn=2))
    view = layer_view(params, 1)
    assert len(view) == 16, "layers 10 and 11 begin with a 1 too"
    assert view["output.dense.bias"] is params["bert.encoder.layer.1.output.dense.bias"]


def test_add_grads():
    a, b = np.array([1.0]), np.array([2.0])
    total = add_grads({"both": a, "left": a}, {"both": b, "right": b})
    assert total == {"both": 3.0, "left": 1.0, "right": 2.0}
    assert (a, b) == (1.0, 2.0), "a gradient was changed in place"


def test_unknown_head():
    with pytest.raises(ValueError, match=r"head is 'ner'; it is None or one of .*mlm.*span"):
        parameter_shapes(tiny(), "ner")
