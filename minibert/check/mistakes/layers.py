"""Linear layers, dropout, the pooler, and what goes wrong in them.

The numbers are those of `minibert.ops.linear`, (1), of `minibert.ops.dropout`, (1), and for the
pooler of `minibert.model.encoder`, (3); primed, their gradients.
"""

import numpy as np

from minibert.check.cases.inputs import hidden, weight
from minibert.check.mistakes.notation import T, rows
from minibert.check.mistakes.steps import Step, Steps, mistake


def linear_inputs(rng, z):
    """x (B,L,D), w (F,D), b (F)."""
    x = hidden(rng, z.B, z.L, z.D)
    return {"x": x, "w": weight(rng, z.F, z.D), "b": rng.standard_normal(z.F)}


def _dropout_inputs(rng, z):
    x = hidden(rng, z.B, z.L, z.D)
    return {"x": x, "keep": rng.random(x.shape) >= 0.3, "rate": 0.3}


def _pooler_inputs(rng, z):
    x = hidden(rng, z.B, z.L, z.D)
    return {"hidden": x, "w": weight(rng, z.D, z.D), "b": rng.standard_normal(z.D)}


def _at_token(n, hidden, dfirst):
    """The gradient of hidden, where only token n was used."""
    dhidden = np.zeros_like(hidden)
    dhidden[:, n] = dfirst
    return dhidden


def _at_example(n, hidden, dfirst):
    """The gradient of hidden, where only example n was used."""
    return np.stack([dfirst if i == n else np.zeros_like(dfirst) for i in range(len(hidden))])


LINEAR = Steps(
    op="linear",
    formula="linear",
    signature="x (B,L,D), w (F,D), b (F) -> y (B,L,F)",
    gradient="dx, dw, db",
    make=linear_inputs,
    steps=(
        Step("product", "(1)", lambda x, w: x @ w.T),
        Step("y", "(1)", lambda product, b: product + b),
        Step("dx", "(1')", lambda dy, w: dy @ w),
        Step("dw", "(1')", lambda dy, x: rows(dy).T @ rows(x)),
        Step("db", "(1')", lambda dy: rows(dy).sum(0)),
    ),
    mistakes=(
        mistake(
            "not-transposed",
            "The product is x W instead of x W^T, which fits only where W is square.",
            "W is (out, in), as PyTorch stores it: transpose it.",
            product=lambda x, w: x @ w,
            dx=lambda dy, w: dy @ w.T,
            dw=lambda dy, x: rows(x).T @ rows(dy),
        ),
        mistake(
            "weight-reshaped",
            "W is reshaped to (in, out) instead of transposed.",
            "reshape keeps the order in memory and mixes the weights; use w.T.",
            product=lambda x, w: x @ w.reshape(w.shape[::-1]),
            dx=lambda dy, w: dy @ w.reshape(w.shape[::-1]).T,
            dw=lambda dy, x, w: (rows(x).T @ rows(dy)).reshape(w.shape),
        ),
        mistake(
            "bias-forgotten",
            "The bias is not added.",
            "y = x W^T + b.",
            y=lambda product: product,
            db=lambda b: np.zeros_like(b),
        ),
        mistake(
            "bias-once-per-feature",
            "The bias is added D times: inside the loop over the D features of x.",
            "Each output has its bias once: start its sum with b, or add it behind the loop.",
            y=lambda product, b, x: product + x.shape[-1] * b,
            db=lambda dy, x: x.shape[-1] * rows(dy).sum(0),
        ),
        mistake(
            "bias-one-number",
            "Every output gets the same bias, the first one.",
            "Each output has a bias of its own: output f gets b[f].",
            y=lambda product, b: product + b[0],
            db=lambda dy, b: dy.sum() * (np.arange(len(b)) == 0),
        ),
        mistake(
            "gradient-dx-transposed",
            "dx is dy W^T instead of dy W, which fits only where W is square.",
            "The forward has W^T, so that the backward has W itself.",
            dx=lambda dy, w: dy @ w.T,
        ),
        mistake(
            "gradient-dw-transposed",
            "dw is x^T dy instead of dy^T x.",
            "A gradient has its parameter's shape, here (out, in).",
            dw=lambda dy, x: rows(x).T @ rows(dy),
        ),
        mistake(
            "gradient-dw-by-example",
            "dw is not summed over the batch and comes out as (B,F,D).",
            "All examples share W: flatten the leading axes to rows before the product.",
            dw=lambda dy, x: T(dy) @ x,
        ),
        mistake(
            "gradient-db-over-batch-only",
            "db is summed over the batch alone and comes out as (L,F).",
            "All tokens share b: sum over every axis but the last.",
            db=lambda dy: dy.sum(0),
        ),
        mistake(
            "gradient-db-averaged",
            "db is the mean of dy over the rows instead of the sum.",
            "Each row adds its gradient; the loss does the averaging.",
            db=lambda dy: rows(dy).mean(0),
        ),
        mistake(
            "gradient-averaged",
            "dw and db are divided by the batch size.",
            "Where the loss is a mean, dy has been divided already.",
            dw=lambda dy, x: rows(dy).T @ rows(x) / len(x),
            db=lambda dy: rows(dy).sum(0) / len(dy),
        ),
        mistake(
            "gradient-db-averaged-over-batch",
            "db is summed over the tokens, but averaged over the batch: it is divided by B.",
            "Each row of dy adds its gradient, whichever axis it lies along.",
            db=lambda dy: rows(dy).sum(0) / len(dy),
        ),
        mistake(
            "gradient-last-example",
            "dw and db are of the last example alone: `=` instead of `+=` in a loop.",
            "All examples share W and b, and their gradients add.",
            dw=lambda dy, x: dy[-1].T @ x[-1],
            db=lambda dy: dy[-1].sum(0),
        ),
        mistake(
            "gradient-upstream-forgotten",
            "dy is not used, as if it were 1: dx is made of W alone, dw of x alone.",
            "The derivative of y is only half of the chain rule: multiply by dy.",
            dx=lambda dy, w: np.ones_like(dy) @ w,
            dw=lambda dy, x: np.ones_like(rows(dy)).T @ rows(x),
            db=lambda dy: rows(np.ones_like(dy)).sum(0),
        ),
    ),
)

