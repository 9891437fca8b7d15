"""The catalogue's formulas, right or with a mistake, where the library's own functions stand.

`PLACES` says for each op what is replaced, and in which cases the plain formula says the same (it
knows no dropout, no mask of heads, no other reduction). Results have the inputs' precision.
"""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from inspect import Parameter, Signature
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import numpy as np
from ops.checks import check_backward, check_forward, check_gradient, check_shapes

from minibert import kernels, ops
from minibert.check.cases import PRIMES, SQUARE, formula_called
from minibert.check.cases.case import lone
from minibert.check.cases.loops import rows
from minibert.check.cases.prune import WEIGHTS, importance
from minibert.check.forms import check_numpy
from minibert.check.mistakes import OPS
from minibert.check.references import golden
from minibert.check.structure import is_float, leaves, mapped
from minibert.distill.projections import PROJECTIONS
from minibert.model.encoder import POOLER
from minibert.model.params import layer_prefix
from minibert.ops import Attended, QRows, QTensor
from minibert.prune.structured import HEAD_MASK
from minibert.text.batch import BatchEncoding
from minibert.text.encode import encode_batch
from minibert.train import global_norm

FOLDER = Path(__file__).parents[2]  # of all tests
UPSTREAM = 1.3  # at 1 a gradient that forgets what comes from above cannot be seen


class Written:
    """A formula as somebody may have written it down: `changes` are the steps that are wrong.

    It takes its inputs in order or by name. A step may be given, too: eps, where it is not wrong.
    With `part` "gradient" they are wrong on the way back alone.
    """

    def __init__(self, op, changes=None, part=None):
        self.steps, self.changes, self.part = OPS[op], changes or {}, part
        self.names = [name for name, _ in self.steps.inputs]
        by_name = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in self.names]
        self.__signature__ = Signature(by_name)

    def __call__(self, *args, **given):
        found = self._run("forward", self.inputs(*args, **given))
        return found if len(found) > 1 else found[0]

    def gradient(self, d, **given):
        ((upstream, _),) = self.steps.upstream
        return self._run("gradient", given | {upstream: d})

    def inputs(self, *args, **given):
        return dict(zip(self.names, args, strict=False)) | given

    def _run(self, part, given):
        changes = self.changes if self.part in (part, None) else {}
        given = {name: x for name, x in given.items() if name not in changes}
        found = self.steps.run(given, part, changes)
        dtypes = [x.dtype for x in leaves(given, "").values() if x.ndim and is_float(x)]
        return mapped(lambda x: _in_dtype(x, dtypes[0]), found) if dtypes else found


def _in_dtype(x, dtype):
    return np.asarray(x, dtype)[()] if isinstance(x, float) or is_float(x) else x


# ------------------------------------------------------------------------------- kinds of places


@dataclass(frozen=True)
class Place:
    """What a formula replaces.

    Parameters
    ----------
    name : str
        An op of the kernels; "" for the case's own function; or the place of a function within
        the library, with dots.
    modes : str
        The cases of the formula in which the plain one says the same, "-" the one without a mode.
    adapt : callable
        The function, or the pair of an op, in the library's signature, of a `Written`.
    """

    name: str
    modes: str
    adapt: Callable

    @property
    def is_pair(self):
        return f"{self.name}_backward" in kernels.OPS

    def cases(self, op):
        formula = OPS[op].formula
        names = [formula if mode == "-" else f"{formula}-{mode}" for mode in self.modes.split()]
        return [case for case in formula_called(formula).cases if str(case) in names]

    def taken(self, function):
        """The function or the pair is in its place, within a ``with`` block."""
        if "." in self.name:
            return patch(self.name, function)
        return kernels.swap(**{self.name: function}) if self.name else nullcontext()

    def own(self, case, function):
        """The case, with another function where it has its own."""
        if self.name:
            return case
        pair = function if isinstance(function, tuple) else lone(function)()
        return replace(case, pair=lambda: pair)


class _Cache(NamedTuple):
    given: dict
    shape: tuple  # of the first input, before it was made rows


def _pair(inputs=None, flat=False):
    """The adapter of an op; `inputs` are the formula's, of the library's arguments.

    `flat`: the formula takes rows where the library takes any axes.
    """

    def adapt(run):
        def forward(*args, **kwargs):
            shape = np.shape(args[0])
            if flat:
                args = [rows(x) if is_float(x) else x.reshape(-1) for x in args]
            given = (inputs or run.inputs)(*args, **kwargs)
            return run(**given), _Cache(given, shape)

        def backward(dout, cache):
            found = run.gradient(dout, **cache.given)
            return tuple(d.reshape(cache.shape) for d in found) if flat else found

        return forward, backward

    return adapt


