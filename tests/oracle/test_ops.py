"""Every op against its reference, on other inputs and sizes than those of the golden files.

The references are those of the folder references, in float64; the ops run in both precisions, at
every level that has something of its own for them. Below are what the table of cases cannot say.
"""

import math
from dataclasses import replace

import numpy as np
import pytest

from minibert import kernels as F
from minibert import ops
from minibert.check import assert_close
from minibert.check.cases import CASES, PRIMES, SQUARE
from minibert.check.levels import at_level, kernel_levels, serves
from minibert.check.structure import cast, filled, leaves

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
nn = torch.nn.functional

from .harness import golden_arrays, load_references  # noqa: E402

pytestmark = pytest.mark.oracle
load_references()
B, H, L, K, D, S = PRIMES.B, PRIMES.H, PRIMES.L, PRIMES.K, PRIMES.D, PRIMES.S
TOLERANCE = {np.float64: (1e-12, 1e-11), np.float32: (1e-5, 1e-5)}  # outputs, gradients
DTYPES = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
LEVELS = [level for level, missing in kernel_levels().items() if not missing]
WIDE = PRIMES._replace(H=12, K=26, F=997, S=997)  # more than a vector register holds, and a rest
SIZES = {"primes": PRIMES, "square": SQUARE, "wide": WIDE}
SEEDS = {"primes": 101, "square": 102, "wide": 103}  # the golden files have 0


def _is_int8(case):
    return "int8" in case.op or "quantize" in case.op


def _functions_of(case):
    return F.OPS.keys() & {case.op, f"{case.op}_forward", f"{case.op}_backward"}


def _table():
    """(case, size, level) of every op; a level only where it has a function of its own."""
    for case in CASES:
        # int8 weights in an op on floats have one precision, and no gradient: see test_golden.
        belongs = _functions_of(case) and (case.mode != "int8" or _is_int8(case))
        for level in LEVELS if belongs else []:
            if level == "numpy" or serves(level, case):
                # Among many codes some are ties, where PyTorch's 1/scale rounds another way.
                sizes = [size for size in SIZES if not (size == "wide" and _is_int8(case))]
                yield from ((case, size, level) for size in sizes)


_computed = {}


def reference_for(case, size):
    """The case on inputs of this size, and what its reference computes for them."""

    def make(rng, z, dtype):
        return case.make(np.random.default_rng(SEEDS[size]), SIZES[size], dtype)

    if (str(case), size) not in _computed:
        drawn = replace(case, make=make)
        _computed[str(case), size] = drawn, golden_arrays(drawn)
    return _computed[str(case), size]


@DTYPES
@pytest.mark.parametrize(
    ("case", "size", "level"), [pytest.param(*row, id="-".join(map(str, row))) for row in _table()]
)
def test_the_op_is_its_reference(case, size, level, dtype):
    case, expected = reference_for(case, size)
    output_rtol, gradient_rtol = TOLERANCE[dtype]
    with at_level(level):
        forward, backward = case.functions()
        args, kwargs = case.inputs(dtype=dtype)
        out, cache = forward(*args, **kwargs)
        found = leaves(out, "output")
        if backward:
            douts = {n: d for n, d in expected.items() if n.startswith("cotangent")}
            grads = backward(cast(filled(out, "cotangent", douts), dtype), cache)
            found |= leaves(case.named_gradients(grads), "gradient")
    assert found.keys() == {n for n in expected if n.split(".")[0] in ("output", "gradient")}
    for name, array in found.items():
        if _is_int8(case) or array.dtype == bool:  # the same bits, whatever came in
            assert array.dtype == expected[name].dtype
            assert np.array_equal(array, expected[name]), name
        else:
            assert array.dtype == (np.float64 if case.op == "sinusoidal_positions" else dtype)
            rtol = gradient_rtol if name.startswith("gradient") else output_rtol
            assert_close(array, expected[name], name=name, rtol=rtol)


def test_every_op_is_in_the_table():
    known = set().union(*map(_functions_of, CASES))
    below = {"causal_bias", "padding_bias", "transformer_layer"}
    within_optimizers = {"adamw_update", "bert_adam_update", "sum_of_squares"}
    assert F.OPS.keys() - known == below | within_optimizers


# ----------------------------------------------------------------------- beside the table


@pytest.fixture(params=[level for level in LEVELS if level in ("numpy", "numba")])
def F_(request):
    """The ops at one level; tests/ops/test_levels.py says which are missing, and why."""
    with F.use(request.param):
        yield F


def numbers(*shapes, seed=0, scale=1.5, shift=0.3):
    rng = np.random.default_rng(seed)
    return [shift + scale * rng.standard_normal(shape) for shape in shapes]


def pulled_back(reference, args, dout):
    """What the torch function makes of the arrays, and its gradients for a cotangent."""
    tensors = [torch.tensor(a, requires_grad=True) for a in args]
    y = reference(*tensors)
    grads = torch.autograd.grad(y, tensors, torch.as_tensor(np.asarray(dout)))
    return y.detach().numpy(), [g.numpy() for g in grads]


@DTYPES
def test_erf(dtype):
    x = np.linspace(-8, 8, 100_001).astype(dtype)
    bound = {np.float64: 4e-15, np.float32: 5e-7}[dtype]
    expected = torch.erf(torch.tensor(x, dtype=torch.float64)).numpy()
    assert np.abs(ops.erf(x) - expected).max() < bound


def _keep(length):
    return np.arange(length) < np.array([[length - 2], [length]])


