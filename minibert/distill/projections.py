"""The matrices that carry a student's states to its teacher's width.

They are trained with the student and thrown away after it. The paper has one for all layers (W_h)
and one for the embeddings (W_e), both (D_t, D_s) here and without bias. The code that its authors
released has a single layer with a bias for everything, and uses it even where the widths are equal.
"""

import numpy as np

from minibert.distill.spec import check_mode

HIDDEN = "distill.hidden.weight"
EMBEDDING = "distill.embedding.weight"
FIT_WEIGHT = "distill.fit_dense.weight"
FIT_BIAS = "distill.fit_dense.bias"

# mode -> the names of (W, b) by which each loss projects
PROJECTIONS = {
    "paper": {"hidden": (HIDDEN, None), "embedding": (EMBEDDING, None)},
    "repo": {"hidden": (FIT_WEIGHT, FIT_BIAS), "embedding": (FIT_WEIGHT, FIT_BIAS)},
}


def init_projections(student_hidden, teacher_hidden, seed=0, dtype=np.float32, mode="paper"):
    """New projections.

    Parameters
    ----------
    student_hidden, teacher_hidden : int
        D_s and D_t.
    seed : int
    dtype : dtype
    mode : {"paper", "repo"}
        "paper": two matrices, normal, scaled so that the projected states keep their variance.
        "repo": one matrix and its bias, started as the released code starts every linear layer:
        normal with standard deviation 0.02, the bias zero.

    Returns
    -------
    dict of str to ndarray
        Matrices (D_t,D_s), the bias (D_t,).

    Raises
    ------
    ValueError
        The mode is neither.

    Examples
    --------
    >>> {name: p.shape for name, p in init_projections(2, 3, mode="repo").items()}
    {'distill.fit_dense.weight': (3, 2), 'distill.fit_dense.bias': (3,)}
    """
    check_mode(mode)
    rng = np.random.default_rng((seed, 1))  # apart from the stream of init_params(seed)
    shape = (teacher_hidden, student_hidden)
    if mode == "repo":
        weight = (0.02 * rng.standard_normal(shape)).astype(dtype)
        return {FIT_WEIGHT: weight, FIT_BIAS: np.zeros(teacher_hidden, dtype)}
    return {
        name: (rng.standard_normal(shape) / np.sqrt(student_hidden)).astype(dtype)
        for name in (HIDDEN, EMBEDDING)
    }
