"""TinyBERT's losses inside the Transformer, for one layer, and its layer map.

The numbers are those of `minibert.distill.losses`: (1) of attention scores, (2) of hidden states,
(4) what the released code does to the scores first. The map's are (1) the place m N / M and (2)
the layer.
"""

import numpy as np

from minibert.check.cases.inputs import hidden, keep_tokens, weight
from minibert.check.mistakes.notation import rows, softmax, softmax_gradient
from minibert.check.mistakes.steps import Call, Step, Steps, mistake

PADDED = -10000.0
LOWEST = -100.0


def _inputs(rng, z):
    shape = (z.B, z.H, z.L, z.L)
    return {name: 2 * rng.standard_normal(shape) for name in ("student", "teacher")}


def _inputs_padded(rng, z):
    return _inputs(rng, z) | {"keep": keep_tokens(rng, z.B, z.L)}


def _inputs_low(rng, z):
    """Real scores below -100 on the student's side, on the teacher's, and on both."""
    inputs = _inputs_padded(rng, z)
    inputs["student"][:, 1, :2, 0] = -130.0, -250.0
    inputs["teacher"][:, 1, 1:3, 0] = -170.0, -101.0
    return inputs


def _inputs_hidden(rng, z):
    student, teacher = hidden(rng, z.B, z.L, z.D), hidden(rng, z.B, z.L, z.F)
    return {"student": student, "teacher": teacher, "w": weight(rng, z.F, z.D)}


def _map_calls(rng):
    """Teachers that the student's depth divides, and others; no m N / M lies half-way."""
    depths = (1, 1), (1, 12), (4, 12), (6, 12), (3, 7), (3, 8), (5, 5), (5, 12), (7, 12)
    return [Call(f"{M} of {N}", {"n_student": M, "n_teacher": N}) for M, N in depths]


def _low_as_0(scores):
    return np.where(scores <= LOWEST, 0.0, scores)


def _keys(keep):
    return keep[:, None, None, :]


def _queries(keep):
    return keep[:, None, :, None]


# A mean of n squares. Where n is an array, every square has its own.
_SQUARES = (
    Step("loss", "(1)", lambda difference, n: (difference**2 / n).sum()),
    Step("ddifference", "(1')", lambda difference, n, dloss: 2 * difference * dloss / n),
)

_FORWARD = (
    mistake(
        "summed",
        "The squares are added up, and not divided by their number.",
        "The loss is a mean: longer texts and more heads must not weigh more.",
        n=lambda: 1,
    ),
    mistake(
        "halved",
        "The loss has a factor 1/2, or its gradient lacks the 2.",
        "The mean has no 1/2, so that the derivative of the square keeps its 2.",
        loss=lambda difference, n: (difference**2 / n).sum() / 2,
        ddifference=lambda difference, n, dloss: difference * dloss / n,
    ),
    mistake(
        "root",
        "The loss is the square root of the mean.",
        "The mean squared error is left squared.",
        loss=lambda difference, n: np.sqrt((difference**2 / n).sum()),
        ddifference=lambda difference, n, loss, dloss: difference * dloss / (n * loss),
    ),
)

_GRADIENT = (
    mistake(
        "gradient-sign",
        "The gradient has the wrong sign: it is made of teacher minus student.",
        "The derivative of (s - t)^2 by s is 2 (s - t).",
        ddifference=lambda difference, n, dloss: -2 * difference * dloss / n,
    ),
    mistake(
        "gradient-upstream-forgotten",
        "The gradient is not multiplied by dloss.",
        "The loss may be one part of a sum with weights; its gradient carries the weight.",
        ddifference=lambda difference, n: 2 * difference / n,
    ),
)

