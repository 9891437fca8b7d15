"""The model and TinyBERT's losses against PyTorch's autograd, and against Hugging Face's BERT."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from model.small import (
    arrays,
    batch,
    cotangents,
    dropout_masks,
    labels_for,
    random_params,
    uniform,
    widths,
)

from minibert import kernels as F
from minibert.check import assert_close, largest_norm
from minibert.distill import TinyBertSpec, init_projections, tinybert_loss, uniform_map
from minibert.distill.projections import EMBEDDING, HIDDEN
from minibert.model import (
    FLOAT,
    ComposedLinear,
    Encoded,
    Output,
    bert_backward,
    bert_forward,
    loss_forward,
)
from minibert.model.params import layer_prefix
from minibert.ops import Drop

torch = pytest.importorskip("torch")

from . import transcription as T  # noqa: E402

pytestmark = pytest.mark.oracle

RTOL = {np.float64: 1e-10, np.float32: 1e-5}  # relative norm; DESIGN asks 1e-6 in float64
WANT = frozenset({"hidden", "scores"})
WITH_LOSS = ["classification", "mlm", "next_sentence", "tokens", "span"]
LEVELS = ["numpy"] + ["numba"] * (not F.available("numba")[1])


@pytest.fixture(params=LEVELS)
def _level(request):
    with F.use(request.param):
        yield


def leaves(params):
    """The parameters as tensors with a gradient, in float64 whatever ours are in."""
    return {k: torch.tensor(p, dtype=torch.float64, requires_grad=True) for k, p in params.items()}


def transcribed(p, config, head, at, ids, segments, keep, masks=None):
    """What `bert_forward` returns, from the transcription: a flat list of tensors."""
    inputs = (torch.tensor(a) for a in (ids, segments, keep))
    masks = masks and {site: torch.tensor(mask) for site, mask in masks.items()}
    hidden, scores, pooled = T.encode(p, config, *inputs, masks)
    outputs = [*hidden, *scores, pooled]
    if head == "classification":
        outputs.append(T.classify(p, config, pooled, masks))
    elif head == "mlm":
        x = hidden[-1] if at is None else hidden[-1][torch.tensor(at)]
        outputs.append(T.predict_words(p, config, x))
    elif head == "next_sentence":
        outputs.append(T.follows(p, pooled))
    elif head == "tokens":
        outputs.append(T.label_tokens(p, config, hidden[-1], masks))
    elif head == "span":
        outputs.append(T.find_span(p, hidden[-1]))
    return outputs


def pulled_back(outputs, cotangents, p):
    """Autograd's gradients of <cotangents, outputs>; None where nothing depends on it."""
    value = sum((y * torch.tensor(d)).sum() for y, d in zip(outputs, cotangents, strict=True))
    grads = torch.autograd.grad(value, list(p.values()), allow_unused=True)
    return {k: None if g is None else g.numpy() for k, g in zip(p, grads, strict=True)}


def assert_same_gradients(got, expected, rtol):
    """In every parameter, by the rule that also judges gradients that are zero in truth."""
    assert got.keys() == {k for k, g in expected.items() if g is not None}
    floor = 1e-3 * largest_norm({k: expected[k] for k in got})
    for name in got:
        assert_close(got[name], expected[name], name=name, rtol=rtol, floor=floor)


def check_everything(config, head, *, at=None, masks=None, dtype=np.float64, linear=FLOAT,
                     head_masks=False):
    """All outputs, and all gradients under cotangents on all of them."""
    params = random_params(config, head, dtype=dtype, head_masks=head_masks)
    ids, segments, keep = batch(config)
    drop = None if masks is None else Drop(config.dropout, masks=masks)
    out, cache = bert_forward(params, config, ids, segments, keep, head=head, at=at, want=WANT,
                              drop=drop, linear=linear)
    p = leaves(params)
    outputs = transcribed(p, config, head, at, ids, segments, keep, masks)
    for got, expected in zip(arrays(out), outputs, strict=True):
        assert_close(got, expected.detach().numpy(), rtol=RTOL[dtype])
    d = cotangents(out)
    grads = bert_backward(d, params, config, cache, linear=linear)
    assert_same_gradients(grads, pulled_back(outputs, arrays(d), p), RTOL[dtype])


