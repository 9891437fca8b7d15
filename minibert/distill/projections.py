"""The matrices that carry a student's states to its teacher's width.

They are trained with the student and thrown away after it. The paper has one for all layers (W_h)
and one for the embeddings (W_e), both (D_t, D_s) here and without bias.
"""

import numpy as np

HIDDEN = "distill.hidden.weight"
EMBEDDING = "distill.embedding.weight"


def init_projections(student_hidden, teacher_hidden, seed=0, dtype=np.float32):
    """New projections: normal, scaled so that the projected states keep their variance.

    Returns
    -------
    dict of str to ndarray (D_t, D_s)
    """
    rng = np.random.default_rng((seed, 1))  # apart from the stream of init_params(seed)
    shape = (teacher_hidden, student_hidden)
    return {
        name: (rng.standard_normal(shape) / np.sqrt(student_hidden)).astype(dtype)
        for name in (HIDDEN, EMBEDDING)
    }
