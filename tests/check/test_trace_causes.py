"""Every mistake that `trace` knows, made in a small random model."""

import numpy as np
import pytest
from model.small import batch, random_params, uniform

from minibert.check import trace
from minibert.pretrained import BertForSequenceClassification

from .broken import (
    BROKEN,
    check,
    dump,
    eps_in_config,
    label_order,
    label_order_in_file,
    names_shifted,
    whole_heads,
)


def small():
    """Four layers; matrices so large that the mistakes show, and GELU's difference too."""
    config = uniform(n_layers=4, labels=("no", "maybe", "yes"), eps=1e-12)
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
