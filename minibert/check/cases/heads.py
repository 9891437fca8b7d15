"""The whole model under every head, the heads' losses, and the answer to a question.

A head's output is a cotangent's way into the whole model: its cases run `bert_forward` and
`bert_backward` on all parameters, of a model with one layer.
"""

import numpy as np

from minibert.check import spec
from minibert.check.cases.case import Case, Formula, plain_case
from minibert.check.cases.model import (
    DIRECTIONS,
    LEVELS,
    drop_masks,
    random_batch,
    random_params,
    small_config,
)
from minibert.model import (
    HEADS,
    Encoded,
    Output,
    Span,
    bert_backward,
    bert_forward,
    best_span,
    loss_forward,
)
from minibert.ops import Drop

SCORES = frozenset({"scores"})


# ------------------------------------------------------------------------------------------ inputs


def _model(head, some=False, dropout=False, **changes):
    def make(rng, z, dtype):
        config = small_config(z, n_layers=1, **changes)
        params = random_params(rng, config, head)
        ids, segments, keep = random_batch(rng, config, z)
        kwargs = {"head": head}
        if some:  # the places that a masked language model is asked for
            kwargs["at"] = keep & (np.arange(z.L) != 1)
        if dropout:
            kwargs["drop"] = Drop(config.dropout, seed=11, step=4)
        return (params, config, ids, segments, keep), kwargs

    return make


def _loss(head, **changes):
    def make(rng, z, dtype):
        config = small_config(z, n_layers=1, **changes)
        C = 2 if head in ("next_sentence", "span") else config.classes
        C = config.vocab if head == "mlm" else C
        rows = (z.B,) if head in ("classification", "next_sentence") else (z.B, z.L)
        labels = rng.integers(0, C, rows)
        if head in ("mlm", "tokens"):
            labels[0, 1] = labels[1, 2:] = -100
        if head == "span":
            # The second answer was cut off at its end; a negative place counts as 0.
            labels = np.array([[1, 3], [-1, z.L + 2], *[[0, 2]] * (z.B - 2)])
        if C == 1:
            labels = rng.standard_normal(rows)
        return (2 * rng.standard_normal((*rows, C)), labels, config, head), {}

    return make


def _windows(max_answer, threshold):
    def make(rng, z, dtype):
        start, end = (3 * rng.standard_normal((z.B + 1, z.S)) for _ in "se")
        context = np.arange(z.S) > rng.integers(1, 4, (z.B + 1, 1))
        # Higher than everything else, but a place too far apart.
        start[0, 5] = end[0, 5 + max_answer] = 20.0
        return (start, end, context), {"max_answer": max_answer, "threshold": threshold}

    return make


# ----------------------------------------------------------------------------------------- library


def _forward(params, config, ids, segments, keep, *, head, at=None, drop=None):
    out, cache = bert_forward(
        params, config, ids, segments, keep, head=head, at=at, want=SCORES, drop=drop
    )
    return out, (params, config, cache)


def _backward(d, cache):
    return bert_backward(d, *cache)


def _loss_backward(dloss, dlogits):
    return dloss * dlogits


# -------------------------------------------------------------------------------------- loop forms


def _masks(config, ids, head, drop):
    shape = (*ids.shape, config.hidden) if head == "tokens" else (len(ids), config.hidden)
    return drop_masks(drop, config, ids.shape, shape)


def _places(ids, at):
    return np.ones(ids.shape, bool) if at is None else at


def _loops_model(params, config, ids, segments, keep, *, head, at=None, drop=None):
    masks = _masks(config, ids, head, drop)
    hidden, scores, pooled, logits = spec.bert_forward(
        params, config, ids, segments, keep, head, _places(ids, at), masks
    )
    if head == "mlm" and at is None:
        logits = logits.reshape(*ids.shape, -1)
    return Output(Encoded((hidden[-1],), tuple(scores), pooled), logits)


def _loops_model_backward(d, params, config, ids, segments, keep, *, head, at=None, drop=None):
    (last,), dscores, dpooled = d.encoded
    dhidden = [np.zeros_like(last)] * config.n_layers + [last]
    dlogits = d.logits.reshape(-1, config.vocab) if head == "mlm" else d.logits
    return spec.bert_backward(
        dhidden, dscores, dpooled, dlogits, params, config, ids, segments, keep, head,
        _places(ids, at), _masks(config, ids, head, drop),
    )


def _loops_loss(logits, labels, config, head):
    if head == "span":
        return spec.span_loss_forward(logits, labels)
    if head in ("mlm", "tokens"):
        return spec.tokens_loss_forward(logits, labels)
    if logits.shape[1] == 1:
        return spec.mse_forward(logits, labels[:, None], np.ones(len(labels), bool))
    return spec.softmax_cross_entropy_forward(logits, labels, -100, 0.0)


def _loops_loss_backward(dloss, logits, labels, config, head):
    if head == "span":
        return dloss * spec.span_loss_backward(logits, labels)
    if head in ("mlm", "tokens"):
        return dloss * spec.tokens_loss_backward(logits, labels)
    if logits.shape[1] == 1:
        return dloss * spec.mse_backward(logits, labels[:, None], np.ones(len(labels), bool))[0]
    return dloss * spec.softmax_cross_entropy_backward(logits, labels, -100, 0.0)


def _loops_span(start_logits, end_logits, context, *, max_answer, threshold):
    return Span(*spec.best_span(start_logits, end_logits, context, max_answer, threshold))


