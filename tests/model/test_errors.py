"""Bad input is refused with a sentence that names it."""

import numpy as np
import pytest

from minibert.model import Encoded, Output, bert_backward, bert_forward, encoder_forward

from .small import batch, cotangents, random_params, widths

pytestmark = pytest.mark.quick

CONFIG = widths()
PARAMS = random_params(CONFIG, "classification")
IDS, SEGMENTS, KEEP = batch(CONFIG)
WANT = frozenset({"hidden", "scores"})


@pytest.mark.parametrize(("ids", "error", "message"), [
    (IDS + 23, ValueError, r"ids spans \d+ to \d+, the table has 23: .*vocabulary"),
    (IDS - 1, ValueError, r"ids spans -1 to \d+, the table has 23"),
    (IDS * 1.0, TypeError, "ids has dtype float64; indices are integers"),
    (IDS > 3, TypeError, "ids has dtype bool"),
    (np.ones((2, 8), int), ValueError, "ids has 8 tokens a row, the model has 7 positions"),
])
def test_ids(ids, error, message):
    with pytest.raises(error, match=message):
        encoder_forward(PARAMS, CONFIG, ids)


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.int64, np.uint64])
def test_any_integers_are_ids(dtype):
    a = encoder_forward(PARAMS, CONFIG, IDS.astype(dtype), SEGMENTS.astype(dtype), KEEP)[0]
    b = encoder_forward(PARAMS, CONFIG, IDS, SEGMENTS, KEEP)[0]
    assert np.array_equal(a.pooled, b.pooled)


@pytest.mark.parametrize(("segments", "error", "message"), [
    (SEGMENTS + 1, ValueError, "segments spans 1 to 2, the table has 2"),
    (SEGMENTS - 1, ValueError, "segments spans -1"),
    (SEGMENTS * 1.0, TypeError, "segments has dtype float64"),
])
def test_segments(segments, error, message):
    with pytest.raises(error, match=message):
        encoder_forward(PARAMS, CONFIG, IDS, segments)


def test_keep_of_zeros_and_ones():
    a = encoder_forward(PARAMS, CONFIG, IDS, SEGMENTS, KEEP.astype(np.int64))[0]
    b = encoder_forward(PARAMS, CONFIG, IDS, SEGMENTS, KEEP)[0]
    assert np.array_equal(a.pooled, b.pooled)


def test_unknown_head():
    with pytest.raises(ValueError, match=r"head is 'ner'; it is None or one of .*mlm.*span"):
        bert_forward(PARAMS, CONFIG, IDS, head="ner")


def test_unknown_want():
    with pytest.raises(ValueError, match="want is"):
        encoder_forward(PARAMS, CONFIG, IDS, want={"hidden", "attention"})


def backward(change, head="classification"):
    params = random_params(CONFIG, head)
    out, cache = bert_forward(params, CONFIG, IDS, SEGMENTS, KEEP, head=head, want=WANT)
    bert_backward(change(cotangents(out)), params, CONFIG, cache)


def with_encoded(**changes):
    return lambda d: d._replace(encoded=d.encoded._replace(**changes))


@pytest.mark.parametrize("head", [None, "classification", "mlm", "next_sentence", "span"])
def test_wrong_number_of_hidden_cotangents(head):
    with pytest.raises(ValueError, match=r"d\.hidden has 2 entries; the model has 3"):
        backward(with_encoded(hidden=(None, None)), head)


def test_wrong_number_of_score_cotangents():
    with pytest.raises(ValueError, match=r"d\.scores has 3 entries; the model has 2"):
        backward(with_encoded(scores=(None, None, None)))


def test_logits_of_a_model_without_head():
    with pytest.raises(ValueError, match=r"d\.logits was given, but the forward ran with head=Non"):
        backward(lambda d: Output(Encoded((), (), None), np.ones((2, 3))), head=None)

@pytest.mark.parametrize("segments", [SEGMENTS[0], SEGMENTS[:1], SEGMENTS[:, :3]])
def test_segments_are_as_many_as_ids(segments):
    with pytest.raises(ValueError, match="segments"):
        encoder_forward(PARAMS, CONFIG, IDS, segments)


@pytest.mark.parametrize("keep", [
    np.where(KEEP, 0.0, -1e4), KEEP[0], KEEP[:1], KEEP[:, :3], np.ones((3, 2), bool)])
def test_keep_is_a_mask_of_the_ids_shape(keep):
    with pytest.raises((ValueError, TypeError), match="keep"):
        encoder_forward(PARAMS, CONFIG, IDS, SEGMENTS, keep)


@pytest.mark.parametrize("ids", [IDS[0], IDS[None], IDS[:, :0]])
def test_ids_are_two_dimensional(ids):
    with pytest.raises(ValueError, match="ids"):
        encoder_forward(PARAMS, CONFIG, ids)


@pytest.mark.parametrize("at", [KEEP.astype(int), KEEP[:1], KEEP[:, :3]])
def test_at_is_a_mask(at):
    with pytest.raises((ValueError, TypeError), match="at"):
        bert_forward(random_params(CONFIG, "mlm"), CONFIG, IDS, head="mlm", at=at)


@pytest.mark.parametrize("pad_id", [None, -1, 23])
def test_pad_id_is_a_word(pad_id):
    with pytest.raises((ValueError, TypeError), match="pad_id"):
        widths(pad_id=pad_id)


def test_one_score_cotangent_of_two():
    with pytest.raises(ValueError, match=r"d\.scores has 1 entries; the model has 2"):
        backward(with_encoded(scores=(None,)))


@pytest.mark.parametrize(("head", "missing"), [
    ("mlm", "cls.predictions.bias"), ("span", "qa_outputs.weight"),
    ("next_sentence", "cls.seq_relationship.weight"),
])
def test_params_of_another_head(head, missing):
    with pytest.raises(ValueError, match=f"params has no '{missing}', which head='{head}' needs"):
        bert_forward(PARAMS, CONFIG, IDS, head=head)


@pytest.mark.parametrize("head", [None, "classification", "tokens", "span"])
def test_at_is_for_masked_words(head):
    with pytest.raises(ValueError, match=r'at is bool .*for head "mlm"'):
        bert_forward(random_params(CONFIG, head), CONFIG, IDS, head=head, at=KEEP)


@pytest.mark.parametrize("head", [["mlm"], {}, 3, "MLM"])
def test_heads_of_the_wrong_type(head):
    with pytest.raises(ValueError, match="head is"):
        bert_forward(PARAMS, CONFIG, IDS, head=head)
