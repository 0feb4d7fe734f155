"""Step-down max-T in NumPy: Welch's statistic of all items under all relabellings by matrix products."""

from itertools import combinations

import numpy as np

from protocol import serve

RUNS = 6


def run(values, _header):
    items, runs = values.shape
    chosen = np.array(list(combinations(range(runs), RUNS)))
    labels = np.zeros((len(chosen), runs))
    np.put_along_axis(labels, chosen, 1.0, axis=1)
    # Centred, so that the sums of squares keep their digits.
    x = (values - values.mean(axis=1, keepdims=True)).T
    squares = x**2
    one, one_squares = labels @ x, labels @ squares
    zero, zero_squares = x.sum(axis=0) - one, squares.sum(axis=0) - one_squares
    n1, n0 = RUNS, runs - RUNS
    error = (one_squares - one**2 / n1) / (n1 * (n1 - 1))
    error += (zero_squares - zero**2 / n0) / (n0 * (n0 - 1))
    # The first relabelling is the original one.
    t = np.abs(one / n1 - zero / n0) / np.sqrt(error)
    order = np.argsort(-t[0], kind="stable")
    largest = np.maximum.accumulate(t[:, order[::-1]], axis=1)[:, ::-1]
    # The same numbers in another order differ by rounding, and must count as equal.
    p = (largest >= t[0, order] * (1 - 1e-9)).mean(axis=0)
    adjusted = np.empty(items)
    adjusted[order] = np.maximum.accumulate(p)
    return adjusted


if __name__ == "__main__":
    serve(run, [np])