# ------------------------------------------------------------------------------------------- table


def _case(op, mode, head, **options):
    return Case(
        op, mode, _model(head, **options), (0,), _loops_model, _loops_model_backward,
        pair=lambda: (_forward, _backward), levels=LEVELS, gradcheck=DIRECTIONS,
    )


def _loss_case(mode, head, levels=LEVELS, **changes):
    return Case(
        "head-loss", mode, _loss(head, **changes), (0,), _loops_loss, _loops_loss_backward,
        pair=lambda: (loss_forward, _loss_backward), levels=levels,
    )


def _span_case(mode, max_answer, threshold):
    return plain_case(
        "best-span", mode, _windows(max_answer, threshold), _loops_span, best_span
    )


def _code(head):
    return HEADS[head].forward, HEADS[head].backward


FORMULAS = (
    Formula(
        id="classification",
        title="Classification and regression, in both pooler conventions",
        source="Devlin et al. 2018, section 4.1; Jiao et al. 2020, released code",
        tex=(
            r"z = \mathrm{dropout}(\mathrm{pooled})\, W^T + b \quad (\mathrm{hf})",
            r"z = \mathrm{relu}(\mathrm{pooled})\, W^T + b \quad (\mathrm{tinybert})",
        ),
        code=_code("classification"),
        loops=(spec.classification_forward, spec.classification_backward),
        cases=(
            _case("classification", "hf", "classification"),
            _case("classification", "tinybert", "classification", pooler="tinybert"),
            _case("classification", "regression", "classification", classes=1),
            _case("classification", "dropout", "classification", dropout=True),
            _case(
                "classification", "classifier-dropout", "classification", dropout=True,
                classifier_dropout=0.15,
            ),
        ),
    ),
    Formula(
        id="next-sentence",
        title="Next sentence prediction",
        source="Devlin et al. 2018, section 3.1",
        tex=(r"z = \mathrm{pooled}\, W^T + b",),
        code=_code("next_sentence"),
        loops=(spec.bert_forward, spec.bert_backward),
        cases=(_case("next-sentence", "", "next_sentence"),),
    ),
    Formula(
        id="mlm",
        title="Masked language model, its decoder the word table",
        source="Devlin et al. 2018, section 3.1 and released code",
        tex=(
            r"u = \mathrm{LN}(\mathrm{gelu}(x_N W^T + b))",
            r"z = u\, E_{word}^T + b_{decoder}",
        ),
        code=_code("mlm"),
        loops=(spec.mlm_forward, spec.mlm_backward),
        cases=(_case("mlm", "", "mlm"), _case("mlm", "at", "mlm", some=True)),
    ),
    Formula(
        id="tokens",
        title="A label for every token",
        source="Devlin et al. 2018, section 5.3",
        tex=(r"z = \mathrm{dropout}(x_N)\, W^T + b",),
        code=_code("tokens"),
        loops=(spec.tokens_forward, spec.tokens_backward),
        cases=(_case("tokens", "", "tokens"), _case("tokens", "dropout", "tokens", dropout=True)),
    ),
    Formula(
        id="span",
        title="Start and end of an answer",
        source="Devlin et al. 2018, section 4.2",
        tex=(r"(z_{start}, z_{end}) = x_N W^T + b",),
        code=_code("span"),
        loops=(spec.bert_forward, spec.bert_backward),
        cases=(_case("span", "", "span"),),
    ),
    Formula(
        id="head-loss",
        title="The supervised loss of every head",
        source="Devlin et al. 2018, sections 3.1, 4.1 and 4.2",
        tex=(
            r"\mathrm{loss} = \frac{1}{n} \sum_{i:\, y_i \neq -100} "
            r"-\log \mathrm{softmax}(z_i)_{y_i}",
            r"\mathrm{loss} = \frac{1}{B} \sum_b (z_b - y_b)^2 \quad (C = 1)",
            r"\mathrm{loss} = \frac{1}{2} \left(\mathrm{loss}_{start} + \mathrm{loss}_{end}\right)"
            r" \quad (\mathrm{span})",
        ),
        code=(loss_forward,),
        loops=(
            spec.softmax_cross_entropy_forward,
            spec.mse_forward,
            spec.tokens_loss_forward,
            spec.tokens_loss_backward,
            spec.span_loss_forward,
            spec.span_loss_backward,
        ),
        cases=(
            _loss_case("classification", "classification"),
            _loss_case("regression", "classification", levels=(), classes=1),
            _loss_case("next-sentence", "next_sentence"),
            _loss_case("mlm", "mlm"),
            _loss_case("tokens", "tokens"),
            _loss_case("span", "span"),
        ),
    ),
    Formula(
        id="best-span",
        title="From start and end logits to an answer",
        source="Devlin et al. 2018, sections 4.2 and 4.3; windows as in the released code",
        tex=(
            r"\mathrm{score}(i, j) = z_{start,i} + z_{end,j}, \quad i \leq j < i + A",
            r"\mathrm{null} = \min_{windows} (z_{start,0} + z_{end,0})",
            r"\mathrm{no\ answer} \Leftrightarrow \mathrm{null} - \max \mathrm{score} > \tau",
        ),
        code=(best_span,),
        loops=(spec.best_span,),
        cases=(_span_case("", 4, 0.0), _span_case("no-answer", 3, -100.0)),
    ),
)
