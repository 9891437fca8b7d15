"""int8 by PyTorch's fake quantization, which returns scale (q - zero), and its integer product.

PyTorch multiplies by 1/scale where the formula divides, so that near a half the two may round to
different sides. There the formula is taken at its word, in float32; elsewhere both must agree.
"""

import torch

from ..harness import reference, step

TINY = 1.2e-38


def _codes(rows, scale, zero, low):
    """The codes of each row, found again in what fake quantization makes of it."""
    near = torch.fake_quantize_per_channel_affine(rows, scale, zero, 0, low, 127)
    scale, zero = scale[:, None], zero[:, None]
    theirs = torch.round(near / scale) + zero
    divided = torch.round(rows / scale)  # ties to even
    clear = divided == torch.round(rows * (1 / scale))
    codes = torch.clamp(divided + zero, low, 127)
    assert torch.equal(codes[clear], theirs[clear])
    return codes.to(torch.int8)


def of_codes(mode):
    """Who computed the codes."""
    if mode == "ties":
        return "the formula in torch.float32: division and torch.round, half to even"
    return "torch.fake_quantize_per_channel_affine, a row a channel"


@reference("quantize_symmetric", source=of_codes)
def quantize_symmetric(w):
    w = w.float()
    scale = torch.clamp(w.abs().amax(1) / 127, min=TINY)
    return {"q": _codes(w, scale, torch.zeros(len(w), dtype=torch.int32), -127), "scale": scale}


@reference("quantize_affine", source=of_codes)
def quantize_affine(x):
    x = x.float()
    low, high = x.amin(-1, keepdim=True).clamp(max=0), x.amax(-1, keepdim=True).clamp(min=0)
    scale = torch.clamp((high - low) / 255, min=TINY)
    zero = torch.round(-128 - low / scale).int()
    q = _codes(x.flatten(0, -2), scale.flatten(), zero.flatten(), -128)
    return {"q": q.reshape(x.shape), "scale": scale, "zero": zero}


@reference("int8_matmul", source="torch._int_mm")
def int8_matmul(qx, qw):
    acc = torch._int_mm(qx.flatten(0, -2), qw.T.contiguous())
    return acc.reshape(*qx.shape[:-1], len(qw))


@reference("int8_linear", source="torch._int_mm of torch.fake_quantize_per_channel_affine's codes")
def int8_linear(x, w, b):
    of_x, of_w = quantize_affine(x), quantize_symmetric(w)
    step("q_x", of_x["q"])
    return product(of_x, step("q_w", of_w["q"]), of_w["scale"], b)


def product(of_x, q_w, s_w, b):
    """The layer on codes."""
    row_sum = q_w.sum(1, dtype=torch.int32)
    acc = step("acc", int8_matmul(of_x["q"], q_w) - of_x["zero"] * row_sum)
    return acc.float() * of_x["scale"] * s_w + b.float()
