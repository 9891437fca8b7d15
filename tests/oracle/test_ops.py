"""Every op and its gradients against PyTorch's functions and autograd, in float64 and float32."""

import math

import numpy as np
import pytest

from minibert import kernels, ops
from minibert.check import assert_close
from minibert.ops import Attended, Drop

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
nn = torch.nn.functional

pytestmark = pytest.mark.oracle
B, H, L, K, F, S, V, C = 2, 3, 5, 7, 11, 13, 17, 19
D = H * K
TOLERANCE = {np.float64: (1e-12, 1e-11), np.float32: (1e-5, 1e-5)}  # forward, gradients
DTYPES = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])


LEVELS = ["numpy", *(level for level in ("numba", "c") if not kernels.available(level)[1])]


@pytest.fixture(params=LEVELS)
def F_(request):
    """The ops at one level; tests/ops/test_levels.py says which are missing, and why."""
    with kernels.use(request.param):
        yield kernels


def numbers(*shapes, seed=0, scale=1.5, shift=0.3):
    rng = np.random.default_rng(seed)
    return [shift + scale * rng.standard_normal(shape) for shape in shapes]


def leaves(x):
    if isinstance(x, (tuple, list)):
        return [leaf for part in x for leaf in leaves(part)]
    return [] if x is None else [x]


def agree(pair, args, reference, dtype, *, wrt, kwargs=None, rtol=None):
    """`pair` on args against the torch function `reference`, which takes the same arrays.

    The cotangents are random. wrt are the positions, in args, that the gradients belong to.
    """
    forward_rtol, gradient_rtol = rtol or TOLERANCE[dtype]
    args = [a.astype(dtype) if _is_float(a) else a for a in args]
    out, cache = pair[0](*args, **(kwargs or {}))
    tensors = [torch.tensor(a) if isinstance(a, np.ndarray) else a for a in args]
    for place in wrt:
        tensors[place].requires_grad_()
    expected = leaves(reference(*tensors))
    assert len(leaves(out)) == len(expected)
    for n, (y, e) in enumerate(zip(leaves(out), expected, strict=True)):
        assert y.dtype == dtype
        assert_close(y, e.detach().numpy(), name=f"output {n}", rtol=forward_rtol)
    rng = np.random.default_rng(7)
    douts = [np.asarray(rng.standard_normal(e.shape), dtype)[()] for e in expected]
    torch.autograd.backward(expected, [torch.as_tensor(d) for d in douts])
    grads = leaves(pair[1](_like(out, iter(douts)), cache))
    for place, g in zip(wrt, grads, strict=True):
        assert g.dtype == dtype
        assert_close(g, tensors[place].grad.numpy(), name=f"gradient {place}", rtol=gradient_rtol)


def _is_float(a):
    return isinstance(a, np.ndarray) and np.issubdtype(a.dtype, np.floating)


def _like(out, values):
    if isinstance(out, tuple):
        parts = [None if part is None else _like(part, values) for part in out]
        return type(out)(*parts) if hasattr(out, "_fields") else tuple(parts)
    return next(values)


def _scaled_mask(shape, drop, dtype):
    return torch.tensor(ops.keep_mask(shape, drop).astype(dtype) / (1 - drop.rate))


def pair(F_, name):
    return getattr(F_, f"{name}_forward"), getattr(F_, f"{name}_backward")


# --------------------------------------------------------------------------------------- token-wise


@DTYPES
def test_linear(F_, dtype):
    agree(pair(F_, "linear"), numbers((B, L, D), (F, D), F), nn.linear, dtype, wrt=(0, 1, 2))


@DTYPES
@pytest.mark.parametrize("eps", [1e-12, 1e-5])
def test_layernorm(F_, dtype, eps):
    def reference(x, gamma, beta):
        return nn.layer_norm(x, (D,), gamma, beta, eps)

    args = numbers((B, L, D), D, D)
    agree(pair(F_, "layernorm"), args, reference, dtype, wrt=(0, 1, 2), kwargs={"eps": eps})


@DTYPES
@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("gelu", nn.gelu),
        ("gelu_tanh", lambda x: nn.gelu(x, approximate="tanh")),
        ("tanh", torch.tanh),
        ("relu", torch.relu),
        ("softmax", lambda x: torch.softmax(x, -1)),
        ("log_softmax", lambda x: torch.log_softmax(x, -1)),
    ],
)
def test_functions_of_one_array(F_, dtype, name, reference):
    agree(pair(F_, name), numbers((B, L, 997), scale=3), reference, dtype, wrt=(0,))


@DTYPES
def test_erf(dtype):
    x = np.linspace(-8, 8, 100_001).astype(dtype)
    bound = {np.float64: 4e-15, np.float32: 5e-7}[dtype]
    assert (
        np.abs(ops.erf(x) - torch.erf(torch.tensor(x, dtype=torch.float64)).numpy()).max() < bound
    )


