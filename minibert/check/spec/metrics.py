"""How good predictions x are for the labels y: counted one example at a time."""

import math


def accuracy(x, y):
    """The share of examples with x[i] = y[i]."""
    hits = 0
    for i in range(len(y)):
        if x[i] == y[i]:
            hits += 1
    return hits / len(y)


def f1_of_class(x, y, c):
    """2PR / (P + R) with P = TP/(TP + FP) and R = TP/(TP + FN); 0 without a hit."""
    TP = FP = FN = 0
    for i in range(len(y)):
        if x[i] == c and y[i] == c:
            TP += 1
        elif x[i] == c:
            FP += 1
        elif y[i] == c:
            FN += 1
    if TP == 0:
        return 0.0
    P, R = TP / (TP + FP), TP / (TP + FN)
    return 2 * P * R / (P + R)


def f1(x, y, average):
    """Of class 1 ("binary"), or the mean over the classes that occur in x or y ("macro")."""
    if average == "binary":
        return f1_of_class(x, y, 1)
    total, classes = 0.0, {*x, *y}
    for c in classes:
        total += f1_of_class(x, y, c)
    return total / len(classes)


def matthews(x, y):
    """R = sum_klm (n[k,k] n[l,m] - n[k,l] n[m,k]) / sqrt(sum_k t_k (n - t_k) sum_k p_k (n - p_k)).

    n[k,l] counts label k predicted as l, t_k labels and p_k predictions of class k; 0 for 0/0.
    """
    classes = sorted({*x, *y})
    n = {(k, l): 0 for k in classes for l in classes}
    for i in range(len(y)):
        n[y[i], x[i]] += 1
    above = 0
    for k in classes:
        for l in classes:
            for m in classes:
                above += n[k, k] * n[l, m] - n[k, l] * n[m, k]
    labels = predictions = 0
    for k in classes:
        t = sum(n[k, l] for l in classes)
        p = sum(n[l, k] for l in classes)
        labels += t * (len(y) - t)
        predictions += p * (len(y) - p)
    if labels == 0 or predictions == 0:
        return 0.0
    return above / math.sqrt(labels * predictions)


def pearson(x, y):
    """sum (x - mx)(y - my) / sqrt(sum (x - mx)^2 sum (y - my)^2); NaN for a constant."""
    n = len(y)
    mx, my = sum(x) / n, sum(y) / n
    xy = xx = yy = 0.0
    for i in range(n):
        xy += (x[i] - mx) * (y[i] - my)
        xx += (x[i] - mx) ** 2
        yy += (y[i] - my) ** 2
    if xx == 0 or yy == 0:
        return math.nan
    return xy / math.sqrt(xx * yy)


def ranks(x):
    """1 for the smallest; the mean of their places for equals: how many are less, and half."""
    found = []
    for a in x:
        less = equal = 0
        for b in x:
            less += b < a
            equal += b == a
        found.append(less + (equal + 1) / 2)
    return found


def spearman(x, y):
    """Pearson's correlation of the ranks."""
    return pearson(ranks(x), ranks(y))


def mean_squared_error(x, y):
    """The mean of (x[i] - y[i])^2."""
    total = 0.0
    for i in range(len(y)):
        total += (x[i] - y[i]) ** 2
    return total / len(y)