DROPOUT = Steps(
    op="dropout",
    formula="dropout",
    signature="x (B,L,D), keep (B,L,D), rate -> y (B,L,D)",
    gradient="dx",
    make=_dropout_inputs,
    steps=(
        Step("scale", "(1)", lambda rate: 1 / (1 - rate)),
        Step("kept", "(1)", lambda keep: keep),
        Step("y", "(1)", lambda x, kept, scale: x * kept * scale),
        Step("dx", "(1')", lambda dy, kept, scale: dy * kept * scale),
    ),
    mistakes=(
        mistake(
            "not-scaled",
            "What is kept is not divided by 1 - rate.",
            "Fewer entries have to be larger, or the sums shrink in training.",
            scale=lambda: 1.0,
        ),
        mistake(
            "divided-by-rate",
            "What is kept is divided by rate instead of 1 - rate.",
            "rate is the share that is dropped; the share kept is 1 - rate.",
            scale=lambda rate: 1 / rate,
        ),
        mistake(
            "multiplied",
            "What is kept is multiplied by 1 - rate instead of divided by it.",
            "The first paper multiplies when the model is used; in training it is a division.",
            scale=lambda rate: 1 - rate,
        ),
        mistake(
            "scaled-twice",
            "What is kept is divided by 1 - rate twice.",
            "Scale the mask or the result, not both.",
            scale=lambda rate: 1 / (1 - rate) ** 2,
        ),
        mistake(
            "inverted",
            "What should be kept is dropped, and the other way round.",
            "keep is True where the entry stays.",
            kept=lambda keep: ~keep,
        ),
        mistake(
            "not-applied",
            "Nothing is dropped and nothing scaled, as if not in training.",
            "With a mask both passes are x or dy, times keep, divided by 1 - rate.",
            kept=lambda keep: np.ones_like(keep),
            scale=lambda: 1.0,
        ),
        mistake(
            "dropped-stays",
            "What should be dropped stays as it is; only what is kept is scaled.",
            "A dropped entry is 0.",
            y=lambda x, keep, rate: np.where(keep, x / (1 - rate), x),
            dx=lambda dy, keep, rate: np.where(keep, dy / (1 - rate), dy),
        ),
        mistake(
            "scaled-by-what-was-kept",
            "What is kept is divided by the share that happens to be kept, keep.mean().",
            "The scale is that of the rate, 1 / (1 - rate), the same for every mask.",
            scale=lambda keep: 1 / keep.mean(),
        ),
        mistake(
            "root-of-share",
            "What is kept is divided by sqrt(1 - rate) instead of 1 - rate.",
            "It is the mean that dropout keeps, not the spread: no root.",
            scale=lambda rate: 1 / np.sqrt(1 - rate),
        ),
        mistake(
            "gradient-not-masked",
            "dx is dy / (1 - rate): the mask is missing.",
            "What was dropped had no part in y, and gets no gradient.",
            dx=lambda dy, scale: dy * scale,
        ),
        mistake(
            "gradient-upstream-forgotten",
            "dx is the scaled mask alone, not multiplied by dy.",
            "A backward returns the loss's gradient: dy times the derivative.",
            dx=lambda kept, scale: kept * scale,
        ),
    ),
)