@DTYPES
@pytest.mark.parametrize("padding_idx", [0, 4])
def test_embedding(F_, dtype, padding_idx):
    rng = np.random.default_rng(0)
    ids, segments = rng.integers(0, V, (B, L)), rng.integers(0, 2, (B, L))
    ids[:, -1] = padding_idx
    ids[0, 1] = ids[1, 2] = ids[0, 0]

    def reference(word, position, segment, ids, segments):
        word = nn.embedding(ids, word, padding_idx=padding_idx)
        return word + position[:L] + nn.embedding(segments, segment)

    args = [*numbers((V, D), (L + 2, D), (2, D)), ids, segments]
    options = {"pad_id": padding_idx}
    agree(pair(F_, "embedding"), args, reference, dtype, wrt=(0, 1, 2), kwargs=options)


@DTYPES
def test_dropout_with_the_same_mask(F_, dtype):
    (x,) = numbers((B, L, D))
    drop = Drop(0.3, seed=3)
    keep = _scaled_mask(x.shape, drop, dtype)
    forward, backward = pair(F_, "dropout")
    of_x = (lambda x: forward(x, drop)), backward
    agree(of_x, [x], lambda x: x * keep, dtype, wrt=(0,))


# ---------------------------------------------------------------------------------------- attention


def _keep(length):
    return np.arange(length) < np.array([[length - 2], [length]])


def _bias(kind, length, dtype):
    if kind == "padding":
        return ops.padding_bias(_keep(length), dtype)
    return ops.causal_bias(length, dtype) if kind == "causal" else None


@DTYPES
@pytest.mark.parametrize(
    ("kind", "keys"), [(None, L), ("padding", L), ("causal", L), ("padding", S)], ids=str
)
def test_attention(F_, dtype, kind, keys):
    bias = _bias(kind, keys, dtype)

    def reference(q, k, v):
        mask = None if bias is None else torch.tensor(bias)
        return nn.scaled_dot_product_attention(q, k, v, attn_mask=mask)

    forward, backward = pair(F_, "attention")
    no_mask = forward, lambda d, c: backward(d, c)[:3]
    args = numbers((B, H, L, K), (B, H, keys, K), (B, H, keys, K))
    agree(no_mask, args, reference, dtype, wrt=(0, 1, 2), kwargs={"bias": bias})


@DTYPES
def test_the_boolean_mask_of_pytorch_is_our_bias(F_, dtype):
    q, k, v = (a.astype(dtype) for a in numbers((B, H, L, K), (B, H, L, K), (B, H, L, K)))
    out, _ = F_.attention_forward(q, k, v, ops.padding_bias(_keep(L), dtype))
    mask = torch.tensor(_keep(L))[:, None, None, :]
    expected = nn.scaled_dot_product_attention(*map(torch.tensor, (q, k, v)), attn_mask=mask)
    assert_close(out.context, expected.numpy(), rtol=TOLERANCE[dtype][0])


@DTYPES
@pytest.mark.parametrize("drop", [None, Drop(0.3, seed=3, site=2)], ids=["plain", "dropout"])
def test_attention_with_scores_head_mask_and_dropout(F_, dtype, drop):
    bias = ops.padding_bias(_keep(L), dtype)
    keep = 1.0 if drop is None else _scaled_mask((B, H, L, L), drop, dtype)
    forward, backward = pair(F_, "attention")

    def with_mask(q, k, v, head_mask):
        return forward(q, k, v, bias, head_mask=head_mask, want_scores=True, drop=drop)

    def reference(q, k, v, head_mask):
        scores = q @ k.transpose(-1, -2) / math.sqrt(K)
        p = torch.softmax(scores + torch.tensor(bias), -1) * keep
        return Attended(p @ v * head_mask[:, None, None], scores)

    args = numbers((B, H, L, K), (B, H, L, K), (B, H, L, K), H)
    agree((with_mask, backward), args, reference, dtype, wrt=(0, 1, 2, 3))


def test_a_fully_masked_row_has_pytorchs_gradient_too(F_):
    """Its output is uniform either way; dv is checked, and dq and dk are those of the formula."""
    bias = np.full((B, 1, 1, L), np.finfo(np.float64).min)
    forward, backward = pair(F_, "attention")
    no_mask = forward, lambda d, c: backward(d, c)[:3]

    def reference(q, k, v):
        return torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(K) + torch.tensor(bias), -1) @ v

    args = numbers((B, H, L, K), (B, H, L, K), (B, H, L, K))
    agree(no_mask, args, reference, np.float64, wrt=(0, 1, 2), kwargs={"bias": bias})


# ------------------------------------------------------------------------------------------- losses


@DTYPES
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("ignore_index", [-100, 0])
def test_cross_entropy(F_, dtype, smoothing, ignore_index):
    labels = np.random.default_rng(0).integers(0, C, 12)
    labels[[2, 5, 6]] = ignore_index
    options = {"ignore_index": ignore_index}

    def reference(z, labels):
        return nn.cross_entropy(z, labels, label_smoothing=smoothing, **options)

    kwargs = {**options, "smoothing": smoothing}
    args = [*numbers((12, C), scale=3), labels]
    agree(pair(F_, "softmax_cross_entropy"), args, reference, dtype, wrt=(0,), kwargs=kwargs)