# Where two mistakes together would be a third, one of them lists a step that it leaves right.
FORMULAS = (
    Steps(
        op="attention_loss",
        formula="tinybert-loss",
        signature="student (B,H,L,L), teacher (B,H,L,L) -> loss ()",
        gradient="dstudent",
        make=_inputs,
        steps=(
            Step("difference", "(1)", lambda student, teacher: student - teacher),
            Step("n", "(1)", lambda student: student.size),
            *_SQUARES,
            Step("dstudent", "(1')", lambda ddifference: ddifference),
        ),
        mistakes=(
            mistake(
                "of-probabilities",
                "The probabilities are compared, after the softmax, instead of the scores.",
                "TinyBERT learns the scores: it converges faster, the paper says.",
                difference=lambda student, teacher: softmax(student) - softmax(teacher),
                dstudent=lambda ddifference, student: softmax_gradient(
                    ddifference, softmax(student)
                ),
            ),
            mistake(
                "heads-summed",
                "The heads are added up instead of averaged.",
                "Equation 7 has 1/h before the sum over the heads.",
                n=lambda student: student.size // student.shape[1],
            ),
            mistake(
                "mean-over-sequences",
                "The sum is divided by B, the number of sequences, only.",
                "The mean is over all entries: divide by B H L^2.",
                n=lambda student: len(student),
            ),
            mistake(
                "keys-summed",
                "The squares are summed over the keys, and averaged over the rest.",
                "The mean is over all entries: divide by B H L^2, with both L.",
                n=lambda student: student.size // student.shape[-1],
            ),
            mistake(
                "divided-by-heads-again",
                "The mean over all entries is divided by H once more.",
                "Equation 7's 1/h is in the mean already.",
                n=lambda student: student.size * student.shape[1],
            ),
            mistake(
                "heads-averaged-first",
                "The heads' scores are averaged, and the averages are compared.",
                "Each head of the student learns from the same head of the teacher.",
                difference=lambda student, teacher: (student - teacher).mean(1, keepdims=True),
                n=lambda student: student.size // student.shape[1],
                dstudent=lambda ddifference, student: ddifference / student.shape[1] + 0 * student,
            ),
            *_FORWARD,
            *_GRADIENT,
        ),
    ),
    Steps(
        op="attention_loss_exact",
        formula="tinybert-loss",
        signature="student (B,H,L,L), teacher (B,H,L,L), keep (B,L) -> loss ()",
        gradient="dstudent",
        make=_inputs_padded,
        steps=(
            Step("pairs", "(1)", lambda keep: _queries(keep) & _keys(keep)),
            Step("difference", "(1)", lambda student, teacher, pairs: (student - teacher) * pairs),
            Step("n", "(1)", lambda student, pairs: student.shape[1] * pairs.sum()),
            *_SQUARES,
            Step("dstudent", "(1')", lambda ddifference: ddifference),
        ),
        mistakes=(
            mistake(
                "padding-counted",
                "Padding counts like any token: the mask is not used.",
                "Only pairs of two tokens that are there count, in the sum and in the mean.",
                pairs=lambda student: np.ones_like(student[:, :1], bool),
            ),
            mistake(
                "divided-by-all",
                "The sum leaves padding out, but is divided by all B H L^2 entries.",
                "Divide by what was added up: H times the sum of the squared lengths.",
                n=lambda student: student.size,
                ddifference=lambda difference, n, dloss: 2 * difference * dloss / n,
            ),
            mistake(
                "only-keys-masked",
                "Only padded keys are left out: padded queries count.",
                "A pair counts where the query and the key are both there.",
                pairs=lambda keep: _keys(keep) & np.ones_like(_queries(keep)),
            ),
            mistake(
                "only-queries-masked",
                "Only padded queries are left out: padded keys count.",
                "A pair counts where the query and the key are both there.",
                pairs=lambda keep: _queries(keep) & np.ones_like(_keys(keep)),
            ),
            mistake(
                "mean-of-means",
                "Each sequence has a mean of its own, and the loss is the mean of these.",
                "Every pair weighs the same: one sum, one division.",
                n=lambda student, pairs: (
                    student.shape[0] * student.shape[1] * pairs.sum((1, 2, 3), keepdims=True)
                ),
            ),
            mistake(
                "heads-not-counted",
                "The sum over all heads is divided by the pairs of one head.",
                "Each pair has H scores: the number of entries is H times as large.",
                n=lambda pairs: pairs.sum(),
            ),
            mistake(
                "divided-by-tokens",
                "The sum is divided by H times the number of tokens instead of pairs.",
                "A sequence of L_b tokens has L_b^2 pairs.",
                n=lambda student, keep: student.shape[1] * keep.sum(),
            ),
            *_FORWARD,
            mistake(
                "gradient-of-padding",
                "Pairs with padding get a gradient, instead of zero.",
                "What is not in the loss has no gradient: multiply by the mask.",
                ddifference=lambda student, teacher, n, dloss: 2 * (student - teacher) * dloss / n,
            ),
            *_GRADIENT,
        ),
    ),
    Steps(
        op="attention_loss_repo",
        formula="tinybert-loss",
        signature="student (B,H,L,L), teacher (B,H,L,L), keep (B,L) -> loss ()",
        gradient="dstudent",
        make=_inputs_low,
        steps=(
            Step("bias", "(4)", lambda keep: np.where(_keys(keep), 0.0, PADDED)),
            Step("masked_s", "(4)", lambda student, bias: student + bias),
            Step("masked_t", "(4)", lambda teacher, bias: teacher + bias),
            Step("cleaned_s", "(4)", lambda masked_s: _low_as_0(masked_s)),
            Step("cleaned_t", "(4)", lambda masked_t: _low_as_0(masked_t)),
            Step("difference", "(1)", lambda cleaned_s, cleaned_t: cleaned_s - cleaned_t),
            Step("n", "(1)", lambda student: student.size),
            *_SQUARES,
            Step("real", "(4')", lambda masked_s: masked_s > LOWEST),
            Step("dstudent", "(4')", lambda ddifference, real: ddifference * real),
        ),
        mistakes=(
            mistake(
                "not-cleaned",
                "No score is put to 0, neither of padded keys nor real ones below -100.",
                "The released code sets what is at most -100 to 0, on each side.",
                cleaned_s=lambda masked_s: masked_s,
                cleaned_t=lambda masked_t: masked_t,
                real=lambda student: np.ones_like(student, bool),
            ),
            mistake(
                "mask-forgotten",
                "-10000 is not added at padded keys: their scores are compared.",
                "The released code's scores come after the mask: padding is to fall below -100.",
                bias=lambda: 0.0,
            ),
            mistake(
                "cleaned-by-mask",
                "Padded keys alone are put to 0; real scores of -100 and less stay.",
                "The released code looks at the value: any score up to -100 becomes 0.",
                cleaned_s=lambda student, keep: student * _keys(keep),
                cleaned_t=lambda teacher, keep: teacher * _keys(keep),
                real=lambda keep: _keys(keep),
            ),
            mistake(
                "only-student-cleaned",
                "Only the student's low scores are put to 0.",
                "Clean both sides, or padded keys differ by 10000.",
                cleaned_t=lambda masked_t: masked_t,
            ),
            mistake(
                "only-teacher-cleaned",
                "Only the teacher's low scores are put to 0.",
                "Clean both sides, or padded keys differ by 10000.",
                cleaned_s=lambda masked_s: masked_s,
                cleaned_t=lambda masked_t: _low_as_0(masked_t),
                real=lambda student: np.ones_like(student, bool),
            ),
            mistake(
                "clipped",
                "Scores below -100 are raised to -100 instead of put to 0.",
                "The released code takes torch.where(score <= -1e2, 0, score).",
                cleaned_s=lambda masked_s: np.maximum(masked_s, LOWEST),
                cleaned_t=lambda masked_t: np.maximum(masked_t, LOWEST),
            ),
            mistake(
                "padded-queries-left-out",
                "Padded queries are put to 0, too, and not padded keys alone.",
                "The mask hides keys: in the released code padded queries count.",
                bias=lambda keep: np.where(_keys(keep) & _queries(keep), 0.0, PADDED),
            ),
            mistake(
                "divided-by-kept",
                "The sum is divided by the entries of real keys instead of all.",
                "The released code takes the mean of the whole array, zeros and all.",
                n=lambda student, keep: student.size // keep.size * keep.sum(),
            ),
            *_FORWARD,
            mistake(
                "gradient-of-cleaned-scores",
                "The student's low real scores get a gradient, though they were put to 0.",
                "A constant has no slope: the gradient is 0 where the score is at most -100.",
                real=lambda student: np.ones_like(student, bool),
            ),
            *_GRADIENT,
        ),
    ),
    Steps(
        op="hidden_loss",
        formula="tinybert-loss",
        signature="student (B,L,D), teacher (B,L,F), w (F,D) -> loss ()",
        gradient="dstudent, dw",
        make=_inputs_hidden,
        steps=(
            Step("projected", "(2)", lambda student, w: student @ w.T),
            Step("difference", "(2)", lambda projected, teacher: projected - teacher),
            Step("n", "(2)", lambda teacher: teacher.size),
            *(step._replace(number=step.number.replace("1", "2")) for step in _SQUARES),
            Step("dstudent", "(2')", lambda ddifference, w: ddifference @ w),
            Step("dw", "(2')", lambda ddifference, student: rows(ddifference).T @ rows(student)),
        ),
        mistakes=(
            mistake(
                "features-summed",
                "The squares are summed over the features, and averaged over the tokens only.",
                "The mean is over all entries: divide by B L F, not by B L.",
                n=lambda teacher: teacher.size // teacher.shape[-1],
            ),
            mistake(
                "teacher-projected",
                "The teacher's states are brought to the student's width: student - teacher W.",
                "The student is projected: it has to carry all that the teacher's width holds.",
                difference=lambda student, teacher, w: student - teacher @ w,
                n=lambda student: student.size,
                dstudent=lambda ddifference: ddifference,
                dw=lambda ddifference, teacher: -rows(teacher).T @ rows(ddifference),
            ),
            mistake(
                "weight-reshaped",
                "The weight is reshaped to (D, F) instead of transposed.",
                "reshape keeps the order in memory; w.T exchanges the axes.",
                projected=lambda student, w: student @ w.reshape(w.T.shape),
                dstudent=lambda ddifference, w: ddifference @ w.reshape(w.T.shape).T,
                dw=lambda ddifference, student, w: (rows(student).T @ rows(ddifference)).reshape(
                    w.shape
                ),
            ),
            mistake(
                "divided-by-student-entries",
                "The sum is divided by B L D, the student's entries, instead of B L F.",
                "The difference has the teacher's width: divide by its own size.",
                n=lambda student: student.size,
            ),
            mistake(
                "mean-over-sequences",
                "The sum is divided by B, the number of sequences, only.",
                "The mean is over all entries: divide by B L F.",
                n=lambda teacher: len(teacher),
            ),
            *_FORWARD,
            mistake(
                "gradient-projection-fixed",
                "dw is zero, as if W were not trained.",
                "The projection is learned with the student, and thrown away after it.",
                dw=lambda w: np.zeros_like(w),
            ),
            *_GRADIENT,
        ),
    ),
    Steps(
        op="uniform_map",
        formula="layer-map",
        signature="n_student, n_teacher -> layers (M)",
        calls=_map_calls,
        steps=(
            Step("m", "(1)", lambda n_student: np.arange(1, n_student + 1)),
            Step("place", "(1)", lambda m, n_student, n_teacher: m * n_teacher / n_student),
            Step("layers", "(2)", lambda place: np.floor(place).astype(np.int64)),
        ),
        mistakes=(
            mistake(
                "counted-from-0",
                "The layers are counted from 0: the map is one too low everywhere.",
                "Layer 0 is the embedding output; Transformer layers count from 1.",
                layers=lambda place: np.floor(place).astype(np.int64) - 1,
            ),
            mistake(
                "step-rounded",
                "N / M is rounded down first, and then multiplied by m.",
                "m N // M, in this order: only then the last layer learns from the last.",
                place=lambda m, n_student, n_teacher: m * (n_teacher // n_student),
            ),
            mistake(
                "top",
                "The student learns from the teacher's last layers: m + N - M.",
                "That is the top map; the uniform one spreads over all layers.",
                place=lambda m, n_student, n_teacher: m + n_teacher - n_student,
            ),
            mistake(
                "bottom",
                "The student learns from the teacher's first layers: g(m) = m.",
                "That is the bottom map; the uniform one spreads over all layers.",
                place=lambda m: m,
            ),
            mistake(
                "rounded",
                "m N / M is rounded to the nearest layer.",
                "Round down: floor(m N / M).",
                layers=lambda place: np.rint(place).astype(np.int64),
            ),
            mistake(
                "rounded-up",
                "m N / M is rounded up.",
                "Round down: floor(m N / M).",
                layers=lambda place: np.ceil(place).astype(np.int64),
            ),
            mistake(
                "first-of-block",
                "Each layer learns from the first of its block: 1, 4, 7, 10 for 4 of 12.",
                "It learns from the last of its block: 3, 6, 9, 12.",
                place=lambda m, n_student, n_teacher: (m - 1) * n_teacher / n_student + 1,
            ),
            mistake(
                "ends-matched",
                "The layers are spread from 1 to N, the first learning from the first.",
                "The embeddings are layer 0 and learn from 0; from there the steps are N / M.",
                layers=lambda n_student, n_teacher: np.floor(
                    np.linspace(1, n_teacher, n_student)
                ).astype(np.int64),
            ),
            mistake(
                "with-embeddings",
                "The map starts with g(0) = 0, and has one entry too many.",
                "The embeddings have a loss of their own; the map is of the M layers.",
                m=lambda n_student: np.arange(n_student + 1),
            ),
        ),
    ),
)
