"""The catalogue's text formulas are the library's tokenizer."""

from types import SimpleNamespace

import pytest

from minibert.check.mistakes import pairs, text
from minibert.text import basic_tokenize, wordpiece
from minibert.text.encode import encode_batch


def encode_pair(a, b, cls, sep, pad, max_length):
    """The tokenizer's batch of one pair, whose pieces are ids already."""
    batch = encode_batch(
        SimpleNamespace(ids=list, trace=None),
        [(a, b)],
        ends=(cls, sep),
        pad_id=pad,
        max_length=max_length,
        strategy="longest_first",
        stride=None,
        pad_to="max_length",
        arrays=False,
        offsets=False,
        special_mask=False,
    )
    return tuple(batch[name][0] for name in ("input_ids", "token_type_ids", "attention_mask"))


LIBRARY = {
    "wordpiece": lambda word, vocab: (wordpiece(word, vocab),),
    "basic_tokenize": lambda text: (basic_tokenize(text),),
    "encode_pair": encode_pair,
}
FORMULAS = (*text.FORMULAS, *pairs.FORMULAS)
CALLS = [(steps, call) for steps in FORMULAS for call in steps.draw()]


@pytest.mark.parametrize(
    ("steps", "call"), CALLS, ids=lambda x: getattr(x, "op", getattr(x, "case", None))
)
def test_the_right_formula_is_the_library_s(steps, call):
    assert steps.run(call.inputs) == LIBRARY[steps.op](**call.inputs)
