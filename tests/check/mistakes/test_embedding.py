"""The catalogue's embeddings and positions: right as they stand, mistakes with their gradients."""

import numpy as np
import pytest

from minibert import ops
from minibert.check import assert_close, gradcheck_function
from minibert.check.mistakes.embedding import FORMULAS

OPS = {steps.op: steps for steps in FORMULAS}


def embedding(word, position, segment, ids, segments):
    return ops.embedding_forward(word, position, segment, ids, segments)[0]


def embedding_gradient(word, position, segment, ids, segments, de):
    return ops.embedding_backward(
        de, ops.embedding_forward(word, position, segment, ids, segments)[1]
    )


LIBRARY = {
    "embedding": (embedding, embedding_gradient),
    "sinusoidal_positions": (ops.sinusoidal_positions, None),
}
CALLS = [(steps, call) for steps in FORMULAS for call in steps.draw()]
# Its gradient has a name of its own, embedding-gradient-segment-one-row: the forward may be right.
WITHOUT_GRADIENT = {"embedding-segments-all-zero"}
FORWARD_MISTAKES = [
    m for m in OPS["embedding"].mistakes
    if OPS["embedding"].fits(m, "forward") and m.id not in WITHOUT_GRADIENT
]  # fmt: skip


@pytest.mark.parametrize(
    ("steps", "call"), CALLS, ids=lambda x: getattr(x, "op", getattr(x, "case", None))
)
def test_the_right_formula_is_the_library_s(steps, call):
    forward, gradient = LIBRARY[steps.op]
    inputs = {name: call.inputs[name] for name, _ in steps.inputs}
    assert_close(steps.run(call.inputs)[0], forward(**inputs), name=steps.op, rtol=1e-12)
    if gradient:
        expected = gradient(**call.inputs)
        got = steps.run(call.inputs, "gradient")
        for name, ours, theirs in zip(steps.gradients, got, expected, strict=True):
            assert_close(ours, theirs, name=name.name, rtol=1e-12)


@pytest.mark.parametrize("m", FORWARD_MISTAKES, ids=lambda m: m.id)
def test_the_gradient_is_that_of_the_mistaken_forward(m):
    steps = OPS["embedding"]
    for call in steps.draw():
        tables = [call.inputs[name] for name in ("word", "position", "segment")]

        def inputs(words, position, segment, call=call, pad=tables[0][:1]):
            """[PAD], which has no gradient by definition, is no variable here."""
            word = np.concatenate([pad, words])
            return call.inputs | {"word": word, "position": position, "segment": segment}

        def function(*tables, inputs=inputs):
            return steps.run(inputs(*tables), changes=m.steps)[0]

        def gradient(de, *tables, inputs=inputs):
            changed = inputs(*tables) | {"de": de}
            dword, dposition, dsegment = steps.run(changed, "gradient", m.steps)
            assert not dword[0].any()
            return dword[1:], dposition, dsegment

        found = gradcheck_function(function, gradient, (tables[0][1:], *tables[1:]), tolerance=1e-5)
        assert found, f"{call.case}\n{found}"


@pytest.mark.parametrize("call", OPS["embedding"].draw(), ids=lambda call: call.case)
def test_words_repeat_within_a_row_and_across_rows(call):
    ids = call.inputs["ids"]
    kept = [row[row != 0] for row in ids]
    assert any(len(set(row)) < len(row) for row in kept)
    assert set(kept[0]) & set(kept[1])
    assert (ids == 0).any()
    assert call.inputs["segments"].any()
