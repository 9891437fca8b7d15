"""`diagnose`: functions that yield their steps."""

import numpy as np

from minibert.check.diagnose import diagnose

from .bent import attention, ids, needs_fork, softmax

pytestmark = needs_fork

RIGHT_STEPS = "All the steps that it yields are right: what follows them is not."


def scores(q, k, bias):
    return q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])


def hints(function, **more):
    return diagnose("attention", function, **more).hints


def test_the_first_wrong_step_and_what_follows():
    def f(q, k, v, bias):
        s = scores(q, k, bias)
        yield "s", s
        p = 2 * softmax(s + bias)
        yield "p", p
        yield "context", p @ v

    found = diagnose("attention", f)
    assert found.hints[:2] == (
        "The first wrong step that it yields is (2) p: it is 2 times what is expected",
        "Everything after it follows from it.",
    )
    assert found.look_at == "(2) p"
    assert ids(found)[0] == "factor-2"


def test_what_does_not_follow():
    def f(q, k, v, bias):
        s = 2 * scores(q, k, bias)
        yield "s", s
        return np.tanh(softmax(s + bias) @ v)

    found = diagnose("attention", f)
    assert found.look_at == "(1) s"
    assert found.hints[1].startswith("What comes after it does not follow from it")
    assert not found.causes
    assert "No mistake of the catalogue" in str(found)
    assert "Look again at step (1) s of the formula." in str(found)


def test_right_steps_and_a_wrong_end():
    def f(q, k, v, bias):
        s = scores(q, k, bias)
        yield {"s": s, "masked": s + bias}
        yield "p", softmax(s + bias)
        return 3 * attention(q, k, v, bias)

    assert hints(f) == (RIGHT_STEPS,)


def test_bare_arrays_are_known_by_their_numbers():
    def f(q, k, v, bias):
        s = scores(q, k, bias)
        yield s
        yield softmax(s + bias)
        return 3 * attention(q, k, v, bias)

    assert hints(f) == (RIGHT_STEPS,)

    def g(q, k, v, bias):
        yield scores(q, k, bias)
        yield np.tanh(q)
        return 3 * attention(q, k, v, bias)

    (line,) = hints(g)
    assert line == "The step number 2 that it yields is none of scale, s, masked, p, context."


def test_names_that_are_not_known():
    def f(q, k, v, bias):
        yield "my scores", scores(q, k, bias)
        yield "weights", softmax(q)
        return 3 * attention(q, k, v, bias)

    (line,) = hints(f)
    assert line.startswith("The step 'weights' that it yields is none of scale, s,")


def test_a_right_generator_is_right():
    def f(q, k, v, bias):
        yield "s", scores(q, k, bias)
        yield "context", attention(q, k, v, bias)

    found = diagnose("attention", f)
    assert found.ok, str(found)
    assert found.hints == ()


def test_steps_of_another_shape_or_number():
    def f(q, k, v, bias):
        yield "s", np.ones((3, 2))
        return 3 * attention(q, k, v, bias)

    line, rest = hints(f)
    assert line == "The first wrong step that it yields is (1) s"
    assert "does not follow" in rest

    def heads(q, k, v, bias):
        for head in range(q.shape[1]):
            yield "s" if head == 2 else "p", softmax(q[:, head])
        return 3 * attention(q, k, v, bias)

    assert hints(heads)[0].startswith("The first wrong step that it yields is (2) p")

    def late(q, k, v, bias):
        for _ in range(len(q) - 2 if len(q) < 4 else 0):
            yield scores(q, k, bias)
        yield "p", 2 * softmax(scores(q, k, bias) + bias)
        return 3 * attention(q, k, v, bias)

    assert hints(late)[0] == "The first wrong step that it yields is (2) p"


def test_steps_of_a_gradient():
    def f(x, w, b, dy):
        yield "dx", dy @ w
        yield "dw", np.einsum("blf,bld->fd", dy, x) / 5
        return dy @ w, np.einsum("blf,bld->fd", dy, x) / 5, dy.sum((0, 1))

    found = diagnose("linear", gradient=f)
    assert found.hints[0].startswith("The first wrong step that it yields is")
    assert " dw: it is 0.2 times" in found.hints[0]


def test_texts_that_are_yielded_do_no_harm():
    def f(q, k, v, bias):
        yield "s", "a text"
        yield "p", None
        return 3 * attention(q, k, v, bias)

    found = diagnose("attention", f)
    assert found.gate == "values"
    assert "not every value that was yielded could be kept" in found.notes
    assert found.hints == ()
