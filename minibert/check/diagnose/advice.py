"""What a function does at the edge of its range: advice, never a failure.

A formula may be right and still overflow: exp of a large score, the logarithm of a probability
that has become zero, a variance as the difference of two large numbers. Each trial here is one more
call, with inputs that a right and careful function survives; the reference does.
"""

from typing import NamedTuple

import numpy as np

from minibert.check.diagnose.observed import distance, is_real, named_arrays
from minibert.check.structure import cast, is_float

LOOSE = {"float64": 1e-6, "float32": 2e-3}


class Trial(NamedTuple):
    """Inputs at the edge.

    Attributes
    ----------
    name : str
    inputs : dict
    advice : str
        What to do about it where the function fails.
    exact : bool
        Whether what it is to be there is agreed on; else it is only to be finite.
    """

    name: str
    inputs: dict
    advice: str
    exact: bool = True


SUBTRACT = "subtract the largest score before exp, which changes nothing else"
LOGARITHM = "take log softmax as s - max - log(sum(exp(s - max))), never log of softmax"
TWO_PASSES = "compute the variance as mean((x - mean)^2), not as mean(x^2) - mean^2"
HIDDEN = "where a query sees nothing but padding, a finite bias keeps its row from becoming NaN"


def _scaled(name, factor):
    return lambda inputs: inputs | {name: factor * inputs[name]}


def _shifted_32(inputs):
    """float32 numbers around 300, spread by about 1."""
    return {k: np.float32(v + 300 * (k == "x")) for k, v in inputs.items()}


def _all_padding(inputs):
    return inputs | {"bias": np.full_like(inputs["bias"], np.finfo(np.float32).min / 2)}


TRIALS = {
    "softmax": [("scores around 1000", _scaled("x", 1000.0), SUBTRACT)],
    "log_softmax": [("scores around 1000", _scaled("x", 1000.0), LOGARITHM)],
    "attention": [
        ("scores around 1000", _scaled("q", 1000.0), SUBTRACT),
        ("a row of padding only", _all_padding, HIDDEN, False),
    ],
    "padded_softmax": [("scores around 1000", _scaled("scores", 1000.0), SUBTRACT)],
    "causal_softmax": [("scores around 1000", _scaled("scores", 1000.0), SUBTRACT)],
    "cross_entropy": [("logits around 1000", _scaled("logits", 1000.0), LOGARITHM)],
    "masked_cross_entropy": [("logits around 1000", _scaled("logits", 1000.0), LOGARITHM)],
    "smoothed_cross_entropy": [("logits around 1000", _scaled("logits", 1000.0), LOGARITHM)],
    "soft_cross_entropy": [("logits around 1000", _scaled("student", 1000.0), LOGARITHM)],
    "soft_cross_entropy_repo": [("logits around 1000", _scaled("student", 1000.0), LOGARITHM)],
    "kl": [("logits around 1000", _scaled("student", 1000.0), LOGARITHM)],
    "info_nce": [("similarities around 1000", _scaled("q", 1000.0), LOGARITHM)],
    "layernorm": [("float32 numbers around 300", _shifted_32, TWO_PASSES)],
    "gelu": [("inputs around 50", _scaled("x", 25.0), "the normal distribution is 0 or 1 there")],
    "gelu_tanh": [("inputs around 50", _scaled("x", 25.0), "tanh is -1 or 1 there")],
    "tanh": [("inputs around 500", _scaled("x", 250.0),
              "exp overflows there where tanh is -1 or 1: use np.tanh")],
}  # fmt: skip


def trials(steps, call):
    """The trials of an op, made of the inputs of a call.

    Parameters
    ----------
    steps : Steps
    call : Call

    Returns
    -------
    list of Trial
    """
    inputs = {name: call.inputs[name] for name, _ in steps.inputs}
    found = TRIALS.get(steps.op, ())
    return [Trial(name, change(inputs), *said) for name, change, *said in found]


def advice(steps, trial, got, error, right):
    """What to say about a trial; empty where the function did well.

    Parameters
    ----------
    steps : Steps
    trial : Trial
    got : dict of str to ndarray, or None
        None where it raised.
    error : str
        What it raised.
    right : bool
        Whether it is right elsewhere: else it is no wonder that it is not here.
    """
    if got is None:
        return f"at {trial.name} it raises {error}: {trial.advice}." if error else ""
    exact = cast(trial.inputs, np.float64)
    expected = named_arrays(steps.run(exact), [name for name, _ in steps.outputs])
    for name in expected.keys() & got.keys():
        finite = np.isfinite(expected[name]).all() if is_real(expected[name]) else True
        if finite and is_real(got[name]) and not np.isfinite(got[name]).all():
            return f"at {trial.name} it gives NaN or infinity: {trial.advice}."
    arrays = [*filter(is_float, trial.inputs.values()), *got.values()]
    rtol = LOOSE["float32" if any(a.dtype == np.float32 for a in arrays) else "float64"]
    if right and trial.exact and distance(got, expected) > rtol:
        return f"at {trial.name} it loses its precision: {trial.advice}."
    return ""