def _op(name, modes="-", inputs=None, flat=False):
    return Place(name, modes, _pair(inputs, flat))


def _case(modes="-", adapt=lambda run: run):
    return Place("", modes, adapt)


# ------------------------------------------------------------------------------------- adapters


def _soft(student, teacher, tau=1.0, mean="batch"):
    return {"student": student, "teacher": teacher, "tau": tau}


def _lookups(word, position, segment, ids, segments, pad_id):
    tables = {"word": word, "position": position, "segment": segment}
    return tables | {"ids": ids, "segments": segments}


def _dropped(x, drop):
    return {"x": x, "keep": ops.keep_mask(x.shape, drop), "rate": drop.rate}


def _info_nce(q, k, tau=1.0):
    return {"q": q, "k": k, "tau": tau}


def _attention(run):
    """Of the library's two results the plain formula has the first."""
    forward, backward = _pair(
        lambda q, k, v, bias=None: {
            "q": q, "k": k, "v": v,
            "bias": np.zeros((1, 1, 1, k.shape[2]), q.dtype) if bias is None else bias,
        }
    )(run)  # fmt: skip

    def attended(*args):
        context, cache = forward(*args)
        return Attended(context, None), cache

    return attended, lambda dout, cache: (*backward(dout.context, cache), None)


def _packed_attention(q, k, v, offsets, drop=None):
    scores = len(q) * int((np.diff(offsets) ** 2).sum())
    keep = np.ones(scores, bool) if drop is None else ops.keep_mask((scores,), drop)
    rate = 0.0 if drop is None else drop.rate
    return {"q": q, "k": k, "v": v, "offsets": offsets, "keep": keep, "rate": rate}


def _no_head_mask(run):
    """The library's last gradient is that of the mask over heads, where there is one."""
    forward, backward = _pair(_packed_attention)(run)
    return forward, lambda dout, cache: (*backward(dout, cache), None)


def _pooler(run):
    """The encoder with another pooler at its end: the library's is part of its functions."""
    names = f"{POOLER}.weight", f"{POOLER}.bias"
    encode, encode_backward = formula_called("encoder").cases[0].pair()

    def forward(params, config, ids, segments, keep):
        out, cache = encode(params, config, ids, segments, keep)
        given = run.inputs(out.hidden[-1], *(params[name] for name in names))
        return out._replace(pooled=run(**given)), (cache, given)

    def backward(d, cache):
        cache, given = cache
        dhidden, *grads = run.gradient(d.pooled, **given)
        hidden = (*d.hidden[:-1], d.hidden[-1] + dhidden)
        right = encode_backward(d._replace(hidden=hidden, pooled=None), cache)
        return right | dict(zip(names, grads, strict=True))

    return forward, backward


def _int8_linear(run):
    def forward(x, w, b):
        x = ops.quantize_affine(x)
        return run(x.q, x.scale, x.zero, w.q, w.scale, b), None

    return forward


def _attention_loss(run):
    """The library's returns a gradient, too; that of a loss whose upstream gradient is 1."""

    def loss(a_s, a_t, keep, spec):
        given = dict(zip(run.names, (a_s, a_t, keep), strict=False))
        (da,) = run.gradient(UPSTREAM, **given)
        return float(run(**given)), da / a_s.dtype.type(UPSTREAM)

    return loss


def _hidden_loss(run):
    def loss(h_s, h_t, keep, proj, part, spec):
        weight, _ = PROJECTIONS[spec.mode][part]
        given = run.inputs(h_s, h_t, proj[weight])
        dh, dw = (d / h_s.dtype.type(UPSTREAM) for d in run.gradient(UPSTREAM, **given))
        return float(run(**given)), dh, {weight: dw}

    return loss


def _clip_global(run):
    """The library also returns the norm, and passes on a None, which stands for no gradient."""

    def clip_global(grads, max_norm):
        there = {name: g for name, g in grads.items() if g is not None}
        found = there if max_norm is None else run(there, max_norm)
        return dict.fromkeys(grads) | found, global_norm(grads)

    return clip_global


def _schedule(run):
    return lambda name, total_steps, warmup, n: np.array(
        [run(step, total_steps, warmup) for step in range(n)]
    )


def _f1_macro(run):
    return lambda predicted, labels, average: run(np.asarray(predicted), np.asarray(labels))


