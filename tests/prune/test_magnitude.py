"""Magnitude pruning: which weights stay, how many, and that gradients respect it."""

import numpy as np
import pytest
from model.small import random_params, widths

from minibert.prune import magnitude_masks, masking, sparsity
from minibert.prune.magnitude import layer_matrices

CONFIG = widths()
SMALL = "bert.encoder.layer.0.output.dense.weight"
SCOPES = pytest.mark.parametrize("scope", ["layer", "global"])


def params():
    """Matrices of different scales, so that the two scopes differ."""
    found = random_params(CONFIG, "classification")
    return found | {SMALL: found[SMALL] * 0.01}


@pytest.mark.quick
def test_by_hand():
    w = {"a": np.array([[3.0, -1.0], [0.5, -2.0]]), "b": np.array([[10.0, -20.0]])}
    each = magnitude_masks(w, 0.5, scope="layer", names=w)
    assert each["a"].tolist() == [[True, False], [False, True]]
    assert each["b"].tolist() == [[False, True]]
    together = magnitude_masks(w, 0.5, names=w)
    assert together["a"].tolist() == [[True, False], [False, False]]
    assert together["b"].tolist() == [[True, True]]


def test_only_the_layers_matrices():
    """Neither embeddings, pooler, classifier, biases nor LayerNorm."""
    masks = magnitude_masks(params(), 0.3)
    assert list(masks) == layer_matrices(params())
    assert len(masks) == 6 * CONFIG.n_layers
    assert all(name.startswith("bert.encoder.layer.") for name in masks)
    assert not any("LayerNorm" in name for name in masks)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_share_of_each_matrix(share):
    p = params()
    for name, mask in magnitude_masks(p, share, scope="layer").items():
        assert mask.shape == p[name].shape
        assert (~mask).sum() == round(share * mask.size)


@pytest.mark.quick
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_share_of_all_together(share):
    masks = magnitude_masks(params(), share)
    total = sum(mask.size for mask in masks.values())
    assert sum(int((~mask).sum()) for mask in masks.values()) == round(share * total)


def test_the_scopes_differ():
    """A matrix of small weights loses everything to a global threshold, its share to its own."""
    together, each = (magnitude_masks(params(), 0.5, scope=s)[SMALL] for s in ("global", "layer"))
    assert not together.any()
    assert each.mean() == pytest.approx(0.5, abs=0.01)


@SCOPES
def test_what_stays_is_larger(scope):
    p = params()
    masks = magnitude_masks(p, 0.4, scope=scope)
    groups = [[name] for name in masks] if scope == "layer" else [list(masks)]
    for names in groups:
        gone = np.concatenate([np.abs(p[name][~masks[name]]) for name in names])
        stays = np.concatenate([np.abs(p[name][masks[name]]) for name in names])
        assert gone.max() < stays.min()


@SCOPES
def test_ties_go_together(scope):
    """Equal weights share their fate: at least the share becomes zero, never less."""
    w = {"w": np.array([[1.0, -1.0, 1.0, 2.0]])}
    assert magnitude_masks(w, 0.25, scope=scope, names=w)["w"].tolist() == [[0, 0, 0, 1]]
    assert magnitude_masks(w, 0.0, scope=scope, names=w)["w"].all()


def test_zeros_are_cut_first():
    w = {"w": np.array([[0.0, 1e-30, -1e-30, 5.0]])}
    assert magnitude_masks(w, 0.25, names=w)["w"].tolist() == [[0, 1, 1, 1]]


@pytest.mark.parametrize("share", [-0.1, 1.0, 1.5, np.nan])
def test_share_errors(share):
    with pytest.raises(ValueError, match="share is"):
        magnitude_masks(params(), share)


def test_scope_error():
    with pytest.raises(ValueError, match="scope is 'both'"):
        magnitude_masks(params(), 0.5, scope="both")


@pytest.mark.quick
def test_transform_and_its_pull():
    """Both multiply by the mask, leave all else alone, and change nothing in place."""
    p = params()
    masks = magnitude_masks(p, 0.5)
    before = {name: a.copy() for name, a in p.items()}
    effective, pull = masking(masks)(p)
    rng = np.random.default_rng(2)
    grads = {name: rng.standard_normal(a.shape) for name, a in p.items()}
    pulled = pull(grads)
    assert effective.keys() == p.keys() == pulled.keys()
    for name in p:
        mask = masks.get(name, True)
        assert np.array_equal(effective[name], np.where(mask, p[name], 0.0))
        assert np.array_equal(pulled[name], np.where(mask, grads[name], 0.0))
        assert np.array_equal(p[name], before[name])
        assert effective[name].dtype == p[name].dtype


def test_pull_takes_more_than_the_model_has():
    """The gradients of an objective's own parameters pass."""
    p = params()
    _, pull = masking(magnitude_masks(p, 0.5))(p)
    extra = np.ones(3)
    assert pull(p | {"distill.hidden.weight": extra})["distill.hidden.weight"] is extra


def test_sparsity():
    p = params()
    assert sparsity(p) == 0.0
    effective, _ = masking(magnitude_masks(p, 0.25))(p)
    assert sparsity(effective) == pytest.approx(0.25, abs=1e-3)
    assert sparsity({"a": np.array([[0.0, 1.0]]), "b": np.array([0.0])}, ["a", "b"]) == 2 / 3
