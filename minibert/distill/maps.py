"""Which teacher layer a student layer learns from (Jiao et al. 2020, section 4).

Layers are counted from 1, since 0 is the embedding output and g(0) = 0 always. Student layer m
learns the attention scores and the hidden state of teacher layer g(m), for m = 1..M.
"""

from minibert.distill.spec import check_mode


def uniform_map(n_student, n_teacher, mode="paper"):
    """g(m) = floor(m N / M): evenly spread, the last from the last.

    Parameters
    ----------
    n_student, n_teacher : int
        M and N.
    mode : {"paper", "repo"}
        "repo" refuses an M that does not divide N, as the released code does.

    Returns
    -------
    tuple of int

    Raises
    ------
    ValueError
        The student is deeper than its teacher, or mode="repo" and M does not divide N.

    Examples
    --------
    >>> uniform_map(4, 12)
    (3, 6, 9, 12)
    """
    _check(n_student, n_teacher)
    check_mode(mode)
    if mode == "repo" and n_teacher % n_student:
        raise ValueError(
            f"a student of {n_student} layers does not divide a teacher of {n_teacher}, which the "
            'released code refuses; take mode="paper", which rounds m N / M down'
        )
    return tuple(m * n_teacher // n_student for m in range(1, n_student + 1))


def top_map(n_student, n_teacher):
    """g(m) = m + N - M: the teacher's last layers."""
    _check(n_student, n_teacher)
    return tuple(m + n_teacher - n_student for m in range(1, n_student + 1))


def bottom_map(n_student, n_teacher):
    """g(m) = m: the teacher's first layers."""
    _check(n_student, n_teacher)
    return tuple(range(1, n_student + 1))


def _check(n_student, n_teacher):
    if not 1 <= n_student <= n_teacher:
        raise ValueError(
            f"a student of {n_student} layers cannot learn from a teacher of {n_teacher}: "
            "it has at least one and no more than its teacher"
        )
