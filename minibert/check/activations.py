"""Every tensor that the model computes on its way, under the names of Hugging Face's modules.

The tensors come from the model's own code: its linear layers are called through a seam that has
their names, and the ops between them are swapped for ones that write down what they return.

A `Variation` is the same model with one thing done otherwise: other weights, another config,
other inputs, another op. `minibert.check.trace` runs a reference under each usual mistake.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field

import numpy as np

from minibert import kernels as F
from minibert.model import ComposedLinear, bert_forward, check_batch
from minibert.model.block import join_heads
from minibert.model.params import TRANSFORM

# Attention calls softmax, the one that stands there when attention is swapped: so it is second.
WATCHED = (("softmax", "layernorm", "gelu", "tanh", "embedding"), ("attention",))
EMBEDDINGS, HEAD = "embeddings", "head"  # places beside the layers, which are numbers
LAYER = "encoder.layer."


@dataclass(frozen=True)
class Variation:
    """One thing done otherwise.

    Parameters
    ----------
    cause : str
        A short name, such as "transposed-weight".
    says : str
        What is done otherwise, in a sentence.
    params, config : callable, optional
        From the parameters (the config) to others.
    inputs : callable, optional
        (ids, segments, keep) to three others.
    ops : mapping
        Name of an op, such as "gelu", to a function from its forward to another forward.
    places : collection, optional
        Where `ops` are otherwise: numbers of layers, "embeddings", "head"; everywhere if None.
    linear : type
        Subclass of `Recorder`, where a layer is put together in another way.
    rename : callable, optional
        From the dict of activations to one under other names; the model stays as it is.
    wider : tuple of Variation
        The same in more places; worth a look only where this one fits.
    """

    cause: str
    says: str
    params: Callable | None = None
    config: Callable | None = None
    inputs: Callable | None = None
    ops: Mapping[str, Callable] = field(default_factory=dict)
    places: frozenset | None = None
    linear: type | None = None
    rename: Callable | None = None
    wider: tuple = ()


def activations(
    params,
    config,
    ids,
    segments=None,
    keep=None,
    head=None,
    *,
    variations=(),
    until=None,
    known=None,
):
    """Run the model, and return all that it computes.

    Parameters
    ----------
    params, config, ids, segments, keep, head
        See `minibert.model.bert_forward`.
    variations : sequence of Variation
        What to do otherwise.
    until : str, optional
        The last tensor that is wanted; nothing is computed after it.
    known : dict, optional
        Products of linear layers from earlier runs, where this one keeps its own: what is as it
        was is not computed again.

    Returns
    -------
    dict of str to ndarray
        In forward order.

    Examples
    --------
    >>> from minibert import BertConfig
    >>> from minibert.model import init_params
    >>> config = BertConfig.uniform(vocab=9, hidden=4, n_layers=1, heads=2, ffn=6)
    >>> found = activations(init_params(config), config, np.array([[2, 7, 3]]))
    >>> list(found)[:4]  # doctest: +NORMALIZE_WHITESPACE
    ['embeddings.word_embeddings', 'embeddings.position_embeddings',
     'embeddings.token_type_embeddings', 'embeddings.LayerNorm']
    >>> found["encoder.layer.0.attention.self.scores"].shape
    (1, 2, 3, 3)
    """
    ids, segments, keep = check_batch(ids, segments, keep)
    for v in variations:
        params = v.params(params) if v.params else params
        config = v.config(config) if v.config else config
        ids, segments, keep = (v.inputs or _as_they_are)(ids, segments, keep)
    padded = frozenset({"padding"})  # every tensor has the places of the batch
    seam = next((v.linear for v in variations if v.linear), Recorder)(params, config, until, known)
    with F.use("numpy"), ExitStack() as swaps:
        for ops in WATCHED:
            forwards = {f"{op}_forward": seam.watched(op, variations) for op in ops}
            swaps.enter_context(F.swap(**forwards))
        with suppress(_Reached):
            out, _ = bert_forward(
                params, config, ids, segments, keep, head=head, want=padded, linear=seam
            )
            if head == "mlm":  # its decoder is the word table, no layer with a name
                seam.note("cls.predictions", out.logits)
    return seam.found


class _Reached(Exception):  # noqa: N818, no error
    """The last tensor that was wanted is there."""


class Recorder(ComposedLinear):
    """The linear layers of the model, which write down what they return.

    ``found`` is the dict of activations; ``place`` is where the model is: "embeddings", the
    number of a layer, or "head".
    """

    def __init__(self, params, config, until=None, known=None):
        self.params, self.config, self.until, self.known = params, config, until, known
        self.found, self.place, self.probabilities = {}, EMBEDDINGS, None

    def note(self, name, y):
        """Write down a tensor."""
        name = name.removeprefix("bert.")
        self.found[name] = y
        if name == self.until:
            raise _Reached

    def watched(self, op, variations=()):
        """The op's forward, which writes down what it returns where that has a name."""
        forward, watch = getattr(F, f"{op}_forward"), getattr(self, f"_{op}", None)
        for v in variations:
            if op in v.ops:
                forward = self._varied(forward, v.ops[op](forward), v.places)
        return (lambda *args, **kwargs: watch(forward, *args, **kwargs)) if watch else forward

    def _varied(self, usual, other, places):
        """The usual forward, and another one in some places."""

        def call(*args, **kwargs):
            here = places is None or self.place in places
            return (other if here else usual)(*args, **kwargs)

        return call

    def forward(self, name, x, w, b):
        """y = x W^T + b."""
        if not name.startswith(f"bert.{LAYER}"):
            self.place = HEAD
        seen, y = (self.known or {}).get(name, (None, None))
        if seen is None or seen[1] is not w or seen[2] is not b or not np.array_equal(seen[0], x):
            y, _ = super().forward(name, x, w, b)
            if self.known is not None:
                self.known.setdefault(name, ((x, w, b), y))
        self.note(name, y)
        return y, None

    def qkv_forward(self, names, x, weights):
        """(q, k, v)."""
        self.place = int(names[0].removeprefix(f"bert.{LAYER}").partition(".")[0])
        return super().qkv_forward(names, x, weights)

    def gelu_forward(self, name, x, w, b):
        """gelu(x W^T + b)."""
        y, cache = super().gelu_forward(name, x, w, b)
        block = name.removesuffix(".dense")
        self.note(f"{block}.transform_act_fn" if block == TRANSFORM else block, y)
        return y, cache

    def add_layernorm_forward(self, name, x, w, b, residual, gamma, beta, eps, drop):
        """layernorm(residual + x W^T + b)."""
        y, cache = super().add_layernorm_forward(name, x, w, b, residual, gamma, beta, eps, drop)
        self.note_norm(name.removesuffix(".dense"), y)
        return y, cache

    def note_norm(self, block, y):
        """Write down what a LayerNorm returns, which is what the block around it does."""
        self.note(f"{block}.LayerNorm", y)
        self.note(block, y)

    def _embedding(self, forward, word, position, segment, ids, segments=None, pad_id=0):
        e, cache = forward(word, position, segment, ids, segments, pad_id)
        segments = np.zeros_like(ids) if segments is None else segments
        rows = (word, ids), (position, np.arange(ids.shape[1])[None]), (segment, segments)
        for name, (table, i) in zip(("word", "position", "token_type"), rows, strict=True):
            y = table[i] if isinstance(table, np.ndarray) else table.rows(i)
            self.note(f"embeddings.{name}_embeddings", y)
        return e, cache

    def _layernorm(self, forward, x, gamma, beta, eps):
        y, cache = forward(x, gamma, beta, eps)
        if self.place in (EMBEDDINGS, HEAD):  # those of the layers are noted by the seam
            self.note_norm(TRANSFORM if self.place == HEAD else EMBEDDINGS, y)
        return y, cache

    def _softmax(self, forward, s):
        self.probabilities, cache = forward(s)
        return self.probabilities, cache

    def _attention(self, forward, q, k, v, bias=None, *, want_scores=False, **others):
        self.probabilities = None
        attended, cache = forward(q, k, v, bias, want_scores=True, **others)
        name = f"{LAYER}{self.place}.attention.self"
        self.note(f"{name}.scores", attended.scores)
        if self.probabilities is not None:  # an attention of one's own may call no softmax of ours
            self.note(f"{name}.probabilities", self.probabilities)
        self.note(name, join_heads(attended.context))
        return attended, cache

    def _tanh(self, forward, x):
        y, cache = forward(x)
        self.note("pooler", y)
        return y, cache


def _as_they_are(*inputs):
    return inputs
