"""Where the numbers part, and the runs that try to explain it."""

from typing import NamedTuple

import numpy as np

from minibert.check.activations import Variation, activations
from minibert.check.compare import relative_error
from minibert.check.trace.comparing import Row, first_difference, fitted
from minibert.check.trace.inputs import Inputs
from minibert.check.trace.model import Model
from minibert.check.trace.names import place_of, primary_names, with_aliases

# Where these agree, whatever was computed before them does.
STATES = ("embeddings", ".attention.output", ".output")


class Scene(NamedTuple):
    """The reference, the other's tensors, and the first of them that differs."""

    model: Model
    inputs: Inputs
    expected: dict  # the reference's, in forward order
    got: dict
    rtols: dict  # name -> the largest relative error that counts as equal
    row: Row  # the first that differs
    known: dict  # the reference's products, for `activations`

    @property
    def name(self):
        """The tensor that differs, under its first name."""
        primary = primary_names(self.model.config.n_layers, self.model.head)
        return primary.get(self.row.name, self.row.name)

    @property
    def theirs(self):
        """The other's tensor, which differs."""
        return fitted(self.got[self.row.name], self.ours)

    @property
    def ours(self):
        """The reference's."""
        return self.expected[self.row.name]

    @property
    def rtol(self):
        """The largest relative error of it that counts as equal."""
        return self.row.rtol

    def suspects(self):
        """The tensors with which it may have begun: this, and those that are not known before."""
        primary = primary_names(self.model.config.n_layers, self.model.head)
        names = []
        for name in self.expected:
            first = primary.get(name, name)
            if name == self.row.name:
                break
            if name in self.got:
                names = [] if first.endswith(STATES) else names
            elif name == first:
                names.append(name)
        return [*names, self.name]

    def places(self):
        """Where the suspects are computed: "embeddings", numbers of layers, "head"."""
        return tuple(dict.fromkeys(map(place_of, self.suspects())))

    def layers(self):
        """The layers among them."""
        return [place for place in self.places() if isinstance(place, int)]

    def run(self, variation, until=None):
        """The reference's tensors under a variation."""
        m, i = self.model, self.inputs
        if variation.rename:
            return variation.rename(self.expected)
        found = activations(
            m.params, m.config, i.ids, i.segments, i.keep, m.head,
            variations=(*m.as_it_is, variation), until=until, known=self.known,
        )  # fmt: skip
        return with_aliases(found, m.config, m.head)


class Cause(NamedTuple):
    """A variation under which the reference computes the other's tensor."""

    cause: str
    says: str
    agree: int  # how many tensors then agree, until the next that does not
    of: int
    next: str | None  # the next that does not
    error: float  # of the tensor that differed
    explained: int  # how many of those that agree are not before it
    refuted: bool  # a formula that holds in every layer is no longer right where the next is


def explain(scene, variations):
    """Those of the variations that fit, the one that explains most first.

    Parameters
    ----------
    scene : Scene
    variations : iterable of Variation

    Returns
    -------
    list of Cause
        The best of each kind.
    """
    best, seen = {}, set()
    for v in variations:
        if len(scene.layers()) > 1:  # a mistake in one of them fits where it is made in no other
            forms = [form for form in (*v.wider, v) if form.says not in seen]
            seen |= {form.says for form in forms}
        else:
            forms = (v, *v.wider) if fit(scene, v, scene.name) else ()
        for form in forms:
            cause = fit(scene, form)
            if cause and _better(cause, best.get(form.cause)):
                best[form.cause] = cause
    return sorted(best.values(), key=_rank)


def fit(scene, variation: Variation, until=None):
    """The Cause that a variation makes, or None where it does not explain the tensor.

    It explains it if the tensor agrees, all before it still do, and little is left of the
    difference: a tolerance that is almost kept is no explanation.
    """
    found = scene.run(variation, until)
    name = scene.row.name
    if name not in found:
        return None
    got = fitted(scene.got[name], found[name])
    if got.shape != found[name].shape:
        return None
    error = relative_error(got, found[name])
    if error > min(scene.rtol, scene.row.relative / 3.0):
        return None
    following, agree = first_difference(found, scene.got, scene.rtols)
    if following is not None:
        names = list(scene.expected)
        if following.name in names[: names.index(name)]:
            return None
    of = sum(n in scene.got for n in found)
    explained = agree - [n for n in found if n in scene.got].index(name)
    return Cause(
        variation.cause, variation.says, agree, of, following and following.name, error, explained,
        following is not None and _is_refuted(scene, variation, following.name, explained),
    )  # fmt: skip


def _is_refuted(scene, variation, following, explained):
    """Whether the next tensor that differs speaks against a formula, not for a second mistake.

    Who writes a formula wrongly does so in every layer: it has to explain a layer to its end, and
    more than one number.
    """
    if not (variation.ops or variation.linear or variation.config) or variation.params:
        return False
    primary = primary_names(scene.model.config.n_layers, scene.model.head)
    return explained == 1 or place_of(primary.get(following, following)) == place_of(scene.name)


def _better(cause, other):
    return other is None or _rank(cause) < _rank(other)


def _rank(cause):
    """Most tensors first; of equals, the clearly smaller error."""
    size = np.floor(np.log10(max(cause.error, 1e-16)))
    return cause.next is not None, cause.refuted, -cause.agree, size
