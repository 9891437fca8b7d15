"""Every mistake that `trace` knows, made in a small random model."""

import numpy as np
import pytest
from model.small import batch, random_params, uniform

from minibert.check import trace
from minibert.pretrained import BertForSequenceClassification

from .broken import (
    BROKEN,
    all_query_key,
    all_transposed,
    check,
    dump,
    eps_in_config,
    eps_in_file,
    heads_in_rows,
    heads_last,
    heads_reshaped,
    label_order,
    label_order_in_file,
    layers_shifted,
    layers_shifted_back,
    mask_ignored,
    names_shifted,
    other_gelu,
    query_key_scores,
    segments_ignored,
    whole_heads,
)


def small(n_layers=4):
    """Matrices so large that the mistakes show, and GELU's difference too."""
    config = uniform(n_layers=n_layers, labels=("no", "maybe", "yes"), eps=1e-12)
    params = random_params(config, "classification", dtype=np.float32)
    return BertForSequenceClassification(config, params)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda f: f.__name__)
def test_a_mistake_is_located_and_named(broken):
    check(small(), broken)


@pytest.mark.parametrize("broken", [
    f for f in BROKEN
    if f not in (names_shifted, whole_heads, label_order, label_order_in_file, eps_in_config)
], ids=lambda f: f.__name__)  # fmt: skip
def test_hidden_states_alone_are_enough(broken):
    """The mistake lies somewhere in a layer; that and the kind of it are still found."""
    m = small()
    other, _, cause, _ = broken(m)
    found = other if isinstance(other, dict) else dump(other)
    states = {
        "hidden_states.0": found["embeddings"], "pooler": found.get("pooler"),
    } | {
        f"hidden_states.{i + 1}":
            found.get(f"encoder.layer.{i}.output", found.get(f"hidden_states.{i + 1}"))
        for i in range(m.config.n_layers)
    }  # fmt: skip
    inputs = {n: found[n] for n in ("input_ids", "attention_mask", "token_type_ids")}
    if inputs["input_ids"].shape != (3, 5):
        inputs |= dict(zip(inputs, batch(m.config, rows=3), strict=True))
    said = trace(m, inputs | {n: a for n, a in states.items() if a is not None})
    assert said.first is not None
    assert said.causes, str(said)
    assert said.causes[0].cause == cause, str(said)
    assert said.causes[0].next is None


@pytest.mark.parametrize("broken", [
    all_query_key, all_transposed, eps_in_file, heads_in_rows, heads_last, heads_reshaped,
    layers_shifted, layers_shifted_back, mask_ignored, other_gelu, query_key_scores,
    segments_ignored,
], ids=lambda f: f.__name__)  # fmt: skip
def test_the_last_state_alone_is_enough(broken):
    """A mistake in every layer, of which no layer's own tensors are known."""
    m = small(3)
    other, _, cause, words = broken(m)
    found = other if isinstance(other, dict) else dump(other)
    inputs = {n: found[n] for n in ("input_ids", "attention_mask", "token_type_ids")}
    said = trace(m, inputs | {"last_hidden_state": found["encoder.layer.2.output"]})
    assert said.causes, str(said)
    assert said.causes[0].cause == cause, str(said)
    assert broken is query_key_scores or words[-1] in said.causes[0].says, str(said)


def test_the_usual_size_of_new_weights_is_enough():
    """With matrices of 0.02 another GELU makes a difference of 1e-5 at most."""
    m = small()
    rng = np.random.default_rng(0)
    params = {n: 0.02 * rng.standard_normal(p.shape).astype(np.float32) if p.ndim == 2 else
              np.full(p.shape, "LayerNorm.weight" in n, np.float32)
              for n, p in m.params.items()}  # fmt: skip
    m = BertForSequenceClassification(m.config, params)
    assert trace(m, dump(m))
    for broken in (other_gelu, eps_in_file):
        check(m, broken)
