"""Losses to a teacher's probabilities: TinyBERT's soft cross-entropy, and Hinton's divergence.

The numbers of the first are those of `minibert.ops.cross_entropy`, (2) and (2'), of the second
those of `minibert.ops.kl`, (1) and (1'). The paper divides the first by the rows, n = B, and the
code that its authors released by all entries, n = B C: what is right of one is wrong of the other.
"""

import numpy as np

from minibert.check.mistakes.notation import log_softmax, onehot, softmax, softmax_gradient, total
from minibert.check.mistakes.steps import Step, Steps, mistake


def _inputs(rng, z):
    student, teacher = (2 * rng.standard_normal((z.B, z.C)) for _ in "st")
    return {"student": student, "teacher": teacher, "tau": 2.5}


_SOFT = (
    Step("z_s", "(2)", lambda student, tau: student / tau),
    Step("z_t", "(2)", lambda teacher, tau: teacher / tau),
    Step("p_t", "(2)", lambda z_t: softmax(z_t)),
    Step("logp_s", "(2)", lambda z_s: log_softmax(z_s)),
    Step("loss", "(2)", lambda p_t, logp_s, n: -(p_t * logp_s).sum() / n),
    Step("p_s", "(2')", lambda logp_s: np.exp(logp_s)),
    Step("d", "(2')", lambda p_s, p_t: p_s - p_t),
    Step("dz_s", "(2')", lambda d, n, dloss: d * dloss / n),
    Step("dstudent", "(2')", lambda dz_s, tau: dz_s / tau),
)

# Where two mistakes together would be a third, one of them lists a step that it leaves right.
_TEMPERATURE = (
    mistake(
        "temperature-on-student-alone",
        "Only the student's logits are divided by tau.",
        "The two are compared at one temperature: divide the teacher's logits, too.",
        z_t=lambda teacher: teacher,
    ),
    mistake(
        "temperature-on-teacher-alone",
        "Only the teacher's logits are divided by tau.",
        "The two are compared at one temperature: divide the student's logits, too.",
        z_s=lambda student: student,
        z_t=lambda teacher, tau: teacher / tau,
        dstudent=lambda dz_s: dz_s,
    ),
    mistake(
        "temperature-forgotten",
        "The logits are not divided by tau, on neither side.",
        "Both logits are divided by tau before the softmax.",
        z_s=lambda student: student,
        z_t=lambda teacher: teacher,
        dstudent=lambda dz_s: dz_s,
    ),
    mistake(
        "temperature-multiplied",
        "The logits are multiplied by tau instead of divided by it.",
        "A high temperature makes the softmax flatter: divide.",
        z_s=lambda student, tau: student * tau,
        z_t=lambda teacher, tau: teacher * tau,
        dstudent=lambda dz_s, tau: dz_s * tau,
    ),
)

_OTHER_AXES = (
    mistake(
        "softmax-over-rows",
        "Both softmaxes run over the rows of the batch (axis 0), not over the classes.",
        "Examples do not compete with one another; classes do: axis -1.",
        logp_s=lambda z_s: log_softmax(z_s, 0),
        p_t=lambda z_t: softmax(z_t, 0),
    ),
    mistake(
        "softmax-over-everything",
        "Both softmaxes have one sum for the whole array, of rows and classes together.",
        "Each row's probabilities sum to 1: axis=-1, with keepdims=True.",
        logp_s=lambda z_s: log_softmax(z_s.ravel()).reshape(z_s.shape),
        p_t=lambda z_t: softmax(z_t.ravel()).reshape(z_t.shape),
    ),
)

_DIVIDED_BY_CLASSES = mistake(
    "divided-by-classes",
    "The sum is divided by C, the number of classes.",
    "shape[0] is the number of rows, shape[-1] that of the classes.",
    n=lambda student: student.shape[-1],
)

_SUMMED = mistake(
    "summed",
    "The terms are added up, and not divided by their number.",
    "The loss is a mean: only then a learning rate goes with every batch size.",
    n=lambda: 1,
)

