"""Embeddings and positions, in loops."""

import math

import numpy as np


def embedding_forward(word, position, segment, ids, segments):
    """e[b,t] = word[ids[b,t]] + position[t] + segment[segments[b,t]], for ids (B,L)."""
    B, L = ids.shape
    e = np.empty((B, L, word.shape[1]), word.dtype)
    for b in range(B):
        for t in range(L):
            for d in range(word.shape[1]):
                e[b, t, d] = word[ids[b, t], d] + position[t, d] + segment[segments[b, t], d]
    return e


def embedding_backward(de, word, position, segment, ids, segments, pad_id):
    """dword, dposition, dsegment: each use of a row adds to it; the pad word's row stays 0."""
    dword, dposition, dsegment = (
        np.zeros_like(word),
        np.zeros_like(position),
        np.zeros_like(segment),
    )
    for b in range(ids.shape[0]):
        for t in range(ids.shape[1]):
            for d in range(word.shape[1]):
                if ids[b, t] != pad_id:
                    dword[ids[b, t], d] += de[b, t, d]
                dposition[t, d] += de[b, t, d]
                dsegment[segments[b, t], d] += de[b, t, d]
    return dword, dposition, dsegment


def sinusoidal_positions(L, D):
    """Row t, columns 2i and 2i+1: the sine and the cosine of t / 10000^(2i/D)."""
    table = np.empty((L, D))
    for t in range(L):
        for d in range(D):
            angle = t / 10000 ** (2 * (d // 2) / D)
            table[t, d] = math.sin(angle) if d % 2 == 0 else math.cos(angle)
    return table
