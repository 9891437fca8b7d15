"""`diagnose`: what wrong numbers are consistent with, and what is said to be certain."""

import numpy as np
import pytest

from minibert.check.diagnose import Cause, Diagnosis, diagnose
from minibert.check.mistakes import MISTAKES, OPS

from .bent import bent, ids, needs_fork

pytestmark = needs_fork


@pytest.mark.parametrize("name", ["attention-not-scaled", "layernorm-unbiased-variance"])
def test_one_mistake(name):
    op = name.split("-")[0]
    found = diagnose(op, bent(op, name))
    assert ids(found)[0] == name
    first = found.causes[0]
    assert (first.sentence, first.lesson) == (MISTAKES[name].sentence, MISTAKES[name].lesson)
    assert str(first) == f"{name}: {first.sentence}"
    assert first.step == found.look_at
    assert f"[{name}, step {first.step}]" in str(found)
    assert name not in found.ruled_out


def test_certain_where_one_explanation_fits():
    found = diagnose("attention", bent("attention", "attention-scaled-by-k"))
    assert found.certain
    assert ids(found) == ["attention-scaled-by-k"]
    assert "Consistent with one mistake, and with no other of the catalogue:" in str(found)


def test_not_certain_where_a_second_one_does():
    """In the square case alone K, L, and D/H cannot be told apart."""
    wrong = bent("attention", "attention-scaled-by-length")
    square = diagnose("attention", wrong, case="square")
    assert not square.certain
    assert len(square.causes) > 1 or not square.causes
    every = diagnose("attention", wrong)
    assert ids(every) == ["attention-scaled-by-length"]
    assert every.certain
    assert set(ids(square)) <= set(ids(every)) | set(every.ruled_out)


def test_ruled_out_is_apart():
    found = diagnose("attention", bent("attention", "attention-not-scaled"))
    known = {m.id for m in OPS["attention"].mistakes}
    assert found.ruled_out
    assert set(found.ruled_out) <= known
    assert not set(found.ruled_out) & set(ids(found))
    before, _, after = str(found).partition("\nRuled out: ")
    assert f"{len(found.ruled_out)} other mistakes of attention" in after
    assert not any(name in before for name in found.ruled_out)
    assert not any("gradient" in name for name in found.ruled_out)


def test_two_mistakes():
    names = ["attention-mask-forgotten", "attention-not-scaled"]  # the one that changes more
    found = diagnose("attention", bent("attention", *names))
    assert ids(found)[:2] == names
    assert [cause.also for cause in found.causes[:2]] == names[::-1]
    text = str(found)
    assert "onsistent with these two mistakes together" in text
    assert all(MISTAKES[name].sentence in text for name in names)
    assert not set(found.ruled_out) & set(ids(found))


def test_a_relation_is_never_certain():
    for end in (lambda y: -y, lambda y: 2 * y, lambda y: y + 1):
        found = diagnose("softmax", bent("softmax", end=lambda y, end=end: (end(y),)))
        assert found.causes
        assert not found.certain
        assert found.causes[0].lesson == ""


def test_gradients_with_one_relation_and_with_several():
    f = bent("linear", part="gradient", end=lambda dx, dw, db: (-dx, -dw, -db))
    found = diagnose("linear", gradient=f)
    assert "sign" in ids(found)
    assert "dx, dw and db" in found.causes[0].sentence
    f = bent("linear", part="gradient", end=lambda dx, dw, db: (-dx, 2 * dw, db))
    found = diagnose("linear", gradient=f)
    assert {"sign", "factor-2"} <= set(ids(found))
    said = " ".join(cause.sentence for cause in found.causes)
    assert "dx has the wrong sign" in said
    assert "dw is 2 times what is expected" in said


def test_a_step_that_is_left_out():
    found = diagnose("layernorm", bent("layernorm", after={"xhat": lambda x: -x}))
    assert not found.certain
    assert any(cause.step.endswith(("xhat", "centred", "sigma")) for cause in found.causes)
    assert any(cause.id.startswith("step-xhat") for cause in found.causes)
    assert all("As if" in cause.sentence for cause in found.causes)


def test_a_mistake_and_a_relation():
    wrong = bent("attention", "attention-not-scaled", end=lambda c: (3 * c,))
    found = diagnose("attention", wrong)
    assert ids(found)[:2] == ["attention-not-scaled", "factor"]
    assert (found.causes[0].also, found.causes[1].also) == ("factor", "attention-not-scaled")
    assert not found.certain
    assert "two mistakes together" in str(found)


