"""Every int8 linear layer of a forward gives the same bits in NumPy, Numba and C."""

from contextlib import nullcontext

import numpy as np
import pytest
from model.small import batch, random_params

from minibert import kernels as F
from minibert import ops
from minibert.config import BertConfig, LayerSize
from minibert.model import ComposedLinear, bert_forward
from minibert.ops import QTensor
from minibert.quant import quantize_params

CONFIG = BertConfig(
    vocab=101, hidden=67, layers=(LayerSize(3, 13, 129), LayerSize(2, 17, 31)), classes=5
)


@pytest.fixture(scope="module")
def calls():
    """x, w, b of all int8 linear layers of one forward: each layer's, and the two heads'."""
    seen = []

    def recorded(x, w, b):
        seen.append((x, w, b))
        return ops.int8_linear_forward(x, w, b)

    inputs = batch(CONFIG, rows=5, length=23)
    with F.use("numpy"), F.swap(int8_linear_forward=recorded):
        for head in ("classification", "mlm"):
            params = quantize_params(random_params(CONFIG, head, dtype=np.float32))
            bert_forward(params, CONFIG, *inputs, head=head, linear=ComposedLinear())
    assert len(seen) == 2 * (6 * CONFIG.n_layers + 1) + 3
    return seen


def forms():
    """Each form of the int8 kernels by name, and the reason why it cannot run here, or None."""
    yield "numba", nullcontext, F.available("numba")[1] or None
    missing = F.available("c")[1]
    if missing:
        yield "c", nullcontext, missing
        return
    from minibert.kernels import c_int8

    for level, why in c_int8.levels().items():
        yield f"c-{level}", lambda level=level: c_int8.use_level(level), why


@pytest.mark.parametrize(("name", "context", "why"), [pytest.param(*f, id=f[0]) for f in forms()])
def test_the_same_bits(calls, name, context, why):
    if why:
        pytest.skip(f"{name}: {why}")
    with F.use(name.split("-")[0]), context():
        assert F.source("int8_linear_forward") == name.split("-")[0]
        for x, w, b in calls:
            expected, _ = ops.int8_linear_forward(x, w, b)
            y, _ = F.int8_linear_forward(x, QTensor(w.q, w.scale), b)
            assert y.dtype == np.float32
            assert y.tobytes() == expected.tobytes()


def test_the_layers_see_real_inputs(calls):
    """Both signs, different rows: what the comparison above stands on."""
    for x, w, _ in calls:
        q = x.q if isinstance(x, ops.QRows) else ops.quantize_affine(x).q
        assert q.min() < 0 < q.max()
        assert (w.q != 0).mean() > 0.5
