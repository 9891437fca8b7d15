"""Variations of the weights: as a file that was written or read wrongly has them."""

from dataclasses import replace
from itertools import combinations

import numpy as np

from minibert.check.activations import Variation
from minibert.check.trace.names import LOGITS, place_of, renumbered
from minibert.check.trace.permutations import permutation
from minibert.model.params import layer_prefix, layer_view

PROJECTIONS = ("query", "key", "value")


def weight_of(name):
    """The weight that a linear layer's tensor is computed with."""
    is_body = name.startswith(("pooler.", "embeddings.", "encoder."))
    return f"bert.{name}.weight" if is_body else f"{name}.weight"


def transposed(scene):
    """A square matrix was taken as it stands where its transpose is meant, or the reverse."""
    squares = [n for n, p in scene.model.params.items() if _is_square(p)]
    suspects = {n: weight_of(n) for n in scene.suspects() if weight_of(n) in squares}
    why = "PyTorch keeps a layer's weight as (out, in), TensorFlow as (in, out)"
    for name, weight in suspects.items():
        kind = name.removeprefix(f"encoder.layer.{place_of(name)}.")
        alike = [n for n in squares if n.endswith(f".{kind}.weight")]
        yield Variation(
            "transposed-weight", f"the weight of {name} is transposed ({why})",
            params=_transposing([weight]),
            wider=(
                Variation(
                    "transposed-weight",
                    f"the weight of {kind} is transposed in every layer ({why})",
                    params=_transposing(alike),
                ),
            ),
        )  # fmt: skip
    if suspects:
        first = next(iter(suspects))
        yield Variation(
            "transposed-weight",
            f"every square weight is transposed, that of {first} first ({why})",
            params=_transposing(squares),
        )  # fmt: skip


def exchanged(scene):
    """Two of query, key and value were taken for one another."""
    for i in scene.layers():
        yield from _exchanged_in(i, range(scene.model.config.n_layers))


def _exchanged_in(i, layers):
    """The same, in layer i and in all of them."""
    for a, b in combinations(PROJECTIONS, 2):
        cause = f"{a}-{b}-swapped"
        yield Variation(
            cause, f"{a} and {b} are swapped in layer {i}", params=_exchanging(a, b, [i]),
            wider=(
                Variation(
                    cause, f"{a} and {b} are swapped in every layer",
                    params=_exchanging(a, b, layers),
                ),
            ),
        )  # fmt: skip
    yield Variation(
        "query-key-swapped",
        f"query and key are swapped in the scores of layer {i}, which are K Q^T, not Q K^T",
        ops={"attention": _scores_of_key_and_query}, places=frozenset({i}),
        wider=(
            Variation(
                "query-key-swapped",
                "query and key are swapped in the scores of every layer: K Q^T, not Q K^T",
                ops={"attention": _scores_of_key_and_query},
            ),
        ),
    )  # fmt: skip


def _scores_of_key_and_query(forward):
    return lambda q, k, v, bias=None, **others: forward(k, q, v, bias, **others)


def biases(scene):
    """A linear layer has no bias."""
    for name in scene.suspects():
        bias = weight_of(name).replace(".weight", ".bias")
        if bias in scene.model.params:
            yield Variation(
                "no-bias", f"the bias of {name} is left out, or zero",
                params=lambda p, n=bias: p | {n: np.zeros_like(p[n])},
            )  # fmt: skip


def layers(scene):
    """A layer runs with another's weights, or all with those of their neighbours."""
    for i in scene.layers():
        yield from _layers_at(i, scene.model.config.n_layers)


