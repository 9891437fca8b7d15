"""What the published architectures cost: parameters, and operations of the encoder."""

from minibert.check import spec
from minibert.check.cases.case import Case, Formula, lone
from minibert.config import PRESETS, preset
from minibert.eval import encoder_flops
from minibert.model import count_parameters

LENGTHS = 128, 37

# Which models are counted: the head, and whether there is a pooler, as transformers' classes have.
PARTS = {
    "encoder": (None, False),
    "pooler": (None, True),
    "classification": ("classification", True),
    "mlm": ("mlm", False),
    "next_sentence": ("next_sentence", True),
    "tokens": ("tokens", False),
    "span": ("span", False),
}


def model_sizes(names, *, count=count_parameters):
    """The number of parameters of each preset with each of `PARTS`."""
    return {
        name: {part: count(preset(name), *choice) for part, choice in PARTS.items()}
        for name in names
    }


def model_flops(names, lengths, *, count=encoder_flops):
    """The operations of each preset for one sequence of each length."""
    return {name: [count(preset(name), L) for L in lengths] for name in names}


def _presets(rng, z, dtype):
    return (tuple(PRESETS),), {}


def _presets_and_lengths(rng, z, dtype):
    return (tuple(PRESETS), LENGTHS), {}


def _spec_sizes(names):
    return model_sizes(names, count=spec.count_parameters)


def _spec_flops(names, lengths):
    return model_flops(names, lengths, count=spec.encoder_flops)


def _case(op, make, loops, function):
    return Case(op, "", make, (), loops, pair=lone(lambda: function))


FORMULAS = (
    Formula(
        "parameters",
        "The number of parameters",
        "Devlin et al. 2018, section 3, its matrices counted",
        (
            r"n = (V + P + T) D + 2 D + \sum_{\mathrm{layers}} (4 D^2 + 9 D + 2 D F + F)"
            r" + (D^2 + D)",
        ),
        (count_parameters,),
        (spec.linear_size, spec.count_parameters),
        (_case("parameters", _presets, _spec_sizes, model_sizes),),
    ),
    Formula(
        "flops",
        "Operations of the encoder's matrix products",
        "Jiao et al. 2020, table 1, counted anew: a multiply-add is two",
        (r"\mathrm{FLOPs} = \sum_{\mathrm{layers}} 2 L (4 D H K + 2 D F) + 4 L^2 H K",),
        (encoder_flops,),
        (spec.product_flops, spec.encoder_flops),
        (_case("flops", _presets_and_lengths, _spec_flops, model_flops),),
    ),
)
