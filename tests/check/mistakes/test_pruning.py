"""Pruning: the right formulas are the library's."""

import numpy as np
import pytest

from minibert.check.compare import assert_close
from minibert.check.mistakes import importance, pruning
from minibert.config import BertConfig, LayerSize
from minibert.model.params import layer_prefix
from minibert.prune import add_importance, magnitude_masks, soft_threshold
from minibert.prune.structured import HEAD_MASK

FORMULAS = pruning.FORMULAS + importance.FORMULAS

NAMES = ("intermediate.dense.weight", "intermediate.dense.bias", "output.dense.weight")


def _importance(batches, weights):
    """What the library adds up in one layer; a batch is a head mask's gradient, and the others."""
    prefix, found = layer_prefix(0), {}
    names = [prefix + name for name in NAMES]
    D, F = weights[2].shape
    config = BertConfig(vocab=2, hidden=D, layers=(LayerSize(1, D, F),))
    for dmask, grads in batches:
        grads = dict(zip(names, grads, strict=True)) | {prefix + HEAD_MASK: dmask}
        add_importance(found, dict(zip(names, weights, strict=True)), grads, config)
    return found


def _mask(w, share):
    return magnitude_masks({"w": w}, share, names=["w"])["w"]


def _heads(dmask):
    zeros = np.zeros((1, 1)), np.zeros(1), np.zeros((1, 1))
    return _importance([(row, zeros) for row in dmask], zeros)["heads", 0]


def _neurons(w1, b1, w2, dw1, db1, dw2):
    return _importance([(np.zeros(1), (dw1, db1, dw2))], (w1, b1, w2))["neurons", 0]


LIBRARY = {
    "magnitude_mask": _mask,
    "soft_threshold": soft_threshold,
    "head_importance": _heads,
    "neuron_importance": _neurons,
}


@pytest.mark.parametrize("steps", FORMULAS, ids=lambda steps: steps.op)
def test_right_formulas_are_the_librarys(steps):
    for case, inputs in steps.draw():
        (got,) = steps.run(inputs)
        assert_close(got, LIBRARY[steps.op](**inputs), name=case, rtol=1e-12)
