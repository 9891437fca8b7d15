"""The numbers that a factor may be made of: sizes by their letters, and numbers among inputs."""

import math
from itertools import combinations

import numpy as np


def named_constants(inputs, axes_of):
    """The numbers that a factor may be made of: sizes by their letters, and plain inputs.

    Parameters
    ----------
    inputs : dict
    axes_of : dict of str to tuple
        The axes of each input.
    """
    found = {}
    for name, axes in axes_of.items():
        if name not in inputs:
            continue
        if axes and np.ndim(inputs[name]) == len(axes):
            found |= dict(zip(axes, np.shape(inputs[name]), strict=True))
        elif isinstance(inputs[name], (int, float)) and not isinstance(inputs[name], bool):
            found[name] = inputs[name]
    found = {name: n for name, n in found.items() if not name.isdigit()}
    if "H" in found and "K" in found:
        found["D"] = found["H"] * found["K"]
    return found


def named_factors(constants):
    """Factors that people forget or add, by their names, the plainest first.

    Examples
    --------
    >>> named_factors({"K": 4})["1/sqrt(K)"]
    0.5
    """
    found = {"-1": -1.0, "2": 2.0, "1/2": 0.5}
    letters = [name for name in constants if name.isupper()]
    for x in letters:
        n = constants[x]
        found |= {x: n, f"1/{x}": 1 / n, f"sqrt({x})": math.sqrt(n), f"1/sqrt({x})": n**-0.5}
        found |= {f"{x}/({x}-1)": n / (n - 1), f"({x}-1)/{x}": (n - 1) / n} if n > 1 else {}
    for x in (name for name in constants if not name.isupper()):
        n = constants[x]
        if n:
            found |= {x: n, f"1/{x}": 1 / n, f"{x}^2": n * n, f"1/{x}^2": 1 / (n * n)}
        if 0 < n < 1:
            found |= {f"1-{x}": 1 - n, f"1/(1-{x})": 1 / (1 - n)}
    for many in range(2, len(letters) + 1):
        for some in combinations(letters, many):
            n, name = math.prod(constants[x] for x in some), " ".join(some)
            found |= {name: n, f"1/({name})": 1 / n}
    found |= {"ln 2": math.log(2), "1/ln 2": 1 / math.log(2), "sqrt(2)": 2**0.5}
    found |= {"1/sqrt(2)": 2**-0.5, "1/4": 0.25, "4": 4.0, "ln 10": math.log(10)}
    for name, square in {"sqrt(pi)": math.pi, "sqrt(2 pi)": 2 * math.pi}.items():
        found |= {name: square**0.5, f"1/{name}": square**-0.5}
    return found | {f"-{name}": -n for name, n in found.items() if name != "-1"}
