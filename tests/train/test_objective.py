"""The supervised objective of every head: its gradients, its labels, and that it trains."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from model.small import batch, labels_for, random_params, widths

from minibert.check import relative_error
from minibert.model import HEADS, init_params
from minibert.ops import Drop
from minibert.train import TrainStep
from minibert.train.objective import supervised

FORMS = {head: (head, {}) for head in HEADS} | {"regression": ("classification", {"classes": 1})}
EVERY = pytest.mark.parametrize(("head", "changes"), FORMS.values(), ids=FORMS)


def labelled(head, config):
    ids, segments, keep = batch(config)
    return {
        "input_ids": np.where(keep, ids, 2),
        "token_type_ids": segments,
        "attention_mask": keep.astype(int),
        "labels": labels_for(head, config, keep),
    }


@pytest.mark.quick
@EVERY
@pytest.mark.parametrize("drop", [None, Drop(0.3, seed=2)], ids=["", "dropout"])
def test_gradients_are_the_slope_of_the_loss(head, changes, drop):
    config = widths(**changes)
    params = random_params(config, head)
    data = labelled(head, config)

    def at(params):
        return supervised(SimpleNamespace(params=params, config=config, head=head), data, drop)

    loss, parts, grads = at(params)
    assert isinstance(loss, float)
    assert parts == {}
    rng = np.random.default_rng(9)
    h, analytic, numeric = 1e-5, [], []
    for _ in range(5):
        u = {k: rng.standard_normal(p.shape) / np.sqrt(p.size) for k, p in params.items()}
        up, down = (at({k: p + s * u[k] for k, p in params.items()})[0] for s in (h, -h))
        numeric.append((up - down) / (2 * h))
        analytic.append(sum((g * u[k]).sum() for k, g in grads.items()))
    assert relative_error(analytic, numeric) < 1e-7


@pytest.mark.parametrize(
    ("head", "shape", "wanted"),
    [
        ("next_sentence", (2, 2), (2,)),
        ("tokens", (2,), (2, 5)),
        ("span", (2,), (2, 2)),
        ("span", (2, 5), (2, 2)),
        ("mlm", (2,), (2, 5)),
    ],
)
def test_labels_of_another_shape(head, shape, wanted):
    config = widths()
    model = SimpleNamespace(params=random_params(config, head), config=config, head=head)
    data = labelled(head, config) | {"labels": np.zeros(shape, int)}
    message = f"labels: got shape {shape}, wanted {wanted} for head {head!r}"
    with pytest.raises(ValueError, match=re.escape(message)):
        supervised(model, data, None)


@pytest.mark.parametrize("head", ["next_sentence", "tokens", "span"])
def test_a_batch_is_learned_by_heart(head):
    config = widths(dropout=0.0, attention_dropout=0.0)
    params = init_params(config, seed=1, head=head, dtype=np.float64)
    data = labelled(head, config)
    data["labels"] = {
        "next_sentence": np.array([0, 1]),
        "tokens": data["labels"],
        "span": np.array([[1, 3], [0, 1]]),
    }[head]
    step = TrainStep(SimpleNamespace(params=params, config=config, head=head), lr=0.01)
    losses = [step(**data) for _ in range(60)]
    guess = {"next_sentence": 2, "tokens": 3, "span": 5}[head]
    assert losses[0] == pytest.approx(np.log(guess), rel=0.1)
    assert losses[-1] < losses[0] / 5
