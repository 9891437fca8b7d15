"""TinyBERT's loss of attention scores, for one layer: as the paper has it, and the released code.

The numbers are those of `minibert.distill.losses`: (1) the mean of squares, (4) what the released
code does to the scores first.
"""

import numpy as np

from minibert.check.cases.inputs import keep_tokens
from minibert.check.mistakes.notation import softmax, softmax_gradient
from minibert.check.mistakes.steps import Step, Steps, mistake

PADDED = -10000.0
LOWEST = -100.0


def _inputs(rng, z):
    shape = (z.B, z.H, z.L, z.L)
    return {name: 2 * rng.standard_normal(shape) for name in ("student", "teacher")}


def _inputs_padded(rng, z):
    return _inputs(rng, z) | {"keep": keep_tokens(rng, z.B, z.L)}


def _inputs_low(rng, z):
    """Real scores below -100 on the student's side, on the teacher's, and on both; -100 itself."""
    inputs = _inputs_padded(rng, z)
    inputs["student"][:, 1, :2, 0] = -130.0, -250.0
    inputs["teacher"][:, 1, 1:4, 0] = -170.0, -101.0, LOWEST
    return inputs


def _low_as_0(scores):
    return np.where(scores <= LOWEST, 0.0, scores)


def _left(masked_s, masked_t):
    """Where neither side's score is put to 0."""
    return (masked_s > LOWEST) & (masked_t > LOWEST)


def _keys(keep):
    return keep[:, None, None, :]


def _queries(keep):
    return keep[:, None, :, None]


# A mean of n squares. Where n is an array, every square has its own.
SQUARES = (
    Step("loss", "(1)", lambda difference, n: (difference**2 / n).sum()),
    Step("ddifference", "(1')", lambda difference, n, dloss: 2 * difference * dloss / n),
)

FORWARD = (
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
    mistake(
        "absolute",
        "The differences' sizes are averaged, not their squares.",
        "That is the mean absolute error, whose gradient knows the sign alone.",
        loss=lambda difference, n: (np.abs(difference) / n).sum(),
        ddifference=lambda difference, n, dloss: np.sign(difference) * dloss / n,
    ),
)

