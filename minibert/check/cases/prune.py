"""Pruning: which weights stay, what a head or a neuron matters, and taking them out."""

from types import SimpleNamespace

import numpy as np

from minibert.check import spec
from minibert.check.cases.case import Case, Formula, plain_case
from minibert.check.cases.model import LEVELS, random_batch, random_params, small_config
from minibert.config import LayerSize, with_layers
from minibert.model import bert_forward
from minibert.model.params import layer_prefix
from minibert.prune import (
    add_importance,
    magnitude_masks,
    masking,
    most_important,
    remove_structures,
    with_head_masks,
)
from minibert.prune.structured import HEAD_MASK
from minibert.train import supervised

TEXTS = "input_ids", "token_type_ids", "attention_mask"
WEIGHTS = ("intermediate.dense.weight", "intermediate.dense.bias", "output.dense.weight")

# ----------------------------------------------------------------------------------------- library


def masked_forward(params, masks):
    """The parameters with some weights at zero, and what takes gradients back."""
    return masking(masks)(params)


def masked_backward(dout, pull):
    """The gradients of the parameters, of those of the masked ones."""
    return pull(dout)


def importance(params, batches, *, config):
    """The importance of heads and neurons in every layer, of the gradients of some batches."""
    found = {}
    for grads in batches:
        add_importance(found, params, grads, config)
    return {
        kind: tuple(found[kind, i] for i in range(config.n_layers)) for kind in ("heads", "neurons")
    }


def model_importance(params, batches, *, config):
    """The same of a classifier's loss on some batches."""
    params = with_head_masks(params, config)
    model = SimpleNamespace(params=params, config=config, head="classification")
    grads = [supervised(model, batch, None)[2] for batch in batches]
    return importance(params, grads, config=config)


def without_structures(params, ids, segments, keep, *, config, heads, neurons):
    """What a classifier computes when only these heads and neurons of each layer are left."""
    params, config = remove_structures(params, config, heads, neurons)
    want = {"padding"}
    out, _ = bert_forward(params, config, ids, segments, keep, head="classification", want=want)
    return {"hidden": out.encoded.hidden[-1], "logits": out.logits}


# ------------------------------------------------------------------------------------------ inputs


def _matrices(scope, share):
    def make(rng, z, dtype):
        sizes = {"q": (0.5, z.D, z.D), "w1": (1.0, z.F, z.D), "w2": (2.0, z.D, z.F)}
        params = {name: s * rng.standard_normal((o, i)) for name, (s, o, i) in sizes.items()}
        params["w1"][1, 2] = 0.0
        return (params, share), {"scope": scope, "names": list(params)}

    return make


def _masked(rng, z, dtype):
    params = {name: rng.standard_normal((z.F, z.K)) for name in ("w1", "w2")}
    return (params, {"w1": rng.random((z.F, z.K)) < 0.6}), {}


def _config(z):
    """Two layers of different widths, as pruning leaves them."""
    return with_layers(small_config(z), (LayerSize(z.H, z.K, z.F), LayerSize(2, 5, z.C)))


def _gradients(rng, z, dtype):
    config = _config(z)
    params = random_params(rng, config)
    names = [layer_prefix(i) + name for i in range(config.n_layers) for name in WEIGHTS]
    batches = []
    for _ in range(2):
        grads = {name: rng.standard_normal(params[name].shape) for name in names}
        for i, size in enumerate(config.layers):
            grads[layer_prefix(i) + HEAD_MASK] = rng.standard_normal(size.heads)
        batches.append(grads)
    return ({name: params[name] for name in names}, tuple(batches)), {"config": config}


def _labelled(rng, z, dtype):
    config, batches = _config(z), []
    for _ in range(2):
        texts = dict(zip(TEXTS, random_batch(rng, config, z), strict=True))
        batches.append(texts | {"labels": rng.integers(0, config.classes, z.B)})
    params = random_params(rng, config, "classification")
    # Of larger matrices the importance loses an order of magnitude more in float32.
    params |= {name: 0.5 * p for name, p in params.items() if p.ndim == 2}
    return (params, tuple(batches)), {"config": config}


def _smaller(rng, z, dtype):
    config = _config(z)
    kept = {"heads": [[0, 2], [1]], "neurons": [list(range(0, z.F, 2)), [1, 2, 7]]}
    params = random_params(rng, config, "classification")
    return (params, *random_batch(rng, config, z)), {"config": config, **kept}


def _scores(rng, z, dtype):
    return (rng.standard_normal(z.S), 5), {}


def _equal_scores(rng, z, dtype):
    return (rng.integers(0, 3, z.S) / 2, 5), {}


# -------------------------------------------------------------------------------------- loop forms


def _loops_masks(params, share, *, scope, names):
    if scope == "layer":
        return {name: spec.magnitude_masks([params[name]], share)[0] for name in names}
    masks = spec.magnitude_masks([params[name] for name in names], share)
    return dict(zip(names, masks, strict=True))


def _loops_masked_forward(params, masks):
    return {name: spec.masked(w, masks[name]) if name in masks else w for name, w in params.items()}


def _loops_masked_backward(dout, params, masks):
    return _loops_masked_forward(dout, masks)