def _layers_at(i, N):
    """The same, seen in layer i of N."""
    for j in sorted(set(range(N)) - {i}, key=lambda j: abs(j - i)):
        by = j - i
        clamped = [min(max(n + by, 0), N - 1) for n in range(N)]
        own = [n + by if 0 <= n + by < N else n for n in range(N)]
        cyclic = [(n + by) % N for n in range(N)]
        later = [n if n < i else min(max(n + by, 0), N - 1) for n in range(N)]
        swapped = [{i: j, j: i}.get(n, n) for n in range(N)]
        shifted = f"the layers are shifted: layer i runs with the weights of layer i{by:+d}"
        nearer = by - N if by > N / 2 else by + N if by < -N / 2 else by
        in_a_circle = f"the layers are shifted: layer i runs with the weights of layer i{nearer:+d}"
        forms = {
            f"{shifted}, and where there is none with those of the nearest": clamped,
            f"{shifted}, and where there is none with its own": own,
            f"{in_a_circle}, counted in a circle": cyclic,
            f"{shifted}, from layer {i} on": later,
            f"the layers {min(i, j)} and {max(i, j)} are swapped": swapped,
        }
        alone = [j if n == i else n for n in range(N)]
        yield Variation(
            "layers-shifted", f"layer {i} runs with the weights of layer {j}",
            params=_moving(alone), config=_moved_sizes(alone),
            wider=tuple(
                Variation("layers-shifted", says, params=_moving(m), config=_moved_sizes(m))
                for says, m in forms.items()
            ),
        )  # fmt: skip


def names(scene):
    """The tensors of one layer stand under the name of another."""
    if renumbered(scene.row.name, 0) is None:
        return
    family = scene.row.name.partition(".")[0]
    for by in sorted(range(-scene.model.config.n_layers, scene.model.config.n_layers + 1), key=abs):
        moved = renumbered(scene.row.name, by)
        if by and moved in scene.expected:
            yield Variation(
                "layers-shifted",
                f"the names are shifted, the layers are right: what is called "
                f"{scene.row.name} is {moved}, and so on",
                rename=lambda found, by=by: _renamed(found, family, by),
            )  # fmt: skip


def labels(scene):
    """The classes stand in another order."""
    head, params = scene.model.head, scene.model.params
    name = LOGITS[head]
    if scene.name != name or name + ".weight" not in params:
        return
    order = permutation(scene.theirs, scene.ours, scene.rtol)
    if order is None:
        return
    called = scene.model.config.label_names() if head != "span" else ("start", "end")
    if head == "next_sentence":
        called = ("the next sentence", "another sentence")
    moved = [
        f"output {i} of OTHER is output {j} ({called[j]}) of REFERENCE"
        for i, j in enumerate(order) if i != j
    ]  # fmt: skip
    more = f", and {len(moved) - 8} more" if len(moved) > 8 else ""
    rows = {f"{name}.{kind}": params[f"{name}.{kind}"][order] for kind in ("weight", "bias")}
    says = f"the labels are in another order: {', '.join(moved[:8])}{more}"
    yield Variation("label-order", says, params=lambda p: p | rows)


def _is_square(p):
    return isinstance(p, np.ndarray) and p.ndim == 2 and p.shape[0] == p.shape[1]


def _transposing(weights):
    return lambda params: params | {n: np.ascontiguousarray(params[n].T) for n in weights}


def _exchanging(a, b, layers):
    def change(params):
        new = dict(params)
        for i in layers:
            for kind in ("weight", "bias"):
                x, y = (f"{layer_prefix(i)}attention.self.{n}.{kind}" for n in (a, b))
                new[x], new[y] = params[y], params[x]
        return new

    return change


def _moving(sources):
    """Layer i's parameters become those of layer sources[i]."""

    def change(params):
        new = {n: p for n, p in params.items() if not n.startswith("bert.encoder.")}
        for i, j in enumerate(sources):
            new |= {layer_prefix(i) + n: p for n, p in layer_view(params, j).items()}
        return new

    return change


def _moved_sizes(sources):
    return lambda config: replace(config, layers=tuple(config.layers[j] for j in sources))


def _renamed(found, family, by):
    """The dict with each tensor of a family of names replaced by one so many layers on."""
    new = {}
    for name, array in found.items():
        moved = renumbered(name, by) if name.partition(".")[0] == family else name
        if moved in found:
            new[name] = found[moved]
        elif moved is None:
            new[name] = array
    return new