GRADIENT = (
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
            *SQUARES,
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
                "divided-by-heads-alone",
                "The sum of all squares is divided by H only.",
                "Equation 7 has 1/h before a mean over the entries: divide by B H L^2.",
                n=lambda student: student.shape[1],
            ),
            mistake(
                "heads-averaged-first",
                "The heads' scores are averaged, and the averages are compared.",
                "Each head of the student learns from the same head of the teacher.",
                difference=lambda student, teacher: (student - teacher).mean(1, keepdims=True),
                n=lambda student: student.size // student.shape[1],
                dstudent=lambda ddifference, student: ddifference / student.shape[1] + 0 * student,
            ),
            *FORWARD,
            *GRADIENT,
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
            *SQUARES,
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
                "padded-queries-in-the-sum",
                "Padded queries are added, though the mean does not count them: keys are masked.",
                "Leave out of the sum what the divisor leaves out: both query and key are real.",
                pairs=lambda keep: _queries(keep) & _keys(keep),
                difference=lambda student, teacher, keep: (student - teacher) * _keys(keep),
                n=lambda student, pairs: student.shape[1] * pairs.sum(),
            ),
            mistake(
                "padded-keys-in-the-sum",
                "Padded keys are added, though the mean does not count them: queries are masked.",
                "Leave out of the sum what the divisor leaves out: both query and key are real.",
                pairs=lambda keep: _queries(keep) & _keys(keep),
                difference=lambda student, teacher, keep: (student - teacher) * _queries(keep),
                n=lambda student, pairs: student.shape[1] * pairs.sum(),
            ),
            mistake(
                "padding-in-the-sum",
                "Pairs with padding are added, or get a gradient, though they are not counted.",
                "What the mean does not count is 0 in the sum, and in the gradient.",
                difference=lambda student, teacher: student - teacher,
                n=lambda student, pairs: student.shape[1] * pairs.sum(),
            ),
            mistake(
                "padded-queries-counted",
                "The sum leaves all padding out, but is divided by the entries of real keys.",
                "Divide by what was added up: H times the sum of the squared lengths.",
                n=lambda student, keep: student.shape[1] * student.shape[2] * keep.sum(),
                ddifference=lambda difference, n, dloss: 2 * difference * dloss / n,
            ),
            mistake(
                "or-for-and",
                "A pair counts where the query or the key is there.",
                "Both have to be: & instead of |, or a product instead of a sum.",
                pairs=lambda keep: _queries(keep) | _keys(keep),
            ),
            mistake(
                "only-student-masked",
                "Only the student's padding is put to 0: the teacher's is compared with that.",
                "Mask the difference, or both sides.",
                loss=lambda student, teacher, pairs, n: (
                    (student * pairs - teacher) ** 2 / n
                ).sum(),
            ),
            mistake(
                "only-teacher-masked",
                "Only the teacher's padding is put to 0: the student's is compared with that.",
                "Mask the difference, or both sides.",
                difference=lambda student, teacher, pairs: student - teacher * pairs,
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
            *FORWARD,
            *GRADIENT,
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
            *SQUARES,
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
                "mask-on-student-alone",
                "-10000 is added to the student's scores only.",
                "Both sides' scores come after the mask.",
                loss=lambda cleaned_s, teacher, n: (
                    (cleaned_s - _low_as_0(teacher)) ** 2 / n
                ).sum(),
            ),
            mistake(
                "mask-on-teacher-alone",
                "-10000 is added to the teacher's scores only.",
                "Both sides' scores come after the mask.",
                masked_s=lambda student: student,
                masked_t=lambda teacher, bias: teacher + bias,
                loss=lambda difference, n: (difference**2 / n).sum(),
            ),
            mistake(
                "queries-masked",
                "-10000 is added at padded queries instead of padded keys.",
                "The mask hides keys, columns of the scores: keep[:, None, None, :].",
                bias=lambda keep: np.where(_queries(keep), 0.0, PADDED),
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
                "both-by-teacher",
                "Where the teacher's score is low, both sides are put to 0; the student's stay.",
                "Each side is put to 0 by its own scores.",
                cleaned_s=lambda masked_s, masked_t: np.where(masked_t <= LOWEST, 0.0, masked_s),
                real=lambda masked_t: masked_t > LOWEST,
            ),
            mistake(
                "both-by-either",
                "Where either side's score is low, both sides are put to 0.",
                "Each side is put to 0 by its own scores.",
                cleaned_s=lambda masked_s, masked_t: masked_s * _left(masked_s, masked_t),
                cleaned_t=lambda masked_s, masked_t: masked_t * _left(masked_s, masked_t),
                real=lambda masked_s, masked_t: _left(masked_s, masked_t),
            ),
            mistake(
                "below-alone",
                "A score of exactly -100 stays: < instead of <=.",
                "The released code takes torch.where(score <= -1e2, 0, score).",
                cleaned_s=lambda masked_s: np.where(masked_s < LOWEST, 0.0, masked_s),
                cleaned_t=lambda masked_t: np.where(masked_t < LOWEST, 0.0, masked_t),
                real=lambda masked_s: masked_s >= LOWEST,
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
            mistake(
                "divided-by-left",
                "The sum is divided by the entries that were put to 0 on neither side.",
                "The released code takes the mean of the whole array, zeros and all.",
                n=lambda masked_s, masked_t: _left(masked_s, masked_t).sum(),
            ),
            mistake(
                "divided-by-student-left",
                "The sum is divided by the student's scores that were not put to 0.",
                "The released code takes the mean of the whole array, zeros and all.",
                n=lambda masked_s: (masked_s > LOWEST).sum(),
            ),
            mistake(
                "divided-by-differences",
                "The sum is divided by the entries that were not put to 0 on both sides.",
                "The released code takes the mean of the whole array, zeros and all.",
                n=lambda masked_s, masked_t: ((masked_s > LOWEST) | (masked_t > LOWEST)).sum(),
            ),
            mistake(
                "divided-by-pairs",
                "The sum is divided by the pairs of a real query and a real key.",
                "The released code takes the mean of the whole array, zeros and all.",
                n=lambda student, keep: student.shape[1] * (_queries(keep) & _keys(keep)).sum(),
            ),
            mistake(
                "heads-summed",
                "The heads are added up instead of averaged.",
                "The mean is over all entries: divide by B H L^2.",
                n=lambda student: student.size // student.shape[1],
            ),
            *FORWARD,
            mistake(
                "gradient-of-cleaned-scores",
                "The student's low real scores get a gradient, though they were put to 0.",
                "A constant has no slope: the gradient is 0 where the score is at most -100.",
                real=lambda student: np.ones_like(student, bool),
            ),
            *GRADIENT,
        ),
    ),
)
