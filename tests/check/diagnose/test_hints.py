"""`diagnose`: how much a student is told, and that no level tells the reference's numbers."""

import json
import pickle
import re

import numpy as np
import pytest

from minibert.check.diagnose import diagnose
from minibert.check.diagnose.diagnosis import LEVELS, told
from minibert.check.mistakes import op_called
from minibert.check.structure import leaves

from .bent import attention, bent, needs_fork, softmax

pytestmark = needs_fork

NUMBER = re.compile(r"-?\d+\.\d+(?:e[+-]?\d+)?")
BENT = [
    ("attention", "forward", ["attention-not-scaled"], None),
    ("attention", "forward", ["attention-not-scaled", "attention-mask-forgotten"], None),
    ("attention", "gradient", ["attention-gradient-dk-not-transposed"], None),
    ("attention", "forward", [], lambda c: (c.swapaxes(1, 2),)),
    ("attention", "forward", [], lambda c: (np.where(c > 0.5, np.nan, -c),)),
    ("layernorm", "forward", ["layernorm-unbiased-variance"], None),
    ("layernorm", "forward", [], lambda y: (y * 1.2345,)),
    ("layernorm", "forward", [], lambda y: (y + 0.4321,)),
    ("linear", "gradient", [], lambda dx, dw, db: (dx, 3 * dw, np.tanh(db))),
    ("gelu", "forward", [], lambda y: (0 * y,)),
    ("linear", "gradient", [], lambda dx, dw, db: (dx, dw / 5.5, -db)),
    ("mse", "forward", [], lambda loss: (0 * loss,)),
    ("cross_entropy", "forward", [], lambda loss: (2 * loss,)),
    ("kl", "gradient", [], lambda d, *more: (1.7 * d, *more)),
    ("adamw", "forward", [], lambda p, m, v: (p, m * 1.01, v)),
    ("linear_schedule", "forward", [], lambda rate: (rate + 0.125,)),
    ("cosine_schedule", "forward", [], lambda rate: (0 * rate,)),
    ("matthews", "forward", [], lambda score: (score / 3,)),
    ("softmax", "forward", [], lambda p: (1 - p,)),
    ("quantize_symmetric", "forward", [], lambda q, scale: (q, scale * 1.5)),
]


def references(op):
    """All numbers of what is right, to 6 digits; whole ones are no secret."""
    steps, found = op_called(op), set()
    for call in steps.draw(1):
        for part in ("forward", "gradient") if steps.gradient else ("forward",):
            found |= _digits(steps.run(call.inputs, part))
    return found


def _digits(results):
    arrays = (a for x in results for a in leaves(x, "").values() if np.asarray(a).dtype.kind == "f")
    numbers = np.concatenate([np.ravel(a) for a in arrays] or [np.zeros(0)])
    numbers = numbers[np.isfinite(numbers)]
    return {f"{abs(x):.6g}" for x in numbers if f"{x:.3f}" != f"{x:.6f}"}


def numbers_in(text):
    return {f"{abs(float(found)):.6g}" for found in NUMBER.findall(text)}


def numbers_of(found):
    """Every float that is somewhere inside."""
    if isinstance(found, float):
        return {f"{abs(found):.6g}"}
    if hasattr(found, "__dict__"):
        return numbers_of(vars(found))
    if isinstance(found, dict):
        return numbers_of(tuple(found.values()))
    if isinstance(found, (tuple, list)):
        return set().union(*map(numbers_of, found))
    return set()


@pytest.mark.parametrize(("op", "part", "mistakes", "end"), BENT)
def test_no_level_tells_a_number_of_the_reference(op, part, mistakes, end):
    whole = diagnose(op, **{part: bent(op, *mistakes, part=part, end=end)})
    assert not whole
    secret = references(op)
    own = numbers_of([m.got for m in whole.mismatches])  # what the function gave is its own
    for level in LEVELS:
        found = told(whole, level)
        texts = str(found), repr(found), json.dumps(found.to_dict())
        for text in texts:
            assert not numbers_in(text) & secret - own
        assert not numbers_of(pickle.loads(pickle.dumps(found))) & secret - own
        assert all(m.expected is m.allowed is m.error is None for m in found.mismatches)
        assert not any(word in text for text in texts for word in ("expected -", "allowed 1e"))