@DTYPES
@pytest.mark.parametrize("tau", [1.0, 0.5, 4.0])
@pytest.mark.parametrize("mean", ["batch", "all"])
def test_soft_cross_entropy_both_means(F_, dtype, tau, mean):
    """D4: the paper's mean over the batch, and the authors' code's over batch and classes."""

    def reference(student, teacher):
        product = -torch.softmax(teacher / tau, -1) * torch.log_softmax(student / tau, -1)
        return product.mean() if mean == "all" else product.sum(-1).mean()

    args = numbers((12, C), (12, C), scale=2)
    options = {"tau": tau, "mean": mean}
    agree(pair(F_, "soft_cross_entropy"), args, reference, dtype, wrt=(0,), kwargs=options)


@DTYPES
def test_the_paper_form_is_cross_entropy_with_probabilities(F_, dtype):
    def reference(student, teacher):
        return nn.cross_entropy(student, torch.softmax(teacher, -1))

    args = numbers((12, C), (12, C), scale=2)
    agree(pair(F_, "soft_cross_entropy"), args, reference, dtype, wrt=(0,))


@DTYPES
@pytest.mark.parametrize("tau", [1.0, 0.5, 4.0])
def test_kl(F_, dtype, tau):
    def reference(student, teacher):
        log_s, p_t = torch.log_softmax(student / tau, -1), torch.softmax(teacher / tau, -1)
        return tau**2 * nn.kl_div(log_s, p_t, reduction="batchmean")

    args = numbers((12, C), (12, C), scale=2)
    agree(pair(F_, "kl"), args, reference, dtype, wrt=(0,), kwargs={"tau": tau})


@DTYPES
@pytest.mark.parametrize("keep", [None, _keep(L)], ids=["all", "keep"])
@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("mse", nn.mse_loss),
        ("cosine", lambda a, b: (1 - nn.cosine_similarity(a, b, dim=-1)).mean()),
    ],
)
def test_distances(F_, dtype, keep, name, reference):
    def kept(a, b):
        return (
            reference(a, b)
            if keep is None
            else reference(a[torch.tensor(keep)], b[torch.tensor(keep)])
        )

    args = numbers((B, L, D), (B, L, D))
    agree(pair(F_, name), args, kept, dtype, wrt=(0, 1), kwargs={"keep": keep})


def test_cosine_of_a_row_of_zeros(F_):
    a, b = numbers((3, D), (3, D))
    a[1] = 0

    def reference(a, b):
        return (1 - nn.cosine_similarity(a, b, dim=-1)).mean()

    agree(pair(F_, "cosine"), [a, b], reference, np.float64, wrt=(0, 1))


# -------------------------------------------------------------------------------------------- fused


@DTYPES
def test_qkv(F_, dtype):
    def reference(x, *weights):
        return tuple(nn.linear(x, w, b) for w, b in zip(weights[::2], weights[1::2], strict=True))

    args = numbers((B, L, D), (F, D), F, (F, D), F, (F, D), F)
    agree(pair(F_, "qkv"), args, reference, dtype, wrt=range(7))


@DTYPES
def test_linear_gelu(F_, dtype):
    args = numbers((B, L, D), (F, D), F, scale=0.5)
    agree(pair(F_, "linear_gelu"), args, lambda *a: nn.gelu(nn.linear(*a)), dtype, wrt=(0, 1, 2))


@DTYPES
@pytest.mark.parametrize("drop", [None, Drop(0.3, seed=3, site=2)], ids=["plain", "dropout"])
def test_linear_add_layernorm(F_, dtype, drop):
    keep = 1.0 if drop is None else _scaled_mask((B, L, D), drop, dtype)

    def reference(x, w, b, residual, gamma, beta):
        return nn.layer_norm(residual + nn.linear(x, w, b) * keep, (D,), gamma, beta, 1e-12)

    args = numbers((B, L, F), (D, F), D, (B, L, D), D, D)
    agree(
        pair(F_, "linear_add_layernorm"),
        args,
        reference,
        dtype,
        wrt=range(6),
        kwargs={"drop": drop},
    )


# --------------------------------------------------------------------------------------------- int8


def test_symmetric_codes_are_pytorchs_but_for_ties():
    """PyTorch multiplies by 1/scale where we divide, so a code may differ by one at a tie."""
    (w,) = (a.astype(np.float32) for a in numbers((64, 312)))
    packed = ops.quantize_symmetric(w)
    scale, zero = torch.tensor(packed.scale), torch.zeros(64, dtype=torch.int32)
    fake = torch.fake_quantize_per_channel_affine(torch.tensor(w), scale, zero, 0, -127, 127)
    codes = np.rint(fake.numpy() / packed.scale[:, None])
    assert np.abs(codes - packed.q).max() <= 1
    assert (codes != packed.q).mean() < 1e-3


def test_the_accumulator_is_pytorchs_int_mm(F_):
    rng = np.random.default_rng(0)
    qx, qw = (rng.integers(-128, 128, s).astype(np.int8) for s in ((32, 64), (48, 64)))
    expected = torch._int_mm(torch.tensor(qx), torch.tensor(qw.T.copy()))
    assert np.array_equal(F_.int8_matmul(qx, qw), expected.numpy())