_TEACHER_NOT_SUBTRACTED = mistake(
    "gradient-teacher-not-subtracted",
    "The teacher's probabilities are not subtracted from the student's.",
    "Where both agree the gradient is 0: it is made of p_s - p_t.",
    d=lambda p_s: p_s,
)

_GRADIENT_WITHOUT_TEMPERATURE = mistake(
    "gradient-probabilities-without-temperature",
    "The gradient's probabilities are of logits that are not divided by tau.",
    "They are those of the forward, whose logits were divided by tau.",
    d=lambda student, teacher: softmax(student) - softmax(teacher),
    dstudent=lambda dz_s, tau: dz_s / tau,
)

_GRADIENT_SOFTMAX_AGAIN = mistake(
    "gradient-softmax-again",
    "p_s - p_t is sent through the softmax's derivative once more.",
    "It is the gradient of the logits already: the softmax's derivative is in it.",
    d=lambda p_s, p_t: softmax_gradient(p_s - p_t, p_s),
)

_SOFT_FORWARD = (
    *_TEMPERATURE,
    mistake(
        "times-tau-squared",
        "The loss has Hinton's factor tau^2.",
        "TinyBERT's prediction loss has none; it belongs to the loss called kl here.",
        loss=lambda p_t, logp_s, n, tau: -(p_t * logp_s).sum() / n * tau**2,
        dz_s=lambda d, n, tau, dloss: d * dloss / n * tau**2,
    ),
    mistake(
        "roles-exchanged",
        "Student and teacher are exchanged: -sum p_s log p_t.",
        "The teacher's probabilities are the target, the student's get the logarithm.",
        loss=lambda z_s, z_t, n: -(softmax(z_s) * log_softmax(z_t)).sum() / n,
        d=lambda p_s, z_t: softmax_gradient(-log_softmax(z_t), p_s),
    ),
    mistake(
        "teacher-without-softmax",
        "The teacher's logits weigh log p_s, without a softmax.",
        "A target is a distribution: positive, and with the sum 1.",
        p_t=lambda z_t: z_t,
        d=lambda p_s, p_t: total(p_t) * p_s - p_t,
    ),
    mistake(
        "student-without-softmax",
        "The student's logits are taken for log p_s, without a softmax.",
        "Raising every logit would lower such a loss without end: subtract log sum exp.",
        logp_s=lambda z_s: z_s,
        d=lambda p_t: -p_t,
    ),
    mistake(
        "student-without-logarithm",
        "The student's probabilities are taken where their logarithm belongs.",
        "A cross-entropy is -sum p_t log p_s: log_softmax for the student.",
        loss=lambda p_t, p_s, n: -(p_t * p_s).sum() / n,
        d=lambda p_t, p_s: softmax_gradient(-p_t, p_s),
    ),
    mistake(
        "logarithm-of-sum",
        "The logarithm is taken of each row's sum of p_t p_s.",
        "The logarithm stands within the sum: -sum p_t log p_s.",
        loss=lambda p_t, p_s, n: -np.log(total(p_t * p_s)).sum() / n,
        d=lambda p_t, p_s: softmax_gradient(-p_t / total(p_t * p_s), p_s),
    ),
    mistake(
        "divergence",
        "The teacher's entropy is subtracted: that is the divergence KL(teacher || student).",
        "The gradient is the same, since the teacher is fixed, but the number is not.",
        loss=lambda p_t, logp_s, z_t, n: (p_t * (log_softmax(z_t) - logp_s)).sum() / n,
    ),
    mistake(
        "teacher-as-label",
        "Of the teacher only its most likely class is used, as a hard label.",
        "What the teacher thinks of the other classes is what there is to learn.",
        p_t=lambda z_t: onehot(z_t.argmax(-1), z_t.shape[-1]),
    ),
    mistake(
        "sign-missing",
        "The minus before the sum is missing, or the gradient is p_t - p_s.",
        "log p is at most 0 and has to grow; what is minimized is its negative.",
        loss=lambda p_t, logp_s, n: (p_t * logp_s).sum() / n,
        d=lambda p_s, p_t: p_t - p_s,
    ),
    *_OTHER_AXES,
    _DIVIDED_BY_CLASSES,
    _SUMMED,
)