def test_without_a_level_the_numbers_would_be_found():
    found = diagnose("layernorm", bent("layernorm", "layernorm-unbiased-variance"))
    assert numbers_in(str(found)) & references("layernorm")
    assert numbers_of(found) & references("layernorm")


def test_a_relation_does_not_say_its_number():
    """What was got, divided by it, would be what is expected."""
    for end in (lambda y: (y * 1.2345,), lambda y: (y + 1.2345,)):
        found = diagnose("softmax", bent("softmax", end=end))
        assert "1.2345" in str(found)
        assert "1.2345" not in repr(told(found, 3))
        assert "one number" in told(found, 3).causes[0].sentence
    named = told(diagnose("softmax", bent("softmax", end=lambda p: (p * 2,))), 3)
    assert named.causes[0].sentence == "p is 2 times what is expected."


def test_each_level_adds_something():
    wrong = bent("attention", "attention-not-scaled")
    found = [diagnose("attention", wrong, hint_level=level) for level in LEVELS]
    for level, one in zip(LEVELS, found, strict=True):
        assert one.hint_level == level
        assert (one.gate, one.part, one.ok) == ("values", "forward", False)
        assert one.headline == "context is wrong in 3 of 3 cases"
        assert bool(one.mismatches) == (level >= 1)
        assert ("worst at [" in str(one)) == (level >= 1)
        assert one.look_at == ("(1) scale" if level >= 2 else "")
        assert bool(one.causes) == one.certain == bool(one.ruled_out) == (level >= 3)
        assert ("attention-not-scaled" in str(one)) == (level >= 3)
        assert f"hint_level={level}" in one.again
    assert "Look again at step (1) scale of the formula." in str(found[2])
    assert found[1].mismatches[0].got == found[3].mismatches[0].got


def test_hints_and_unexplained():
    def f(q, k, v, bias):
        s = 2 * q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
        yield "s", s
        yield "context", softmax(s + bias) @ v

    whole = diagnose("attention", f)
    assert whole.hints[0].endswith("is (1) s: it is 2 times what is expected")
    assert told(whole, 1).hints == ()
    assert told(whole, 2).hints[0].endswith("is (1) s")
    assert told(whole, 3).hints == whole.hints
    half = bent("linear", part="gradient", end=lambda dx, dw, db: (-dx, np.tanh(dw), db))
    whole = diagnose("linear", gradient=half)
    assert [told(whole, level).unexplained for level in LEVELS] == [(), (), (), ("dw",)]
    assert not any("No explanation was found" in str(told(whole, level)) for level in (0, 1, 2))


def test_a_shape_at_each_level():
    whole = diagnose("attention", lambda *a: attention(*a).swapaxes(1, 2))
    assert "swapaxes" not in str(told(whole, 1))
    assert "swapaxes(1, 2)" in str(told(whole, 2))
    assert "permuted-axes" not in str(told(whole, 2))
    assert "permuted-axes" in str(told(whole, 3))


def test_nothing_fits_is_not_said_before_it_is_told():
    whole = diagnose("gelu", lambda x: np.sin(7 * x) + x**3)
    said = ["No mistake of the catalogue" in str(told(whole, level)) for level in LEVELS]
    assert said == [False, False, False, True]


def test_a_right_one_is_right_at_every_level():
    for level in (None, *LEVELS):
        found = diagnose("softmax", softmax, hint_level=level)
        assert found
        assert "softmax: right (forward)." in str(found)
    assert found.measured == ""