HEADS = {
    "encoder": (None, {}, False),
    "classification-hf": ("classification", {"pooler": "hf"}, False),
    "classification-tinybert": ("classification", {"pooler": "tinybert"}, False),
    "regression-hf": ("classification", {"classes": 1}, False),
    "regression-tinybert": ("classification", {"classes": 1, "pooler": "tinybert"}, False),
    "next_sentence": ("next_sentence", {}, False),
    "tokens": ("tokens", {}, False),
    "span": ("span", {}, False),
    "mlm": ("mlm", {}, False),
    "mlm-at": ("mlm", {}, True),
}
FORMS = pytest.mark.parametrize(("head", "changes", "some"), HEADS.values(), ids=HEADS)


def places(config, some):
    """Some kept places, among them the first and a repeated row."""
    if not some:
        return None
    at = batch(config)[2].copy()
    at[0, 1] = at[0, 3] = False
    return at


@FORMS
@pytest.mark.parametrize("dropped", [False, True], ids=["", "dropout"])
@pytest.mark.parametrize("shape", [widths, uniform])
@pytest.mark.usefixtures("_level")
def test_every_gradient_in_float64(head, changes, some, shape, dropped):
    config = shape(**changes)
    masks = dropout_masks(config, head) if dropped else None
    check_everything(config, head, at=places(config, some), masks=masks)


@FORMS
@pytest.mark.parametrize("dropped", [False, True], ids=["", "dropout"])
@pytest.mark.usefixtures("_level")
def test_every_gradient_in_float32(head, changes, some, dropped):
    config = widths(**changes)
    masks = dropout_masks(config, head) if dropped else None
    check_everything(config, head, at=places(config, some), masks=masks, dtype=np.float32)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("dropped", [False, True], ids=["", "dropout"])
@pytest.mark.usefixtures("_level")
def test_gradients_of_head_masks(dropped, dtype):
    config = widths()
    masks = dropout_masks(config) if dropped else None
    check_everything(config, "classification", masks=masks, head_masks=True, dtype=dtype)


def test_another_pad_id():
    check_everything(widths(pad_id=3), "mlm")


def test_composed_linear():
    check_everything(widths(), "mlm", masks=dropout_masks(widths()), linear=ComposedLinear())


@pytest.mark.parametrize("only", ["hidden", "scores", "pooled", "logits"])
def test_one_cotangent_alone(only):
    """What is not given counts as zero; the key biases' gradient is then zero in truth."""
    config = widths()
    params = random_params(config, "classification")
    inputs = batch(config)
    out, cache = bert_forward(params, config, *inputs, head="classification", want=WANT)
    full = cotangents(out)
    encoded = Encoded((), (), None)
    if only == "hidden":
        encoded = encoded._replace(hidden=(None, full.encoded.hidden[1], None))
    elif only == "scores":
        encoded = encoded._replace(scores=(full.encoded.scores[0], None))
    elif only == "pooled":
        encoded = encoded._replace(pooled=full.encoded.pooled)
    d = Output(encoded, full.logits if only == "logits" else None)
    p = leaves(params)
    outputs = transcribed(p, config, "classification", None, *inputs)
    chosen = {"hidden": 1, "scores": 3, "pooled": 5, "logits": 6}[only]
    expected = pulled_back([outputs[chosen]], arrays(d), p)
    got = bert_backward(d, params, config, cache)
    floor = 1e-3 * largest_norm([g for g in expected.values() if g is not None])
    for name, g in expected.items():
        if g is not None:
            assert_close(got[name], g, name=name, rtol=1e-10, floor=floor)
        else:
            assert name not in got or not got[name].any(), f"{name} is not reached"