def test_one_output_is_explained_and_another_is_not():
    def end(dx, dw, db):
        return -dx, np.tanh(dw), db

    found = diagnose("linear", gradient=bent("linear", part="gradient", end=end))
    assert found.unexplained == ("dw",)
    assert ids(found) == ["sign"]
    assert not found.certain
    assert "No explanation was found for dw." in str(found)


def test_zeros_are_never_certain():
    """They are what a function returns that is still to be written."""
    for op in ("relu", "gelu", "linear"):
        zeros = bent(op, part="gradient", end=lambda *all: tuple(0 * d for d in all))
        found = diagnose(op, gradient=zeros)
        assert found.gate == "values"
        assert not found.certain


def test_nothing_fits():
    found = diagnose("gelu", lambda x: np.sin(7 * x) + x**3)
    assert found.causes == ()
    assert not found.certain
    assert found.unexplained == ()
    assert set(found.ruled_out) == {
        m.id for m in OPS["gelu"].mistakes if OPS["gelu"].fits(m, "forward")
    }
    assert "No mistake of the catalogue, no two together, and no plain relation fits." in str(found)


@pytest.mark.parametrize("name", ["attention-softmax-over-queries", "gelu-tanh-form"])
def test_another_seed_gives_the_same_causes(name):
    op = name.split("-")[0]
    name = name if name in MISTAKES else OPS[op].mistakes[0].id
    found = [diagnose(op, bent(op, name), seed=seed) for seed in (1, 2, 77)]
    assert len({tuple(ids(one)) for one in found}) == 1
    assert len({one.certain for one in found}) == 1
    assert len({one.mismatches[0].got for one in found}) == 3


def test_float32_mistakes_are_named_as_well():
    wrong = bent("attention", "attention-not-scaled", end=lambda c: (c.astype(np.float32),))
    found = diagnose("attention", wrong)
    assert ids(found) == ["attention-not-scaled"]
    assert found.mismatches[0].allowed > 1e-7


def test_a_small_mistake_is_no_rounding():
    found = diagnose("layernorm", bent("layernorm", "layernorm-eps-1e-5"))
    assert ids(found)[0] == "layernorm-eps-1e-5"


def test_at_most_one_ten_thousandth_of_rounding_is_right():
    assert diagnose("gelu", bent("gelu", end=lambda y: (y * (1 + 1e-11),))).ok
    found = diagnose("gelu", bent("gelu", end=lambda y: (y * (1 + 1e-3),)))
    assert not found
    assert ids(found) == ["factor"]


def test_a_relation_beside_a_pair_is_not_certain():
    """The input itself as the gradient is what two mistakes give, too."""
    found = diagnose("softmax", gradient=lambda x, dp: dp)
    assert found.causes
    assert not found.certain


def test_each_output_has_the_relation_that_is_its_own():
    f = bent("attention", "attention-gradient-dv-not-transposed", part="gradient",
             end=lambda dq, dk, dv: (-dq, 3 * dk, dv))  # fmt: skip
    found = diagnose("attention", gradient=f)
    assert not any("dq and dk: each has the wrong sign" in c.sentence for c in found.causes)
    f = bent("linear", part="gradient", end=lambda dx, dw, db: (-dx, np.tanh(dw), -db))
    found = diagnose("linear", gradient=f)
    assert found.unexplained == ("dw",)
    assert {cause.of for cause in found.causes} == {"dx", "db"}


def test_two_pairs_are_told_as_pairs():
    told = str(Diagnosis("op", False, "forward", "values", "y is wrong", causes=(
        Cause("a", "A.", also="b"), Cause("b", "B.", also="a"),
        Cause("b", "B.", also="c"), Cause("c", "C.", also="b"),
    )))  # fmt: skip
    assert "  -  B. [b] Together with: C. [c]" in told


def test_right_but_for_one_case_in_float32():
    def f(x):
        if x.shape[0] == 3:
            raise ValueError("three")
        return np.maximum(x, 0).astype(np.float32)

    found = diagnose("relu", f)
    said = "It runs, and is right, in the case primes, square"
    assert any(said in line for line in found.details)


def test_other_numbers_of_axes_from_case_to_case():
    found = diagnose("mse", lambda a, b: a - b if len(a) == 2 else (a - b)[0])
    assert found.gate == "shape"
    assert "could not compare" not in found.headline