def _masks(run):
    """The library rounds the number of weights; the plain formula cuts it off."""

    def mask(w, share):
        return run(w, (round(share * w.size) + 0.2) / w.size)

    def masks(params, share, *, scope, names):
        if scope == "layer":
            return {name: mask(params[name], share) for name in names}
        ends = np.cumsum([params[name].size for name in names])
        whole = np.concatenate([params[name].reshape(1, -1) for name in names], 1)
        found = np.split(mask(whole, share), ends[:-1], 1)
        return {n: m.reshape(params[n].shape) for n, m in zip(names, found, strict=True)}

    return masks


def _head_importance(run):
    def both(params, batches, *, config):
        names = [layer_prefix(i) + HEAD_MASK for i in range(config.n_layers)]
        heads = tuple(run(np.stack([grads[name] for grads in batches])) for name in names)
        return importance(params, batches, config=config) | {"heads": heads}

    return both


def _neuron_importance(run):
    def both(params, batches, *, config):
        names = [[layer_prefix(i) + name for name in WEIGHTS] for i in range(config.n_layers)]
        neurons = tuple(
            sum(run(*(d[n] for d in (params, grads) for n in of_layer)) for grads in batches)
            for of_layer in names
        )
        return importance(params, batches, config=config) | {"neurons": neurons}

    return both


def _encode_batch(run):
    """Pairs alone, all of one length."""
    names = "input_ids", "token_type_ids", "attention_mask"

    def batch(pieces, texts, *, ends, pad_id, max_length, **options):
        special = {"ends": ends, "pad_id": pad_id, "max_length": max_length}
        right = encode_batch(pieces, texts, **special, **options)
        columns = {name: right[name].tolist() for name in names}
        for n, pair in enumerate(texts):
            first, second = map(pieces.ids, pair)
            half, odd = divmod(max_length - 3, 2)
            # Two that are over half share the room; of an odd one the library gives the last place
            # to the text that was longer, or to b, and the plain formula always to a.
            if len(first) > len(second) or not odd or min(len(first), len(second)) <= half:
                row = run(first, second, *ends, pad_id, max_length)
                for name, values in zip(names, row, strict=True):
                    columns[name][n] = values
        return BatchEncoding({name: np.array(values) for name, values in columns.items()})

    return batch


# ---------------------------------------------------------------------------------------- table

_LOSSES = "minibert.distill.losses"
_UNCASED = "uncased pairs single-cut longest-first only-first only-second"

PLACES = {
    "linear": _op("linear", "- rows square"),
    "dropout": _op("dropout", inputs=_dropped),
    "pooler": _case("-", _pooler),
    "layernorm": _op("layernorm", "- large-eps"),
    "gelu": _op("gelu"),
    "gelu_tanh": _op("gelu_tanh"),
    "tanh": _op("tanh"),
    "relu": _op("relu", "- zeros"),
    "softmax": _op("softmax", "- square"),
    "log_softmax": _op("log_softmax", "- extreme"),
    "attention": Place("attention", "- padding causal bias-by-head cross square", _attention),
    "packed_attention": Place("packed_attention", "- dropout square", _no_head_mask),
    "padded_softmax": _case("padding"),
    "causal_softmax": _case("causal"),
    "linear_gelu": _op("linear_gelu"),
    "linear_add_layernorm": _op("linear_add_layernorm", "- square large-eps"),
    "embedding": _op("embedding", "pad", _lookups),
    "sinusoidal_positions": Place("sinusoidal_positions", "-", lambda run: run),
    "cross_entropy": _op("softmax_cross_entropy", flat=True),
    "masked_cross_entropy": _op("softmax_cross_entropy", "- ignore"),
    "smoothed_cross_entropy": _op("softmax_cross_entropy", "smoothing", flat=True),
    "soft_cross_entropy": _op("soft_cross_entropy", "- tau low-tau tokens", _soft, flat=True),
    "soft_cross_entropy_repo": _op("soft_cross_entropy", "all tau-all", _soft),
    "kl": _op("kl", "- tau low-tau tokens", _soft, flat=True),
    "mse": _op("mse"),
    "cosine": _op("cosine"),
    "info_nce": _op("info_nce", "- tau", _info_nce),
    "attention_loss": Place(f"{_LOSSES}._attention_loss", "paper-all", _attention_loss),
    "attention_loss_exact": Place(f"{_LOSSES}._attention_loss", "paper-exact", _attention_loss),
    "attention_loss_repo": Place(f"{_LOSSES}._attention_loss", "repo repo-edge", _attention_loss),
    "hidden_loss": Place(f"{_LOSSES}._hidden_loss", "paper-hidden-only", _hidden_loss),
    "uniform_map": _case(
        "uniform-12-to-4 uniform-12-to-5 uniform-12-to-6",
        lambda run: lambda n_student, n_teacher: tuple(run(n_student, n_teacher).tolist()),
    ),
    "adamw": _case("update"),
    "bert_adam": _case("update"),
    "clip_global": _case("global", _clip_global),
    "linear_schedule": _case("linear", _schedule),
    "cosine_schedule": _case("cosine cosine-past-the-end", _schedule),
    "bert_schedule": _case("bert-linear", _schedule),
    "quantize_symmetric": Place(
        "quantize_symmetric", "- ties zeros", lambda run: lambda w: QTensor(*run(np.float32(w)))
    ),
    "quantize_affine": Place(
        "quantize_affine", "- one-sided ties", lambda run: lambda x: QRows(*run(np.float32(x)))
    ),
    "int8_linear": Place("int8_linear_forward", "- long", _int8_linear),
    "magnitude_mask": _case("layer global nothing", _masks),
    "soft_threshold": _case(),
    "head_importance": _case("-", _head_importance),
    "neuron_importance": _case("-", _neuron_importance),
    "wordpiece": Place("minibert.text.pieces.wordpiece", _UNCASED, lambda run: run),
    "basic_tokenize": Place(
        "minibert.text.pieces.spaced_words",
        _UNCASED,
        lambda run: lambda text, **rules: " ".join(run(text)),
    ),
    "encode_pair": Place("minibert.text.tokenizer.encode_batch", "longest-first", _encode_batch),
    "matthews": _case("binary one-answer"),
    "f1_macro": _case("macro", _f1_macro),
}


