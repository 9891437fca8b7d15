"""What the published architectures cost: parameters, and operations of the encoder."""

from minibert.check import spec
from minibert.check.cases.case import Formula, plain_case
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


def _loops_sizes(names):
    return model_sizes(names, count=spec.count_parameters)


def _loops_flops(names, lengths):
    return model_flops(names, lengths, count=spec.encoder_flops)


FORMULAS = (
    Formula(
        id="parameters",
        title="The number of parameters",
        source="Devlin et al. 2018, section 3, its matrices counted",
        tex=(
            r"n = (V + \mathrm{positions} + \mathrm{segments})\, D + 2 D"
            r" + \sum_{\mathrm{layers}} (4 D^2 + 9 D + 2 D F + F) + (D^2 + D)",
        ),
        code=(count_parameters,),
        loops=(spec.linear_size, spec.count_parameters),
        cases=(plain_case("parameters", "", _presets, _loops_sizes, model_sizes),),
    ),
    Formula(
        id="flops",
        title="Operations of the encoder's matrix products",
        source="Jiao et al. 2020, table 1, counted anew: a multiply-add is two",
        tex=(r"\mathrm{FLOPs} = \sum_{\mathrm{layers}} 2 L (4 D H K + 2 D F) + 4 L^2 H K",),
        code=(encoder_flops,),
        loops=(spec.product_flops, spec.encoder_flops),
        cases=(plain_case("flops", "", _presets_and_lengths, _loops_flops, model_flops),),
    ),
)
