"""Pruning: which weights stay, how far they shrink, how much a head or a neuron matters."""

import numpy as np


def magnitude_masks(matrices, share):
    """Masks of matrices that are cut together: |w| above the k-th smallest, k = share of all.

    One matrix in the list is pruning per layer, all of them is global pruning.
    """
    sizes = []
    for w in matrices:
        for i in np.ndindex(w.shape):
            sizes.append(abs(w[i]))
    sizes.sort()
    k = round(share * len(sizes))
    masks = [np.ones(w.shape, np.bool_) for w in matrices]
    if k > 0:
        for w, mask in zip(matrices, masks, strict=True):
            for i in np.ndindex(w.shape):
                mask[i] = abs(w[i]) > sizes[k - 1]
    return masks


def masked(w, mask):
    """w where the mask has it stay, 0 elsewhere; of dL/d that, likewise, dL/dw."""
    out = np.zeros_like(w)
    for i in np.ndindex(w.shape):
        if mask[i]:
            out[i] = w[i]
    return out


def soft_threshold(w, amount):
    """w - amount above it, w + amount below -amount, 0 in between."""
    out = np.zeros_like(w)
    for i in np.ndindex(w.shape):
        if w[i] > amount:
            out[i] = w[i] - amount
        elif w[i] < -amount:
            out[i] = w[i] + amount
    return out


def head_importance(dmasks):
    """I[h] = sum over batches |dL/dmask[h]|, for the gradients (H,) of each batch."""
    importance = np.zeros_like(dmasks[0])
    for dmask in dmasks:
        for h in range(len(dmask)):
            importance[h] += abs(dmask[h])
    return importance


def neuron_importance(w1, b1, w2, gradients):
    """I[f] = sum over batches of what scaling the neuron's input, and its output, would change.

    |sum_j w1[f,j] dw1[f,j] + b1[f] db1[f]| + |sum_i w2[i,f] dw2[i,f]|, for w1 (F,D), b1 (F,),
    w2 (D,F), and (dw1, db1, dw2) of each batch.
    """
    F, D = w1.shape
    importance = np.zeros_like(b1)
    for dw1, db1, dw2 in gradients:
        for f in range(F):
            into, out = b1[f] * db1[f], 0.0
            for d in range(D):
                into += w1[f, d] * dw1[f, d]
                out += w2[d, f] * dw2[d, f]
            importance[f] += abs(into) + abs(out)
    return importance


def most_important(scores, n):
    """The places of the n highest scores, ascending: the best of those left, n times."""
    kept = []
    for _ in range(n):
        best = None
        for i in range(len(scores)):
            if i not in kept and (best is None or scores[i] > scores[best]):
                best = i
        kept.append(best)
    return np.array(sorted(kept))
