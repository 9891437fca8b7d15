"""int8 by PyTorch's fake quantization, which returns scale (q - zero), and its integer product.

PyTorch multiplies by 1/scale where the library divides: at a tie a code may differ by one. The
cases' inputs have none.
"""

import torch

from ..harness import reference, step

TINY = 1.2e-38


def _codes(rows, scale, zero, low):
    """The codes of each row, found again in what fake quantization makes of it."""
    near = torch.fake_quantize_per_channel_affine(rows, scale, zero, 0, low, 127)
    return (torch.round(near / scale[:, None]) + zero[:, None]).to(torch.int8)


@reference("quantize_symmetric", source="torch.fake_quantize_per_channel_affine")
def quantize_symmetric(w):
    w = w.float()
    scale = torch.clamp(w.abs().amax(1) / 127, min=TINY)
    return {"q": _codes(w, scale, torch.zeros(len(w), dtype=torch.int32), -127), "scale": scale}


@reference("quantize_affine", source="torch.fake_quantize_per_channel_affine, a row a channel")
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
    q_x, q_w = step("q_x", of_x["q"]), step("q_w", of_w["q"])
    row_sum = q_w.sum(1, dtype=torch.int32)
    acc = step("acc", int8_matmul(q_x, q_w) - of_x["zero"] * row_sum)
    return acc.float() * of_x["scale"] * of_w["scale"] + b.float()