_SOFT_GRADIENT = (
    mistake(
        "gradient-temperature-forgotten",
        "The gradient is not divided by tau.",
        "The logits were divided by tau on the way in, and so is their gradient.",
        dstudent=lambda dz_s: dz_s,
    ),
    _TEACHER_NOT_SUBTRACTED,
    _GRADIENT_SOFTMAX_AGAIN,
    _GRADIENT_WITHOUT_TEMPERATURE,
    mistake(
        "gradient-of-probabilities",
        "The gradient is that of the probabilities, -p_t / p_s, not of the logits.",
        "Send it through the softmax's derivative; what comes out is p_s - p_t.",
        d=lambda p_s, p_t: -p_t / p_s,
    ),
    mistake(
        "gradient-upstream-forgotten",
        "The gradient is not multiplied by dloss.",
        "The loss may be one part of a sum with weights; its gradient carries the weight.",
        dz_s=lambda d, n: d / n,
    ),
)

FORMULAS = (
    Steps(
        op="soft_cross_entropy",
        formula="soft-cross-entropy",
        signature="student (B,C), teacher (B,C), tau -> loss ()",
        gradient="dstudent",
        make=_inputs,
        steps=(Step("n", "(2)", lambda student: len(student)), *_SOFT),
        mistakes=(
            mistake(
                "mean-over-classes",
                "The mean is over rows and classes, as in the code the authors released.",
                "The paper's loss sums over the classes: divide by the B rows only.",
                n=lambda student: student.size,
            ),
            *_SOFT_FORWARD,
            *_SOFT_GRADIENT,
        ),
    ),
    Steps(
        op="soft_cross_entropy_repo",
        formula="soft-cross-entropy",
        signature="student (B,C), teacher (B,C), tau -> loss ()",
        gradient="dstudent",
        make=_inputs,
        steps=(Step("n", "(2)", lambda student: student.size), *_SOFT),
        mistakes=(
            mistake(
                "mean-over-rows",
                "The mean is over the rows alone, as in the paper.",
                "The released code takes .mean() of all entries: divide by B C.",
                n=lambda student: len(student),
            ),
            *_SOFT_FORWARD,
            *_SOFT_GRADIENT,
        ),
    ),
    Steps(
        op="kl",
        formula="kl",
        signature="student (B,C), teacher (B,C), tau -> loss ()",
        gradient="dstudent",
        make=_inputs,
        steps=(
            Step("z_s", "(1)", lambda student, tau: student / tau),
            Step("z_t", "(1)", lambda teacher, tau: teacher / tau),
            Step("logp_s", "(1)", lambda z_s: log_softmax(z_s)),
            Step("logp_t", "(1)", lambda z_t: log_softmax(z_t)),
            Step("p_t", "(1)", lambda logp_t: np.exp(logp_t)),
            Step("n", "(1)", lambda student: len(student)),
            Step("divergence", "(1)", lambda p_t, logp_t, logp_s: (p_t * (logp_t - logp_s)).sum()),
            Step("factor", "(1)", lambda tau: tau**2),
            Step("loss", "(1)", lambda factor, divergence, n: factor * divergence / n),
            Step("p_s", "(1')", lambda logp_s: np.exp(logp_s)),
            Step("d", "(1')", lambda p_s, p_t: p_s - p_t),
            Step("dz_s", "(1')", lambda d, factor, n, dloss: d * factor * dloss / n),
            Step("dstudent", "(1')", lambda dz_s, tau: dz_s / tau),
        ),
        mistakes=(
            mistake(
                "no-tau-squared",
                "The factor tau^2 is missing.",
                "Without it the gradient shrinks with 1/tau^2 where the temperature is high.",
                factor=lambda: 1.0,
                dstudent=lambda dz_s, tau: dz_s / tau,
            ),
            mistake(
                "mean-over-classes",
                "The mean is over rows and classes, B C numbers, instead of the B rows.",
                "A divergence sums over the classes; PyTorch calls that batchmean.",
                n=lambda student: student.size,
            ),
            mistake(
                "reversed",
                "The divergence is the other way round: KL(student || teacher).",
                "The teacher's probabilities weigh, so that the student covers all it can do.",
                divergence=lambda logp_s, logp_t: (np.exp(logp_s) * (logp_s - logp_t)).sum(),
                d=lambda p_s, logp_s, logp_t: softmax_gradient(logp_s - logp_t, p_s),
            ),
            mistake(
                "tau-not-squared",
                "The factor is tau instead of tau^2.",
                "The gradient loses 1/tau in the softmax's slope and 1/tau in the chain rule.",
                factor=lambda tau: tau,
                dstudent=lambda dz_s, tau: dz_s / tau,
            ),
            *_TEMPERATURE,
            mistake(
                "student-without-logarithm",
                "The student's probabilities are taken where their logarithm belongs.",
                "The terms are p_t (log p_t - log p_s); PyTorch's kl_div wants log p_s.",
                divergence=lambda p_t, logp_t, p_s: (p_t * (logp_t - p_s)).sum(),
                d=lambda p_t, p_s: softmax_gradient(-p_t, p_s),
            ),
            mistake(
                "cross-entropy",
                "The teacher's entropy is missing: the loss is -sum p_t log p_s.",
                "A divergence is 0 where both agree: subtract the teacher's entropy.",
                divergence=lambda p_t, logp_s: -(p_t * logp_s).sum(),
            ),
            mistake(
                "without-log-softmax",
                "Logits are compared, p_t (z_t - z_s), without the logarithms of their softmax.",
                "Both logarithms are log_softmax: subtract log sum exp on either side.",
                divergence=lambda p_t, z_t, z_s: (p_t * (z_t - z_s)).sum(),
                d=lambda p_t: -p_t,
            ),
            mistake(
                "bracket-forgotten",
                "Only log p_t is multiplied by p_t: p_t log p_t - log p_s.",
                "The teacher's probability weighs the whole difference: p_t (log p_t - log p_s).",
                divergence=lambda p_t, logp_t, logp_s: (p_t * logp_t - logp_s).sum(),
                d=lambda p_s: p_s.shape[-1] * p_s - 1,
            ),
            *(m._replace(steps=m.steps | {"logp_t": lambda p_t: np.log(p_t)}) for m in _OTHER_AXES),
            _DIVIDED_BY_CLASSES,
            _SUMMED,
            mistake(
                "sign-exchanged",
                "The difference is log p_s - log p_t, or the gradient is made of p_t - p_s.",
                "A divergence is never negative; the teacher's logarithm comes first.",
                divergence=lambda p_t, logp_t, logp_s: (p_t * (logp_s - logp_t)).sum(),
                d=lambda p_s, p_t: p_t - p_s,
            ),
            mistake(
                "both-ways",
                "The divergences of both directions are averaged.",
                "Only KL(teacher || student) is meant, whose gradient is p_s - p_t.",
                divergence=lambda p_t, logp_t, logp_s: (
                    ((p_t - np.exp(logp_s)) * (logp_t - logp_s)).sum() / 2
                ),
                d=lambda p_s, p_t, logp_s, logp_t: (
                    (p_s - p_t + softmax_gradient(logp_s - logp_t, p_s)) / 2
                ),
            ),
            mistake(
                "gradient-temperature-forgotten",
                "The gradient has tau^2 instead of tau: the chain rule's 1/tau is missing.",
                "The logits were divided by tau on the way in, and so is their gradient.",
                dstudent=lambda dz_s: dz_s,
            ),
            _TEACHER_NOT_SUBTRACTED,
            _GRADIENT_SOFTMAX_AGAIN,
            _GRADIENT_WITHOUT_TEMPERATURE,
            mistake(
                "gradient-upstream-forgotten",
                "The gradient is not multiplied by dloss.",
                "The loss may be one part of a sum with weights; its gradient carries the weight.",
                dz_s=lambda d, factor, n: d * factor / n,
            ),
        ),
    ),
)