@pytest.mark.parametrize("keep", ["one row all padded", "no padding", "not given"])
def test_padding_extremes(keep):
    """A fully padded row is finite, and the same as in Hugging Face's BERT."""
    config = widths()
    params = random_params(config)
    ids, segments, real = batch(config)
    real = real.copy()
    real[1] = keep != "one row all padded"
    real = None if keep == "not given" else real
    out, cache = bert_forward(params, config, ids, segments, real, want=WANT)
    p = leaves(params)
    hidden, scores, pooled = T.encode(p, config, torch.tensor(ids), torch.tensor(segments),
                                      None if real is None else torch.tensor(real))
    outputs = [*hidden, *scores, pooled]
    for got, expected in zip(arrays(out), outputs, strict=True):
        assert_close(got, expected.detach().numpy(), rtol=1e-10)
    d = cotangents(out)
    grads = bert_backward(d, params, config, cache)
    assert_same_gradients(grads, pulled_back(outputs, arrays(d), p), 1e-10)


@pytest.mark.parametrize("head", ["classification", "regression", *WITH_LOSS[1:]])
def test_losses(head):
    """The loss of each head, and the gradients that it sends through the whole model."""
    config = widths(classes=1) if head == "regression" else widths()
    kind = "classification" if head == "regression" else head
    params = random_params(config, kind)
    inputs = batch(config)
    labels = labels_for(kind, config, inputs[2])
    out, cache = bert_forward(params, config, *inputs, head=kind)
    loss, dlogits = loss_forward(out.logits, labels, config, kind)
    grads = bert_backward(Output(None, dlogits), params, config, cache)

    p = leaves(params)
    logits = transcribed(p, config, kind, None, *inputs)[-1]
    reference = {"regression": T.squared_error, "span": T.span_error}.get(head, T.cross_entropy)
    expected = reference(logits, torch.tensor(labels))
    assert_close(loss, expected.item(), name="loss", rtol=1e-12)
    names = list(p)
    found = torch.autograd.grad(expected, [p[k] for k in names], allow_unused=True)
    expected = {k: None if g is None else g.numpy() for k, g in zip(names, found, strict=True)}
    assert_same_gradients(grads, expected, 1e-10)


# Hugging Face's own BERT, with our parameters under its names.


def hugging_face(config, params, head):
    """Its model in float64 evaluation mode, and its parameters under our names."""
    transformers = pytest.importorskip("transformers")
    size = config.layers[0]
    shape = transformers.BertConfig(
        vocab_size=config.vocab, hidden_size=config.hidden, num_hidden_layers=config.n_layers,
        num_attention_heads=size.heads, intermediate_size=size.ffn,
        max_position_embeddings=config.positions, layer_norm_eps=config.eps,
        num_labels=2 if head == "span" else config.classes, pad_token_id=config.pad_id,
        attn_implementation="eager",
    )
    kind = {
        None: "BertModel", "classification": "BertForSequenceClassification",
        "mlm": "BertForMaskedLM", "next_sentence": "BertForNextSentencePrediction",
        "tokens": "BertForTokenClassification", "span": "BertForQuestionAnswering",
    }[head]
    model = getattr(transformers, kind)(shape).double().eval()
    ours = (lambda name: f"bert.{name}") if head is None else (lambda name: name)
    named = {ours(name): p for name, p in model.named_parameters()}
    missing = named.keys() - params.keys()
    assert not missing, f"Hugging Face has parameters that we have not: {missing}"
    assert params.keys() - named.keys() <= {"bert.pooler.dense.weight", "bert.pooler.dense.bias"}
    with torch.no_grad():
        for name, p in named.items():
            p.copy_(torch.tensor(params[name]))
    return model, named