def _loops_importance(params, batches, *, config):
    heads, neurons = [], []
    for i in range(config.n_layers):
        names = [layer_prefix(i) + name for name in WEIGHTS]
        heads.append(spec.head_importance([g[layer_prefix(i) + HEAD_MASK] for g in batches]))
        grads = [[g[name] for name in names] for g in batches]
        neurons.append(spec.neuron_importance(*(params[name] for name in names), grads))
    return {"heads": tuple(heads), "neurons": tuple(neurons)}


def _loops_model_importance(params, batches, *, config):
    params = with_head_masks(params, config)
    return _loops_importance(
        params, [_loops_gradients(params, batch, config) for batch in batches], config=config
    )


def _loops_gradients(params, batch, config):
    """Of the mean cross-entropy: only the logits have a cotangent."""
    model = params, config, *(batch[name] for name in TEXTS), "classification", None, {}
    hidden, scores, pooled, logits = spec.bert_forward(*model)
    dlogits = spec.softmax_cross_entropy_backward(logits, batch["labels"], -100, 0.0)
    dhidden, dscores = ([np.zeros_like(x) for x in xs] for xs in (hidden, scores))
    return spec.bert_backward(dhidden, dscores, np.zeros_like(pooled), dlogits, *model)


def _loops_masked(params, ids, segments, keep, *, config, heads, neurons):
    """The whole model: a removed head has mask 0, what leaves a removed neuron weighs 0."""
    params = with_head_masks(params, config)
    for i, size in enumerate(config.layers):
        prefix = layer_prefix(i)
        params[prefix + HEAD_MASK] = np.isin(range(size.heads), heads[i]).astype(float)
        name = f"{prefix}output.dense.weight"
        params[name] = params[name] * np.isin(range(size.ffn), neurons[i])
    hidden, _, _, logits = spec.bert_forward(
        params, config, ids, segments, keep, "classification", None, {}
    )
    return {"hidden": hidden[-1], "logits": logits}


# ------------------------------------------------------------------------------------------- table


def _mask_case(mode, scope, share):
    make = _matrices(scope, share)
    return plain_case("magnitude-mask", mode, make, _loops_masks, magnitude_masks)


FORMULAS = (
    Formula(
        id="magnitude-mask",
        title="Magnitude pruning: the smallest weights become zero",
        source="Han et al. 2015, section 3",
        tex=(
            r"M_{ij} = 1 \quad \mathrm{where} \quad |W_{ij}| > \theta, \quad \mathrm{else} \quad 0",
            r"W' = M \odot W",
        ),
        code=(magnitude_masks,),
        loops=(spec.magnitude_masks,),
        cases=(
            _mask_case("layer", "layer", 0.45),  # of 231 weights 103.95, of 441 198.45
            _mask_case("global", "global", 0.3),  # of 903 weights 270.9
            _mask_case("nothing", "global", 0.0),  # zeros stay as well
        ),
    ),
    Formula(
        id="masking",
        title="Masked weights, and their gradients",
        source="Han et al. 2015, section 3.1: what was removed gets no gradient",
        tex=(
            r"W' = M \odot W",
            r"\frac{\partial L}{\partial W} = M \odot \frac{\partial L}{\partial W'}",
        ),
        code=(masking,),
        loops=(spec.masked,),
        cases=(
            Case(
                "masking", "", _masked, (0,), _loops_masked_forward, _loops_masked_backward,
                pair=lambda: (masked_forward, masked_backward),
            ),
        ),
    ),
    Formula(
        id="importance",
        title="Importance of heads and feed-forward neurons",
        source="Michel et al. 2019, section 4.1 (heads);"
        " Molchanov et al. 2017, section 2.2 (neurons)",
        tex=(
            r"I_h = \sum_{\mathrm{batches}} |\partial L / \partial m_h|",
            r"I_f = \sum_{\mathrm{batches}} |\sum_j W^1_{fj}\,\partial L / \partial W^1_{fj}"
            r" + b^1_f\,\partial L / \partial b^1_f|"
            r" + |\sum_i W^2_{if}\,\partial L / \partial W^2_{if}|",
        ),
        code=(add_importance, most_important),
        loops=(spec.head_importance, spec.neuron_importance, spec.most_important),
        cases=(
            plain_case("importance", "", _gradients, _loops_importance, importance),
            plain_case(
                "model-importance", "model", _labelled, _loops_model_importance, model_importance,
                levels=LEVELS, called="importance",
            ),
            plain_case(
                "most-important", "highest", _scores, spec.most_important, most_important,
                called="importance",
            ),
            plain_case(
                "most-important", "equals", _equal_scores, spec.most_important, most_important,
                called="importance",
            ),
        ),
    ),
    Formula(
        id="remove-structures",
        title="Removed heads and neurons: what masked ones compute",
        source="Michel et al. 2019, section 2.3",
        tex=(
            r"\mathrm{context} = \sum_h m_h\, W^O_h\, p_h V_h, \quad m_h = 0 \quad "
            r"\mathrm{for} \quad h \quad \mathrm{removed}",
        ),
        code=(remove_structures,),
        loops=(spec.block_forward,),
        cases=(
            plain_case(
                "remove-structures", "", _smaller, _loops_masked, without_structures,
                levels=LEVELS,
            ),
        ),
    ),
)