@DTYPES
@pytest.mark.parametrize("keys", [L, S])
def test_the_boolean_mask_of_pytorch_is_our_padding_bias(F_, dtype, keys):
    shapes = (B, H, L, K), (B, H, keys, K), (B, H, keys, K)
    q, k, v = (a.astype(dtype) for a in numbers(*shapes))
    out, _ = F_.attention_forward(q, k, v, ops.padding_bias(_keep(keys), dtype))
    mask = torch.tensor(_keep(keys))[:, None, None, :]
    expected = nn.scaled_dot_product_attention(*map(torch.tensor, (q, k, v)), attn_mask=mask)
    assert_close(out.context, expected.numpy(), rtol=TOLERANCE[dtype][0])


@DTYPES
def test_is_causal_of_pytorch_is_our_causal_bias(F_, dtype):
    q, k, v = (a.astype(dtype) for a in numbers(*[(B, H, L, K)] * 3))
    out, _ = F_.attention_forward(q, k, v, ops.causal_bias(L, dtype))
    expected = nn.scaled_dot_product_attention(*map(torch.tensor, (q, k, v)), is_causal=True)
    assert_close(out.context, expected.numpy(), rtol=TOLERANCE[dtype][0])


@DTYPES
def test_the_most_negative_float64_hides_keys_in_the_backward_too(F_, dtype):
    """The table's bias is float32's most negative number; a model in float64 has its own."""
    bias = ops.padding_bias(_keep(L), dtype)
    args = [a.astype(dtype) for a in numbers(*[(B, H, L, K)] * 3)]
    (dout,) = (a.astype(dtype) for a in numbers((B, H, L, K), seed=1))

    def reference(q, k, v):
        return nn.scaled_dot_product_attention(q, k, v, attn_mask=torch.tensor(bias))

    expected, expected_grads = pulled_back(reference, args, dout)
    out, cache = F_.attention_forward(*args, bias)
    assert_close(out.context, expected, rtol=TOLERANCE[dtype][0])
    grads = F_.attention_backward(ops.Attended(dout, None), cache)[:3]
    for name, g, e in zip("qkv", grads, expected_grads, strict=True):
        assert_close(g, e, name=name, rtol=TOLERANCE[dtype][1])


def test_a_fully_masked_row_has_pytorchs_gradient_too(F_):
    """Its output is uniform either way; dv is checked, and dq and dk are those of the formula."""
    bias = np.full((B, 1, 1, L), np.finfo(np.float64).min)
    args, (dout,) = numbers(*[(B, H, L, K)] * 3), numbers((B, H, L, K), seed=1)

    def reference(q, k, v):
        return torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(K) + torch.tensor(bias), -1) @ v

    expected, expected_grads = pulled_back(reference, args, dout)
    out, cache = F_.attention_forward(*args, bias)
    assert_close(out.context, expected, rtol=1e-12)
    grads = F_.attention_backward(ops.Attended(dout, None), cache)[:3]
    for name, g, e in zip("qkv", grads, expected_grads, strict=True):
        assert_close(g, e, name=name, rtol=1e-11)


@DTYPES
@pytest.mark.parametrize("tau", [0.25, 4.0])
def test_the_released_codes_mean_at_any_temperature(F_, dtype, tau):
    """The mean of everything is the mean over rows by the number of classes."""
    student, teacher = (a.astype(dtype) for a in numbers((12, 19), (12, 19), scale=2))

    def reference(s, t):
        return (-torch.softmax(t / tau, -1) * torch.log_softmax(s / tau, -1)).mean()

    inputs = student.astype(float), teacher.astype(float)
    expected, (expected_grad, _) = pulled_back(reference, inputs, 1.0)
    loss, cache = F_.soft_cross_entropy_forward(student, teacher, tau=tau, mean="all")
    assert_close(loss, expected, rtol=TOLERANCE[dtype][0])
    grad = F_.soft_cross_entropy_backward(dtype(1), cache)
    assert_close(grad, expected_grad, rtol=TOLERANCE[dtype][1])


def test_cosine_of_a_row_of_zeros(F_):
    a, b = numbers((3, D), (3, D))
    a[1] = 0

    def reference(a, b):
        return (1 - nn.cosine_similarity(a, b, dim=-1)).mean()

    expected, expected_grads = pulled_back(reference, [a, b], 0.7)
    loss, cache = F_.cosine_forward(a, b)
    assert_close(loss, expected, rtol=1e-12)
    for g, e in zip(F_.cosine_backward(0.7, cache), expected_grads, strict=True):
        assert_close(g, e, rtol=1e-11)


def test_symmetric_codes_are_pytorchs_but_for_ties():
    """PyTorch multiplies by 1/scale where we divide, so a code may differ by one at a tie."""
    (w,) = (a.astype(np.float32) for a in numbers((64, 312)))
    packed = ops.quantize_symmetric(w)
    scale, zero = torch.tensor(packed.scale), torch.zeros(64, dtype=torch.int32)
    fake = torch.fake_quantize_per_channel_affine(torch.tensor(w), scale, zero, 0, -127, 127)
    codes = np.rint(fake.numpy() / packed.scale[:, None])
    assert np.abs(codes - packed.q).max() <= 1
    assert (codes != packed.q).mean() < 1e-3


@pytest.mark.parametrize("level", LEVELS)
def test_the_accumulator_is_pytorchs_int_mm(level):
    rng = np.random.default_rng(0)
    qx, qw = (rng.integers(-128, 128, s).astype(np.int8) for s in ((32, 64), (48, 64)))
    expected = torch._int_mm(torch.tensor(qx), torch.tensor(qw.T.copy()))
    with at_level(level):
        assert np.array_equal(F.int8_matmul(qx, qw), expected.numpy())