@pytest.mark.parametrize("head", [None, "regression", *WITH_LOSS])
def test_hugging_face(head):
    config = uniform(classes=1) if head == "regression" else uniform()
    head = "classification" if head == "regression" else head
    params = random_params(config, head)
    ids, segments, keep = batch(config)
    out, cache = bert_forward(params, config, ids, segments, keep, head=head,
                              want=frozenset({"hidden"}))
    model, named = hugging_face(config, params, head)
    theirs = model(
        input_ids=torch.tensor(ids), token_type_ids=torch.tensor(segments),
        attention_mask=torch.tensor(keep.astype(np.int64)), output_hidden_states=True,
    )
    outputs = list(theirs.hidden_states)
    if head is None:
        outputs.append(theirs.pooler_output)
    else:
        outputs.append(logits_of(theirs))
    d = cotangents(out)
    if head is not None:  # its classes with a head do not return the pooled vector
        out = out._replace(encoded=out.encoded._replace(pooled=None))
        d = d._replace(encoded=d.encoded._replace(pooled=None))
    for got, expected in zip(arrays(out), outputs, strict=True):
        assert_close(got, expected.detach().numpy(), rtol=1e-10)
    grads = bert_backward(d, params, config, cache)
    assert_same_gradients(grads, pulled_back(outputs, arrays(d), named), 1e-10)


def test_hugging_face_attention_probabilities_are_softmax_of_our_scores():
    config = uniform()
    params = random_params(config)
    ids, segments, keep = batch(config)
    out, _ = bert_forward(params, config, ids, segments, keep, want=frozenset({"scores"}))
    model, _ = hugging_face(config, params, None)
    theirs = model(
        input_ids=torch.tensor(ids), token_type_ids=torch.tensor(segments),
        attention_mask=torch.tensor(keep.astype(np.int64)), output_attentions=True,
    )
    for scores, expected in zip(out.encoded.scores, theirs.attentions, strict=True):
        p, _ = F.softmax_forward(np.where(keep[:, None, None], scores, -np.inf))
        assert_close(p, expected.detach().numpy(), rtol=1e-10)


def logits_of(theirs):
    """A span's two are apart there."""
    if "start_logits" in theirs:
        return torch.stack([theirs.start_logits, theirs.end_logits], -1)
    return theirs.logits


@pytest.mark.parametrize("head", WITH_LOSS)
def test_hugging_face_loss(head):
    """The loss, and the gradient that it has at the logits."""
    config = uniform()
    params = random_params(config, head)
    ids, segments, keep = batch(config)
    labels = labels_for(head, config, keep)
    out, _ = bert_forward(params, config, ids, segments, keep, head=head)
    loss, dlogits = loss_forward(out.logits, labels, config, head)
    model, _ = hugging_face(config, params, head)
    places = torch.tensor(labels)
    named = {"labels": places}
    if head == "span":
        named = {"start_positions": places[:, 0], "end_positions": places[:, 1]}
    theirs = model(
        input_ids=torch.tensor(ids), token_type_ids=torch.tensor(segments),
        attention_mask=torch.tensor(keep.astype(np.int64)), **named,
    )
    assert_close(loss, theirs.loss.item(), name="loss", rtol=1e-12)
    parts = [theirs.start_logits, theirs.end_logits] if head == "span" else [theirs.logits]
    expected = [g.numpy() for g in torch.autograd.grad(theirs.loss, parts)]
    expected = np.stack(expected, -1) if head == "span" else expected[0]
    assert_close(dlogits, expected, name="dlogits", rtol=1e-10)


@pytest.mark.parametrize("head", ["classification", "tokens", "next_sentence", "span"])
def test_hugging_face_drops_out_at_the_same_sites(head):
    """In training mode with rate 1, what is dropped out before the last layer leaves its bias."""
    config = uniform()
    params = random_params(config, head)
    ids, segments, keep = batch(config)
    model, _ = hugging_face(config, params, head)
    if hasattr(model, "dropout"):
        model.dropout.p = 1.0
        model.dropout.train()
    theirs = logits_of(model(
        input_ids=torch.tensor(ids), token_type_ids=torch.tensor(segments),
        attention_mask=torch.tensor(keep.astype(np.int64)),
    )).detach().numpy()
    masks = {site: np.ones_like(mask) for site, mask in dropout_masks(config, head).items()}
    masks[max(masks)][:] = False
    still = replace(config, attention_dropout=0.0, dropout=1e-300)
    out, _ = bert_forward(params, still, ids, segments, keep, head=head,
                          drop=Drop(0.0, masks=masks))
    assert_close(out.logits, theirs, rtol=1e-10)
    is_bias = np.ptp(theirs.reshape(-1, theirs.shape[-1]), axis=0).max() == 0
    assert is_bias == (head in ("classification", "tokens"))


