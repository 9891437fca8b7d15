import numpy as np
import pytest

from minibert.check import assert_close
from minibert.model import bert_backward, bert_forward
from minibert.ops import Drop, keep_mask

from .small import batch, cotangents, dropout_masks, random_params, widths

pytestmark = pytest.mark.quick

PARAMS = random_params(widths(), "classification")
PADDED = frozenset({"padding"})  # masks of whole batches; for those of packed ones see test_packing


def logits(drop, config=None):
    config = config or widths()
    out, _ = bert_forward(
        PARAMS, config, *batch(config), head="classification", want=PADDED, drop=drop
    )
    return out.logits


def test_off_by_default_and_where_the_rates_are_zero():
    still = widths(dropout=0.0, attention_dropout=0.0)
    assert np.array_equal(logits(None), logits(None))
    assert np.array_equal(logits(None), logits(Drop(0.9, seed=1), still)), "the config's rates hold"


def test_seed_and_step_decide_the_masks():
    first = logits(Drop(0.0, seed=1, step=2))
    assert np.array_equal(first, logits(Drop(0.0, seed=1, step=2)))
    assert np.abs(first - logits(None)).max() > 0.01
    assert np.abs(first - logits(Drop(0.0, seed=1, step=3))).max() > 0.01
    assert np.abs(first - logits(Drop(0.0, seed=2, step=2))).max() > 0.01


@pytest.mark.parametrize("rates", [{"dropout": 0.0}, {"attention_dropout": 0.0}])
def test_each_rate_reaches_its_own_sites(rates):
    config = widths(**rates)
    assert np.abs(logits(Drop(0.0), config) - logits(None)).max() > 0.01
    if "dropout" in rates:  # the attention's is then the only one
        masks = {site: keep_mask(mask.shape, Drop(0.2, site=site))
                 for site, mask in dropout_masks(config).items() if site in (1, 4)}
        assert np.array_equal(logits(Drop(0.0, masks=masks), config), logits(Drop(0.0), config))


@pytest.mark.parametrize("head", ["classification", "tokens"])
def test_the_classifier_may_have_a_rate_of_its_own(head):
    """At the last site, and only there."""
    config = widths(dropout=0.0, attention_dropout=0.0, classifier_dropout=0.6)
    params, inputs = random_params(config, head), batch(config)

    def run(config, drop):
        return bert_forward(params, config, *inputs, head=head, drop=drop)[0].logits

    site, shape = max((site, mask.shape) for site, mask in dropout_masks(config, head).items())
    dropped = run(config, Drop(0.0, seed=5))
    mask = keep_mask(shape, Drop(0.6, seed=5, site=site))
    assert np.array_equal(run(config, Drop(0.0, masks={site: mask})), dropped)
    assert np.abs(dropped - run(config, None)).max() > 0.01
    without = widths(dropout=0.6, attention_dropout=0.0, classifier_dropout=0.0)
    elsewhere = {s: mask if s < site else ~mask for s, mask in dropout_masks(config, head).items()}
    as_they_were = elsewhere | {site: ~elsewhere[site]}
    assert np.array_equal(run(without, Drop(0.6, masks=elsewhere)),
                          run(without, Drop(0.6, masks=as_they_were)))


def test_hashed_masks_are_those_of_the_sites():
    """Seven sites in two layers, one for the embeddings and one for the pooled vector."""
    config = widths()
    masks = {}
    for site, mask in dropout_masks(config).items():
        rate = config.attention_dropout if site in (1, 4) else config.dropout
        masks[site] = keep_mask(mask.shape, Drop(rate, seed=5, step=3, site=site))
    assert sorted(masks) == list(range(8))
    assert np.array_equal(logits(Drop(0.0, masks=masks)), logits(Drop(0.0, seed=5, step=3)))


def test_backward_makes_the_same_masks():
    config = widths()
    shapes = {site: mask.shape for site, mask in dropout_masks(config).items()}
    hashed = Drop(config.dropout, seed=5, step=3)
    masks = {site: keep_mask(shape, hashed.at(
        site, config.attention_dropout if site in (1, 4) else None))
        for site, shape in shapes.items()}
    grads = []
    for drop in (hashed, hashed._replace(masks=masks)):
        out, cache = bert_forward(
            PARAMS, config, *batch(config), head="classification", want=PADDED, drop=drop
        )
        grads.append(bert_backward(cotangents(out), PARAMS, config, cache))
    assert all(np.array_equal(grads[0][k], grads[1][k]) for k in grads[0])


def test_tinyberts_pooler_drops_nothing():
    config = widths(pooler="tinybert")
    masks = {site: np.ones_like(mask) for site, mask in dropout_masks(config).items()}
    pooled_site = max(masks)
    without = {site: mask for site, mask in masks.items() if site != pooled_site}
    assert np.array_equal(logits(Drop(0.0, masks=masks), config),
                          logits(Drop(0.0, masks=without), config))
    dropped = masks | {pooled_site: ~masks[pooled_site]}
    only_bias = logits(Drop(0.0, masks=dropped))  # the hf convention, all of the pooled vector gone
    assert_close(only_bias, np.tile(PARAMS["classifier.bias"], (2, 1)), rtol=1e-15)


def test_the_mean_over_masks_is_the_value_without():
    """Seen at the embeddings: what is kept is scaled up for what is dropped."""
    config = widths()

    def embedded(drop):
        out, _ = bert_forward(PARAMS, config, *batch(config), want=frozenset({"hidden"}), drop=drop)
        return out.encoded.hidden[0]

    mean = np.mean([embedded(Drop(0.0, seed=seed)) for seed in range(200)], 0)
    expected = embedded(None)
    spread = np.abs(expected) * np.sqrt(0.3 / 0.7 / 200)
    assert (np.abs(mean - expected) < 5 * spread).all()
