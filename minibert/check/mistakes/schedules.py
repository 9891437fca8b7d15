"""Learning-rate schedules with warm-up, and what goes wrong at their edges.

The numbers are those of `minibert.train.schedules`: (1) the warm-up, (3) the straight line, (4)
half a cosine wave; (5) and (6) are BertAdam's, whose warm-up is a fraction.
"""

import math

from minibert.check.mistakes.steps import Call, Step, Steps, mistake

LENGTHS = ((10, 3), (17, 5), (6, 0))  # total_steps and warmup_steps
FRACTIONS = ((10, 0.25), (17, 0.3), (6, 0.0))  # of which 2.5 and 5.1 steps are warm-up


def _calls(name, lengths):
    """From the first step to two past the last; the middle of the longest is left out."""

    def calls(rng):
        return [
            Call(
                f"step {step} of {total}, warm-up {warmup}",
                {"step": step, "total_steps": total, name: warmup},
            )
            for total, warmup in lengths
            for step in (*range(min(total - 1, 9)), total - 1, total, total + 2)
        ]

    return calls


WARM_UP = (
    Step("done", "(1)", lambda step: step),
    Step("warming", "(1)", lambda done, warmup_steps: done < warmup_steps),
    Step("rise", "(1)", lambda done, warmup_steps: done / max(1, warmup_steps)),
)

COUNTED_FROM_ONE = mistake(
    "counted-from-one",
    "The first update is step 1: every step is one too high.",
    "Count the updates that are done: the first one asks for step 0.",
    done=lambda step: step + 1,
)

WARM_UP_MISTAKES = (
    mistake(
        "warm-up-ahead",
        "The warm-up is (step + 1) / warmup_steps, one step ahead.",
        "It starts at 0, and is 1 when warmup_steps updates are done: step / warmup_steps.",
        rise=lambda done, warmup_steps: (done + 1) / max(1, warmup_steps),
    ),
    mistake(
        "warm-up-too-long",
        "The warm-up is divided by warmup_steps + 1.",
        "It is 1 when warmup_steps updates are done: step / warmup_steps.",
        rise=lambda done, warmup_steps: done / (warmup_steps + 1),
    ),
    mistake(
        "warm-up-never-at-0",
        "The warm-up is (step + 1) / (warmup_steps + 1).",
        "It starts at 0, and is 1 when warmup_steps updates are done: step / warmup_steps.",
        rise=lambda done, warmup_steps: (done + 1) / (warmup_steps + 1),
    ),
    mistake(
        "warm-up-as-fraction",
        "warmup_steps is taken for a fraction of the steps, and multiplied by total_steps.",
        "It is a number of steps already; only BertAdam's warm-up is a fraction.",
        warming=lambda done, total_steps, warmup_steps: done < warmup_steps * total_steps,
        rise=lambda done, total_steps, warmup_steps: done / max(1, warmup_steps * total_steps),
    ),
)

