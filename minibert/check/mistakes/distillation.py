"""TinyBERT's loss of hidden states, for one layer, and its layer map.

The numbers of the loss are those of `minibert.distill.losses`, (2) and (2'). The map's are (1) the
place m N / M and (2) the layer.
"""

import numpy as np

from minibert.check.cases.inputs import hidden, weight
from minibert.check.mistakes.attention_losses import FORWARD, GRADIENT, SQUARES
from minibert.check.mistakes.notation import rows
from minibert.check.mistakes.steps import Call, Step, Steps, mistake


def _inputs_hidden(rng, z):
    student, teacher = hidden(rng, z.B, z.L, z.D), hidden(rng, z.B, z.L, z.F)
    return {"student": student, "teacher": teacher, "w": weight(rng, z.F, z.D)}


def _map_calls(rng):
    """Teachers that the student's depth divides, and others; no m N / M lies half-way."""
    depths = (1, 1), (1, 12), (4, 12), (6, 12), (3, 7), (3, 8), (5, 5), (5, 12), (7, 12)
    return [Call(f"{M} of {N}", {"n_student": M, "n_teacher": N}) for M, N in depths]


FORMULAS = (
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
            *(step._replace(number=step.number.replace("1", "2")) for step in SQUARES),
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
            mistake(
                "tokens-summed",
                "The squares are averaged over the features, and summed over the tokens.",
                "The mean is over all entries: divide by B L F, not by F.",
                n=lambda teacher: teacher.shape[-1],
            ),
            *FORWARD,
            mistake(
                "gradient-projection-fixed",
                "dw is zero, as if W were not trained.",
                "The projection is learned with the student, and thrown away after it.",
                dw=lambda w: np.zeros_like(w),
            ),
            *GRADIENT,
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
                "from-0",
                "m counts from 0: the first layer learns from 0, the last not from the last.",
                "m goes from 1 to M; layer 0 is the embedding output.",
                m=lambda n_student: np.arange(n_student),
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
                layers=lambda place: np.floor(place).astype(np.int64),
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