# TinyBERT's losses.


def student_and_teacher(dtype=np.float64):
    """A teacher of four layers and a narrower student of two; equally many heads."""
    teacher = uniform(n_layers=4)
    student = uniform(hidden=6, ffn=7)
    return (student, random_params(student, "classification", seed=1, dtype=dtype)), (
        teacher, random_params(teacher, "classification", seed=2, dtype=dtype))


PARTS = [parts for n in (1, 2, 3)
         for parts in itertools.combinations(("attention", "hidden", "embedding"), n)]


@pytest.mark.parametrize("parts", PARTS, ids="+".join)
@pytest.mark.parametrize("pad", ["all", "exact"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.usefixtures("_level")
def test_tinybert_loss(parts, pad, dtype):
    """Loss, parts, the cotangents of the student's states and scores, and the projections'."""
    (config_s, params_s), (config_t, params_t) = student_and_teacher(dtype)
    ids, segments, keep = batch(config_s)
    student = bert_forward(params_s, config_s, ids, segments, keep, want=WANT)[0].encoded
    teacher = bert_forward(params_t, config_t, ids, segments, keep, want=WANT)[0].encoded
    proj = init_projections(config_s.hidden, config_t.hidden, seed=4, dtype=dtype)
    layer_map = uniform_map(2, 4)
    spec = TinyBertSpec(layer_map, pad=pad, **{k: k in parts for k in
                                               ("attention", "hidden", "embedding")})
    loss, got_parts, d_student, d_proj = tinybert_loss(student, teacher, keep, proj, spec)

    states, scores = (list(leaves(dict(enumerate(arrays))).values())
                      for arrays in (student.hidden, student.scores))
    w = leaves(proj)
    all_parts = T.tinybert_parts(
        (states, scores), ([torch.tensor(a) for a in teacher.hidden],
                           [torch.tensor(a) for a in teacher.scores]),
        layer_map, w[HIDDEN], w[EMBEDDING], torch.tensor(keep) if pad == "exact" else None,
    )
    expected = sum(all_parts[k] for k in parts)
    rtol = RTOL[dtype]
    assert_close(loss, expected.item(), name="loss", rtol=rtol)
    assert got_parts.keys() == set(parts)
    for k in parts:
        assert_close(got_parts[k], all_parts[k].item(), name=k, rtol=rtol)
    inputs = [*states, *scores, w[HIDDEN], w[EMBEDDING]]
    reference = torch.autograd.grad(expected, inputs, allow_unused=True)
    got = [*d_student.hidden, *d_student.scores, d_proj.get(HIDDEN), d_proj.get(EMBEDDING)]
    for g, e in zip(got, reference, strict=True):
        assert (g is None) == (e is None)
        if g is not None:
            assert_close(g, e.numpy(), rtol=rtol)
            assert g.dtype == dtype


@pytest.mark.parametrize("pad", ["all", "exact"])
@pytest.mark.usefixtures("_level")
def test_tinybert_gradients_through_the_student(pad):
    """All four losses at once, through the student to every parameter and projection."""
    (config_s, params_s), (config_t, params_t) = student_and_teacher()
    config_s = replace(config_s, pooler="tinybert")
    inputs = batch(config_s)
    keep, tau = inputs[2], 1.7
    proj = init_projections(config_s.hidden, config_t.hidden, seed=4, dtype=np.float64)
    spec = TinyBertSpec(uniform_map(2, 4), pad=pad)
    teacher, _ = bert_forward(params_t, config_t, *inputs, head="classification", want=WANT)
    student, cache = bert_forward(params_s, config_s, *inputs, head="classification", want=WANT)
    inner, _, d_encoded, d_proj = tinybert_loss(student.encoded, teacher.encoded, keep, proj, spec)
    outer, c_outer = F.soft_cross_entropy_forward(student.logits, teacher.logits, tau=tau)
    dlogits = F.soft_cross_entropy_backward(1.0, c_outer)
    grads = bert_backward(Output(d_encoded, dlogits), params_s, config_s, cache) | d_proj

    p, w = leaves(params_s), leaves(proj)
    tensors = [torch.tensor(a) for a in inputs]
    with torch.no_grad():
        p_t = leaves(params_t)
        *states_t, pooled_t = T.encode(p_t, config_t, *tensors)
        logits_t = T.classify(p_t, config_t, pooled_t)
    *states_s, pooled_s = T.encode(p, config_s, *tensors)
    parts = T.tinybert_parts(states_s, states_t, spec.layer_map, w[HIDDEN], w[EMBEDDING],
                             tensors[2] if pad == "exact" else None)
    loss = sum(parts.values()) + T.prediction(T.classify(p, config_s, pooled_s), logits_t, tau)
    assert_close(inner + outer, loss.item(), name="loss", rtol=1e-12)
    everything = p | w
    found = torch.autograd.grad(loss, list(everything.values()))
    expected = {k: g.numpy() for k, g in zip(everything, found, strict=True)}
    assert_same_gradients(grads, expected, 1e-10)


@pytest.mark.parametrize("tau", [1.0, 2.5])
def test_prediction_loss(tau):
    rng = np.random.default_rng(6)
    student, teacher = rng.standard_normal((2, 3, 5)) * 3
    z = torch.tensor(student, requires_grad=True)
    expected = T.prediction(z, torch.tensor(teacher), tau)
    expected.backward()
    loss, cache = F.soft_cross_entropy_forward(student, teacher, tau=tau)
    assert_close(loss, expected.item(), rtol=1e-12)
    assert_close(F.soft_cross_entropy_backward(1.0, cache), z.grad.numpy(), rtol=1e-10)


def test_the_reference_sees_what_it_must():
    """Each of these mistakes in the model moves a gradient far beyond the tolerance."""
    def no_mask_in_the_backward(d, cache):
        *dqkv, dmask = F.OPS["attention_backward"](d._replace(scores=None), cache)
        return *dqkv, dmask

    def gamma_outside_the_means(dy, cache):
        xhat, inv_sigma, gamma = cache
        dx, dgamma, dbeta = F.OPS["layernorm_backward"](dy, (xhat, inv_sigma, np.ones_like(gamma)))
        return dx * gamma, dgamma, dbeta

    wrong = {
        "attention": (F.OPS["attention_forward"], no_mask_in_the_backward),
        "layernorm": (F.OPS["layernorm_forward"], gamma_outside_the_means),
        "gelu": (F.OPS["gelu_forward"], F.OPS["gelu_tanh_backward"]),
    }
    for op, pair in wrong.items():
        with F.swap(**{op: pair}), pytest.raises(AssertionError, match="DIFFERS"):
            check_everything(widths(), "classification")


@pytest.mark.parametrize("head", ["classification", "tokens"])
def test_transcription_has_one_dropout_site_for_each_of_ours(head):
    """Every site's mask matters, to us as to the reference."""
    config = widths()
    params = random_params(config, head)
    inputs = batch(config)
    masks = dropout_masks(config, head)
    p = {k: torch.tensor(a) for k, a in params.items()}

    def both(masks):
        drop = Drop(config.dropout, masks=masks)
        ours, _ = bert_forward(params, config, *inputs, head=head, drop=drop)
        theirs = transcribed(p, config, head, None, *inputs, masks)
        return ours.logits, theirs[-1].numpy()

    before = both(masks)
    for site, mask in masks.items():
        after = both(masks | {site: np.ones_like(mask)})
        for old, new in zip(before, after, strict=True):
            assert np.abs(new - old).max() > 1e-6, f"site {site} drops nothing"
        assert_close(*after, rtol=1e-10)


def test_head_mask_names_are_the_transcriptions():
    assert layer_prefix(1) == T.LAYER.format(1)