POOLER = Steps(
    op="pooler",
    formula="encoder",
    signature="hidden (B,L,D), w (D,D), b (D) -> pooled (B,D)",
    gradient="dhidden, dw, db",
    make=_pooler_inputs,
    steps=(
        Step("first", "(3)", lambda hidden: hidden[:, 0]),
        Step("product", "(3)", lambda first, w: first @ w.T),
        Step("h", "(3)", lambda product, b: product + b),
        Step("pooled", "(3)", lambda h: np.tanh(h)),
        Step("slope", "(3')", lambda pooled: 1 - pooled**2),
        Step("dh", "(3')", lambda dpooled, slope: dpooled * slope),
        Step("dfirst", "(3')", lambda dh, w: dh @ w),
        Step("dhidden", "(3')", lambda hidden, dfirst: _at_token(0, hidden, dfirst)),
        Step("dw", "(3')", lambda dh, first: dh.T @ first),
        Step("db", "(3')", lambda dh: dh.sum(0)),
    ),
    mistakes=(
        mistake(
            "mean-of-tokens",
            "The mean of all tokens is pooled instead of the first token.",
            "BERT's pooler looks at [CLS] alone, hidden[:, 0].",
            first=lambda hidden: hidden.mean(1),
            dhidden=lambda hidden, dfirst: (
                np.zeros_like(hidden) + dfirst[:, None] / hidden.shape[1]
            ),
        ),
        mistake(
            "last-token",
            "The last token is pooled instead of the first.",
            "[CLS] stands first; the last may be padding.",
            first=lambda hidden: hidden[:, -1],
            dhidden=lambda hidden, dfirst: _at_token(-1, hidden, dfirst),
        ),
        mistake(
            "first-example",
            "All tokens of the first example are taken: hidden[0] instead of hidden[:, 0].",
            "The batch comes first, (B,L,D): every example's token 0 is hidden[:, 0].",
            first=lambda hidden: hidden[0],
            dhidden=lambda hidden, dfirst: _at_example(0, hidden, dfirst),
        ),
        mistake(
            "tanh-left-out",
            "The tanh is left out, in the forward or on the way back.",
            "Forward tanh(h); backward dpooled (1 - pooled^2), before the linear layer.",
            pooled=lambda h: h,
            slope=lambda h: np.ones_like(h),
        ),
        mistake(
            "relu-for-tanh",
            "The activation is relu instead of tanh.",
            "BERT's pooler has tanh; TinyBERT's relu comes after it, in the classifier.",
            pooled=lambda h: np.maximum(h, 0),
            slope=lambda h: h > 0,
        ),
        mistake(
            "not-transposed",
            "The product is h_0 W instead of h_0 W^T.",
            "W is (out, in), and since it is square nothing warns: transpose it.",
            product=lambda first, w: first @ w,
            dfirst=lambda dh, w: dh @ w.T,
            dw=lambda dh, first: first.T @ dh,
        ),
        mistake(
            "bias-forgotten",
            "The bias is not added.",
            "tanh(h_0 W^T + b).",
            h=lambda product: product,
            db=lambda b: np.zeros_like(b),
        ),
        mistake(
            "tanh-first",
            "The tanh is taken of h_0, before the linear layer instead of after it.",
            "It comes last: pooled lies between -1 and 1.",
            product=lambda first, w: np.tanh(first) @ w.T,
            pooled=lambda h: h,
            slope=lambda h: np.ones_like(h),
            dfirst=lambda dh, w, first: dh @ w * (1 - np.tanh(first) ** 2),
            dw=lambda dh, first: dh.T @ np.tanh(first),
        ),
        mistake(
            "maximum-of-tokens",
            "The maximum over all tokens is pooled instead of the first token.",
            "BERT's pooler looks at [CLS] alone, hidden[:, 0].",
            first=lambda hidden: hidden.max(1),
            dhidden=lambda hidden, dfirst: (
                (hidden == hidden.max(1, keepdims=True)) * dfirst[:, None]
            ),
        ),
        mistake(
            "gradient-tanh-of-input",
            "The derivative of tanh is 1 - h^2, of its input.",
            "1 - pooled^2: the square is of tanh's result.",
            slope=lambda h: 1 - h**2,
        ),
        mistake(
            "gradient-to-all-tokens",
            "Every token gets the gradient of the first.",
            "The other tokens have no part in pooled: their gradient is 0.",
            dhidden=lambda hidden, dfirst: np.zeros_like(hidden) + dfirst[:, None],
        ),
        mistake(
            "gradient-first-token-only",
            "dhidden is (B,D), the gradient of the first token alone.",
            "A gradient has its input's shape, (B,L,D): zeros, with this at [:, 0].",
            dhidden=lambda dfirst: dfirst,
        ),
        mistake(
            "gradient-dhidden-transposed",
            "The gradient of h_0 is dh W^T instead of dh W.",
            "The forward has W^T, so that the backward has W itself.",
            dfirst=lambda dh, w: dh @ w.T,
        ),
        mistake(
            "gradient-dw-transposed",
            "dw is h_0^T dh instead of dh^T h_0.",
            "Row o of W makes output o, so that row o of dw is of output o.",
            dw=lambda dh, first: first.T @ dh,
        ),
        mistake(
            "gradient-tanh-not-squared",
            "The derivative of tanh is taken as 1 - pooled, without the square.",
            "It is 1 - pooled^2.",
            slope=lambda pooled: 1 - pooled,
        ),
        mistake(
            "gradient-parameters-of-dpooled",
            "dw and db are computed from dpooled instead of dh.",
            "They are behind the tanh, too: dh = dpooled (1 - pooled^2) comes first.",
            dw=lambda dpooled, first: dpooled.T @ first,
            db=lambda dpooled: dpooled.sum(0),
        ),
        mistake(
            "gradient-weight-forgotten",
            "The gradient of h_0 is dh itself, without W.",
            "The shapes do not tell, since W is square: back through the product it is dh W.",
            dfirst=lambda dh: dh,
        ),
        mistake(
            "gradient-averaged",
            "dw and db are divided by the batch size.",
            "Where the loss is a mean, dpooled has been divided already.",
            dw=lambda dh, first: dh.T @ first / len(dh),
            db=lambda dh: dh.mean(0),
        ),
    ),
)

FORMULAS = (LINEAR, DROPOUT, POOLER)
