"""What every op has to pass, as functions of a (forward, backward) pair and a case.

The tests call them on the library's functions, and on wrong ones, where they must fail.
"""

import numpy as np

from minibert.check import assert_close, assert_gradient
from minibert.check.cases import PRIMES, SQUARE
from minibert.check.structure import cast, mapped

FORWARD = {np.float64: 1e-12, np.float32: 1e-5}
GRADIENT = {np.float64: 1e-11, np.float32: 1e-5}
DTYPES = (np.float64, np.float32)


def leaves(x):
    """The arrays and scalars of a result, without the Nones."""
    if x is None:
        return []
    if isinstance(x, (tuple, list)):
        return [leaf for part in x for leaf in leaves(part)]
    return [x]


def as_tuple(grads):
    return grads if isinstance(grads, tuple) else (grads,)


def cotangent(out, seed=1):
    """A random cotangent with the structure and the dtype of `out`."""
    rng = np.random.default_rng(seed)

    def draw(y):
        return None if y is None else np.asarray(rng.standard_normal(np.shape(y)), y.dtype)[()]

    return mapped(draw, out)


def names(case, grads):
    return [
        f"gradient {'of ' + str(w) if w is not None else 'none'}" for w in case.wrt[: len(grads)]
    ]


def check_forward(pair, case, z=PRIMES, dtype=np.float64, rtol=None):
    """The output is that of the loop form, in float64, from the same inputs."""
    args, kwargs = case.inputs(z, dtype)
    out, _ = pair[0](*args, **kwargs)
    expected = case.forward(*cast(args, np.float64), **cast(kwargs, np.float64))
    got, expected = leaves(out), leaves(expected)
    assert len(got) == len(expected), f"{len(got)} outputs, the loop form has {len(expected)}"
    for n, (g, e) in enumerate(zip(got, expected, strict=True)):
        assert_close(g, e, name=f"{case} output {n}", rtol=rtol or FORWARD[dtype])


def check_backward(pair, case, z=PRIMES, dtype=np.float64, rtol=None):
    """The gradients are those of the loop form, where it has one."""
    args, kwargs = case.inputs(z, dtype)
    out, cache = pair[0](*args, **kwargs)
    dout = cotangent(out)
    grads = as_tuple(pair[1](dout, cache))
    dout, args, kwargs = cast((dout, args, kwargs), np.float64)
    expected = case.backward(dout, *args, **kwargs)
    assert len(grads) == len(expected), f"{len(grads)} gradients, the loop form has {len(expected)}"
    for name, g, e in zip(names(case, grads), grads, expected, strict=True):
        assert (g is None) == (e is None), f"{case} {name}: {g} where {e} was expected"
        if e is not None:
            assert_close(g, e, name=f"{case} {name}", rtol=rtol or GRADIENT[dtype])


def check_gradient(pair, case, z=PRIMES):
    """Every entry of every gradient, against central differences; tolerance 1e-6."""
    args, kwargs = case.inputs(z)
    assert_gradient(*pair, args, kwargs, wrt=case.wrt)


def check_shapes(pair, case, z=PRIMES):
    """A gradient has the shape of its input, and there are as many as the table says."""
    args, kwargs = case.inputs(z)
    out, cache = pair[0](*args, **kwargs)
    grads = as_tuple(pair[1](cotangent(out), cache))
    assert len(grads) == len(case.wrt), f"{len(grads)} gradients, expected {len(case.wrt)}"
    for place, g in zip(case.wrt, grads, strict=True):
        if place is None:
            assert g is None
        else:
            x = args[place] if isinstance(place, int) else kwargs[place]
            assert g.shape == x.shape, (
                f"{case}: the gradient of {place} is {g.shape}, not {x.shape}"
            )


def check_dtype(pair, case, dtype):
    """dtype in is dtype out, forward and backward."""
    args, kwargs = case.inputs(dtype=dtype)
    out, cache = pair[0](*args, **kwargs)
    grads = as_tuple(pair[1](cotangent(out), cache))
    for what, values in (("output", out), ("gradient", grads)):
        for n, value in enumerate(leaves(values)):
            assert value.dtype == dtype, (
                f"{case}: {what} {n} is {value.dtype}, not {dtype.__name__}"
            )


def check_purity(pair, case):
    """Neither inputs nor cotangent change, and a second call gives the same bits."""
    args, kwargs = case.inputs()
    before = _copies(args), _copies(kwargs.values())
    out, cache = pair[0](*args, **kwargs)
    first = [np.array(y) for y in leaves(out)]
    dout = cotangent(out)
    dout_before = [np.array(d) for d in leaves(dout)]
    grads = [np.array(g) for g in leaves(pair[1](dout, cache))]
    again = leaves(pair[1](dout, cache))
    _same(grads, again, f"{case}: a second backward differs from the first")
    _same(dout_before, leaves(dout), f"{case}: the backward changed its cotangent")
    _same(before[0], _copies(args), f"{case}: an input was changed")
    _same(before[1], _copies(kwargs.values()), f"{case}: a keyword input was changed")
    _same(first, leaves(out), f"{case}: the backward changed the output")
    _same(first, leaves(pair[0](*args, **kwargs)[0]), f"{case}: a second forward differs")


def check_strided(pair, case, rtol=1e-12):
    """Views with gaps between their entries (as heads split from D are) give the same numbers."""
    args, kwargs = case.inputs()
    out, cache = pair[0](*args, **kwargs)
    grads = leaves(pair[1](cotangent(out), cache))
    sparse_out, sparse_cache = pair[0](*(_gaps(a) for a in args), **kwargs)
    sparse_grads = leaves(pair[1](mapped(_gaps, cotangent(sparse_out)), sparse_cache))
    for a, b in zip(leaves(out) + grads, leaves(sparse_out) + sparse_grads, strict=True):
        assert_close(b, a, name=f"{case} from strided inputs", rtol=rtol)


def check_all(pair, cases):
    """All of the above on every case, the quick ones first; differences on the prime sizes only."""
    for case in cases:
        check_shapes(pair, case)
        for z in (PRIMES, SQUARE):
            check_forward(pair, case, z)
            if case.backward:
                check_backward(pair, case, z)
        for dtype in DTYPES:
            check_dtype(pair, case, dtype)
        check_purity(pair, case)
        check_strided(pair, case)
    for case in cases:
        if case.exact:
            check_gradient(pair, case)


def _gaps(a):
    """The same numbers, every second place of a larger array."""
    if not isinstance(a, np.ndarray) or a.ndim == 0:
        return a
    wide = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
    wide[..., ::2] = a
    return wide[..., ::2]


def _copies(values):
    return [np.array(a) for a in values if isinstance(a, np.ndarray)]


def _same(a, b, message):
    equal = [np.array_equal(p, q, equal_nan=True) for p, q in zip(a, b, strict=True)]
    assert all(equal), message