FORMULAS = (
    Steps(
        op="linear_schedule",
        formula="schedule",
        signature="step, total_steps, warmup_steps -> factor",
        calls=_calls("warmup_steps", LENGTHS),
        steps=(
            *WARM_UP,
            Step("left", "(3)", lambda done, total_steps: total_steps - done),
            Step("length", "(3)", lambda total_steps, warmup_steps: total_steps - warmup_steps),
            Step("fall", "(3)", lambda left, length: max(0.0, left / length)),
            Step("factor", "(3)", lambda warming, rise, fall: rise if warming else fall),
        ),
        mistakes=(
            COUNTED_FROM_ONE,
            mistake(
                "falls-from-the-start",
                "After the warm-up the line is that of a run without one, and the factor jumps.",
                "It falls from 1 where the warm-up ends: divide by total_steps - warmup_steps.",
                length=lambda total_steps: total_steps,
            ),
            mistake(
                "no-warm-up",
                "There is no warm-up: the line falls from 1 at step 0.",
                "The first warmup_steps steps rise from 0 to 1.",
                warming=lambda: False,
                length=lambda total_steps: total_steps,
            ),
            mistake(
                "below-zero",
                "The factor is negative after total_steps.",
                "Hold it at 0: a negative rate goes uphill.",
                fall=lambda left, length: left / length,
            ),
            mistake(
                "ends-too-late",
                "After the warm-up the line falls over total_steps steps, and ends too late.",
                "What is left after the warm-up are total_steps - warmup_steps.",
                left=lambda done, total_steps, warmup_steps: total_steps - (done - warmup_steps),
                length=lambda total_steps: total_steps,
            ),
            mistake(
                "warm-up-times-fall",
                "The warm-up is multiplied with a line that falls from step 0.",
                "Take one or the other: the line begins where the warm-up ends.",
                length=lambda total_steps: total_steps,
                factor=lambda warming, rise, fall: rise * fall if warming else fall,
            ),
            *WARM_UP_MISTAKES,
            mistake(
                "ends-too-early",
                "The line is 0 at the last step, total_steps - 1.",
                "It is 0 when total_steps updates are done; the last one still has a rate.",
                left=lambda done, total_steps: total_steps - 1 - done,
                length=lambda total_steps, warmup_steps: total_steps - 1 - warmup_steps,
            ),
        ),
    ),
    Steps(
        op="cosine_schedule",
        formula="schedule",
        signature="step, total_steps, warmup_steps -> factor",
        calls=_calls("warmup_steps", LENGTHS),
        steps=(
            *WARM_UP,
            Step("after", "(4)", lambda done, warmup_steps: done - warmup_steps),
            Step("length", "(4)", lambda total_steps, warmup_steps: total_steps - warmup_steps),
            Step("r", "(4)", lambda after, length: min(1.0, after / length)),
            Step("angle", "(4)", lambda r: math.pi * r),
            Step("fall", "(4)", lambda angle: (1 + math.cos(angle)) / 2),
            Step("factor", "(4)", lambda warming, rise, fall: rise if warming else fall),
        ),
        mistakes=(
            COUNTED_FROM_ONE,
            mistake(
                "warm-up-forgotten-in-r",
                "r is step / total_steps, as without a warm-up, so that the factor jumps.",
                "The wave starts where the warm-up ends: take warmup_steps off both.",
                after=lambda done: done,
                length=lambda total_steps: total_steps,
            ),
            mistake(
                "rises-again",
                "After total_steps the cosine rises again.",
                "Hold r at 1, and the factor stays at 0.",
                r=lambda after, length: after / length,
            ),
            mistake(
                "no-warm-up",
                "There is no warm-up: the cosine starts at step 0.",
                "The first warmup_steps steps rise from 0 to 1.",
                warming=lambda: False,
                after=lambda done: done,
                length=lambda total_steps: total_steps,
            ),
            mistake(
                "not-halved",
                "The factor is 1 + cos(pi r), from 2 down to 0.",
                "Half of it starts at 1.",
                fall=lambda angle: 1 + math.cos(angle),
            ),
            mistake(
                "no-pi",
                "The cosine is of r, without pi.",
                "Half a wave is pi long; cos(1) is .54, and the factor never gets to 0.",
                angle=lambda r: r,
            ),
            mistake(
                "plain-cosine",
                "The factor is cos(pi r), which is negative in the second half.",
                "Lift and halve it: (1 + cos(pi r)) / 2.",
                fall=lambda angle: math.cos(angle),
            ),
            mistake(
                "quarter-wave",
                "The factor is cos(pi r / 2), a quarter of a wave.",
                "Half a wave, lifted and halved, is flat at both ends.",
                angle=lambda r: math.pi * r,
                fall=lambda angle: math.cos(angle / 2),
            ),
            mistake(
                "whole-wave",
                "The angle is 2 pi r: the factor is 0 half-way, and 1 at the end.",
                "Half a wave goes from 1 to 0: pi r.",
                angle=lambda r: 2 * math.pi * r,
            ),
            *WARM_UP_MISTAKES,
            mistake(
                "ends-too-early",
                "The factor is 0 at the last step, total_steps - 1.",
                "It is 0 when total_steps updates are done; the last one still has a rate.",
                length=lambda total_steps, warmup_steps: total_steps - 1 - warmup_steps,
            ),
            mistake(
                "only-cosine-halved",
                "The factor is 1 + cos(pi r) / 2: only the cosine is halved.",
                "The sum is halved: (1 + cos(pi r)) / 2.",
                fall=lambda angle: 1 + math.cos(angle) / 2,
            ),
            mistake(
                "rises",
                "The factor is (1 - cos(pi r)) / 2, which rises after the warm-up.",
                "cos(0) is 1: with a plus it starts at 1, and falls.",
                fall=lambda angle: (1 - math.cos(angle)) / 2,
            ),
            mistake(
                "in-degrees",
                "The angle is in degrees, 180 r.",
                "math.cos wants radians: pi r.",
                angle=lambda r: 180 * r,
            ),
        ),
    ),
    Steps(
        op="bert_schedule",
        formula="schedule",
        signature="step, total_steps, warmup -> factor",
        calls=_calls("warmup", FRACTIONS),
        steps=(
            Step("done", "(5)", lambda step: step),
            Step("x", "(5)", lambda done, total_steps: done / total_steps),
            Step("w", "(5)", lambda warmup: warmup),
            Step("rise", "(5)", lambda x, w: x / w if w else 0.0),
            Step("fall", "(6)", lambda x, w: (1 - x) / (1 - w)),
            Step("held", "(6)", lambda fall: max(0.0, fall)),
            Step("factor", "(6)", lambda x, w, rise, held: rise if x < w else held),
        ),
        mistakes=(
            mistake(
                "falls-from-the-start",
                "After the warm-up the factor is 1 - step / total_steps, and jumps.",
                "Divide by 1 - warmup, so that it falls from 1.",
                fall=lambda x: 1 - x,
            ),
            COUNTED_FROM_ONE,
            mistake(
                "warm-up-as-steps",
                "warmup is taken for a number of steps, and compared with the step.",
                "It is a fraction: compare it with x = step / total_steps.",
                w=lambda warmup, total_steps: warmup / total_steps,
            ),
            mistake(
                "below-zero",
                "The factor is negative after total_steps.",
                "Hold it at 0: a negative rate goes uphill.",
                held=lambda fall: fall,
            ),
            mistake(
                "no-warm-up",
                "There is no warm-up: the line falls from 1 at step 0.",
                "The first steps, a share of warmup, rise from 0 to 1.",
                w=lambda: 0.0,
            ),
            mistake(
                "warm-up-not-divided",
                "In the warm-up the factor is step / total_steps, and never gets to 1.",
                "Divide by warmup: x / warmup goes from 0 to 1.",
                rise=lambda x: x,
            ),
            mistake(
                "ends-too-late",
                "After the warm-up the factor is 1 - (x - warmup), and ends above 0.",
                "What is left after the warm-up is 1 - warmup: divide by it.",
                fall=lambda x, w: 1 - (x - w),
            ),
            mistake(
                "warm-up-ahead",
                "The warm-up is one step ahead: (step + 1) / total_steps / warmup.",
                "It starts at 0: x / warmup, with x = step / total_steps.",
                rise=lambda done, total_steps, w: (done + 1) / total_steps / w if w else 0.0,
            ),
            mistake(
                "ends-too-early",
                "x is step / (total_steps - 1), which is 1 at the last step.",
                "x is 1 when total_steps updates are done: step / total_steps.",
                x=lambda done, total_steps: done / (total_steps - 1),
            ),
            mistake(
                "warm-up-rounded",
                "The warm-up is cut to whole steps.",
                "BertAdam never counts them: warmup * total_steps need not be whole.",
                w=lambda warmup, total_steps: int(warmup * total_steps) / total_steps,
            ),
            mistake(
                "warm-up-of-steps",
                "The warm-up is step / warmup, a number of steps over a fraction.",
                "Take both as fractions: x / warmup, with x = step / total_steps.",
                rise=lambda done, w: done / w if w else 0.0,
            ),
        ),
    ),
)