class Tests(NamedTuple):
    """Tests of an op in a file of its own, called on a function that is no case's."""

    file: str
    name: str  # of the library's function in that file; "" where `PLACES` reaches it
    tests: str
    adapt: Callable = lambda run: run


TESTS = {
    "bert_adam": Tests(
        "train/test_optimizers.py",
        "bert_adam_formula",
        "test_the_formula_of_bert_adam_is_its_loop_form",
    ),
    "clip_global": Tests(
        "train/test_clipping.py",
        "clip_global",
        "test_clip_global_by_hand test_short_gradients_are_left_alone",
        _clip_global,
    ),
    # In the tokenizer words are parts of a text: there one cannot be empty, or hold a space.
    "basic_tokenize": Tests("text/test_basic_tokens.py", "basic_tokenize", "test_words"),
    "f1_macro": Tests("eval/test_metrics.py", "f1", "test_macro_f1", _f1_macro),
    "encode_pair": Tests(
        "text/test_tokenizer_call.py", "", "test_padding_id_of_pairs_is_the_vocabularys"
    ),
}


# ---------------------------------------------------------------------------------------- checks


def check_golden(op, changes=None, part=None):
    """The golden files, and the loop form on other inputs: what `minibert verify` goes by."""
    place = PLACES[op]
    function = place.adapt(Written(op, changes, part))
    with place.taken(function):
        for case in place.cases(op):
            check, report = check_numpy(place.own(case, function), golden(str(case)), seed=1)
            assert check.state == "ok", f"{case}\n{report}"


def check_op(op, changes=None, part=None):
    """The checks that every op has to pass, forward first."""
    place = PLACES[op]
    pair, cases = place.adapt(Written(op, changes, part)), place.cases(op)
    for check in (check_forward, check_backward, check_shapes, check_gradient):
        for z in (PRIMES, SQUARE):
            for case in cases:
                if case.exact or check is not check_gradient:
                    check(pair, case, z)


def check_tests(op, changes=None, part=None):
    """The op's tests in `TESTS`, with every set of their parameters."""
    file, name, tests, adapt = TESTS[op]
    place, run = PLACES[op], Written(op, changes, part)
    module = _module(file)
    with place.taken(place.adapt(run)), patch.object(module, name or "__doc__", adapt(run)):
        for test in tests.split():
            function = getattr(module, test)
            for arguments in _parameters(function):
                function(**arguments)


@cache
def _module(file):
    spec = spec_from_file_location(Path(file).stem, FOLDER / file)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _parameters(test):
    """Every set of arguments that a test is parametrized with, one at least."""
    found = [{}]
    for mark in getattr(test, "pytestmark", ()):
        if mark.name == "parametrize":
            names, values = mark.args
            names = [names] if isinstance(names, str) else names
            found = [
                given | dict(zip(names, value if len(names) > 1 else [value], strict=True))
                for given in found
                for value in values
            ]
    return found
